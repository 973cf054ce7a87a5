import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { parseSha256 } from "../core/kernel/digest.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import type { FoundFile } from "../core/publish/channel-view.ts";
import { type SightingBatch, sightingBatch, unpackSightings } from "../wire/sightings.ts";
import { type Answered, noteAnswered } from "./protocols/http/sighted.ts";
import { type Seen, SightingNotes } from "./sightings.ts";

const NOW = 1_795_442_400_000;
const APT: Seen = { name: "10.0.0.1", agent: "Debian APT-HTTP/1.3 (2.6.1)", protocol: "http" };

function fileOf(name: string, size = 1_000): FoundFile {
  const sha256 = parseSha256(createHash("sha256").update(name).digest("hex"));
  assert.ok(sha256 !== null);
  return { kind: "file", path: `/s/${name}`, source: "s", revision: 4, sha256, size, lastModified: NOW };
}

function noted(): { readonly notes: SightingNotes; readonly batches: SightingBatch[]; ready: boolean } {
  const batches: SightingBatch[] = [];
  const given = { batches, ready: true, notes: null as unknown as SightingNotes };
  given.notes = new SightingNotes({ send: (batch) => batches.push(batch), ready: () => given.ready, now: () => NOW });
  return given;
}

function results(batches: readonly SightingBatch[]): readonly string[] {
  return batches.flatMap((batch) =>
    (unpackSightings(batch, "staging", 0, NOW)?.sightings ?? []).map(({ path, result }) => `${result} ${path}`),
  );
}

test("several requests for one file are one sighting, and the weightiest says what it was", () => {
  const { notes, batches } = noted();
  notes.note(APT, fileOf("a"), "looked", 0);
  notes.note(APT, fileOf("a"), "unchanged", 0);
  notes.note(APT, fileOf("b"), "looked", 0);
  notes.note({ ...APT, name: "10.0.0.2" }, fileOf("a"), "looked", 0);
  notes.flush();
  assert.deepEqual(results(batches), ["unchanged /s/a", "looked /s/a", "looked /s/b"]);
  notes.flush();
  assert.equal(batches.length, 1);
});

test("parts that together are the file are a whole file, in whatever order they come", () => {
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 999 }), { maxLength: 8 });
  fc.assert(
    fc.property(cuts, fc.infiniteStream(fc.nat()), (at, dice) => {
      const ends = [0, ...at.toSorted((a, b) => a - b), 1_000];
      const parts = ends.slice(1).map((end, place) => ({ first: ends[place] ?? 0, last: end - 1 }));
      const shuffled = parts
        .map((part) => [dice.next().value, part] as const)
        .toSorted(([a], [b]) => Number(a) - Number(b));
      const { notes, batches } = noted();
      for (const [, part] of shuffled) {
        notes.sent(APT, fileOf("a"), [part], { bytes: part.last - part.first + 1, complete: true });
        notes.flush();
      }
      const expected = [...shuffled.slice(1).map(() => "partial /s/a"), "whole /s/a"];
      assert.deepEqual(results(batches), expected);
    }),
    { numRuns: 50 },
  );
});

test("a download that broke off and was resumed is whole; one whose middle is missing is not", () => {
  const { notes, batches } = noted();
  const all = { first: 0, last: 999 };
  notes.sent(APT, fileOf("a"), [all], { bytes: 400, complete: false });
  notes.flush();
  notes.sent(APT, fileOf("a"), [{ first: 300, last: 999 }], { bytes: 700, complete: true });
  notes.sent(APT, fileOf("b"), [all], { bytes: 400, complete: false });
  notes.sent(APT, fileOf("b"), [{ first: 500, last: 999 }], { bytes: 500, complete: true });
  notes.flush();
  assert.deepEqual(results(batches), ["partial /s/a", "whole /s/a", "partial /s/b"]);
});

test("an answered request says what its client has", () => {
  const { notes, batches } = noted();
  const answered: Answered = {
    method: "GET",
    status: 200,
    range: undefined,
    path: "/s/a",
    query: null,
    sent: 1_200,
  };
  const of = (name: string, more: Partial<Answered>): void =>
    noteAnswered(notes, APT, "staging", fileOf(name), { ...answered, ...more });
  of("whole", {});
  of("head", { method: "HEAD" });
  of("304", { status: 304 });
  of("broken", { sent: 200 });
  of("range", { status: 206, range: "bytes=0-99" });
  of("both", { status: 206, range: "bytes=0-499,500-999" });
  noteAnswered(notes, APT, "staging", { source: "s", revision: 4 }, { ...answered, status: 404, path: "/s/\n\u{7f}x" });
  noteAnswered(notes, APT, "staging", null, { ...answered, status: 404, path: "/nobody" });
  notes.flush();
  assert.deepEqual(results(batches), [
    "whole /s/whole",
    "looked /s/head",
    "unchanged /s/304",
    "partial /s/broken",
    "partial /s/range",
    "whole /s/both",
    "missing /s/??x",
  ]);
});

test("a report is told by its query, cut, and one that is none is not", () => {
  const { notes, batches } = noted();
  const path = "/.ringfort/report";
  notes.report(APT, "staging", path, "product=av%201%20en&from=1&to=2&result=failed&code=package.unsigned&client=x");
  notes.report(APT, "staging", path, "");
  notes.report(APT, "staging", path, "about=web%0Aserver&result=ok&source=clamav");
  notes.report(APT, "staging", path, "result=perhaps");
  notes.report(APT, "staging", "/.ringfort/other", "result=ok");
  notes.flush();
  const told = batches.flatMap((batch) => batch.reports.map(([, , ...rest]) => rest.join(" ")));
  assert.deepEqual(told, ["av 1 en failed package.unsigned ", "heartbeat ok  ", "web?server ok  clamav"]);
});

test("while the keeper is slow sightings wait and merge, and what is too much is counted", () => {
  const given = noted();
  given.ready = false;
  for (let at = 0; at < 40_000; at += 1) given.notes.note({ ...APT, name: `c${at}` }, fileOf("a"), "looked", 0);
  given.notes.note({ ...APT, name: "c0" }, fileOf("a"), "whole", 5);
  given.notes.flush();
  assert.equal(given.batches.length, 0);
  given.ready = true;
  for (let times = 0; times < 10; times += 1) given.notes.flush();
  const rows = given.batches.reduce((sum, { seen }) => sum + seen.length, 0);
  const lost = given.batches.reduce((sum, batch) => sum + batch.lost, 0);
  assert.deepEqual([rows, lost], [32_768, 40_000 - 32_768]);
  assert.equal(results(given.batches)[0], "whole /s/a");
});

test("whatever clients send, a message is one that the keeper takes, and within its size", () => {
  const given = noted();
  const odd = '\u{1F600}\\"\n'.repeat(100);
  for (let at = 0; at < 3_000; at += 1) {
    const who: Seen = { name: "10.0.0.1", agent: `${at} ${odd}`.slice(0, 160), protocol: "ftp" };
    given.notes.note(who, { source: "s", revision: 4, path: `/${at}${odd}` }, "missing", 0);
    given.notes.note(who, fileOf("€".repeat(300) + at), "whole", 5);
  }
  for (let times = 0; times < 10; times += 1) given.notes.flush();
  assert.ok(given.batches.length > 10);
  for (const batch of given.batches) {
    assert.ok(sightingBatch.safeParse(batch).success);
    assert.ok(Buffer.byteLength(JSON.stringify(batch)) < LIMITS.shortMessageBytes);
  }
  assert.equal(results(given.batches).length, 6_000);
});

test("a batch that names what is not in it is none, and its times are not believed", () => {
  const { notes, batches } = noted();
  notes.note(APT, fileOf("a"), "looked", 0);
  notes.flush();
  const [batch] = batches;
  assert.ok(batch !== undefined);
  assert.equal(unpackSightings({ ...batch, files: [] }, "staging", 0, NOW), null);
  const [row] = batch.seen;
  assert.ok(row !== undefined);
  const future = { ...batch, seen: [[NOW + 9e9, ...row.slice(1)] as typeof row, [0, ...row.slice(1)] as typeof row] };
  const at = unpackSightings(future, "staging", NOW - 60_000, NOW)?.sightings.map((one) => one.at);
  assert.deepEqual(at, [NOW, NOW - 60_000]);
});
