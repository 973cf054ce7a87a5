import assert from "node:assert/strict";
import { test } from "node:test";
import { House, provenIndexOf } from "../../test/fixtures/house.ts";
import { artifactOf, digestOf, specOf } from "../../test/fixtures/intake.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { SourceSpec, SourceSpecInput } from "../core/model/source.ts";
import type { Fetched, SyncRecord } from "../core/ports.ts";

const TWO = ["https://one.test/", "https://two.test/"];
const MIB = 1024 * 1024;

function pinned(changes: Partial<SourceSpecInput> = {}): SourceSpec {
  return specOf({ trust: { kind: "pinned", digests: {} }, ...changes });
}

function clamav(changes: Partial<SourceSpecInput> = {}): SourceSpec {
  return specOf({ feed: { format: "clamav" }, trust: { kind: "clamav" }, ...changes });
}

/** Files without sizes and digests, as under the trust "none". */
function bareIndexOf(...paths: readonly string[]): string {
  return JSON.stringify({ artifacts: paths.map((path) => artifactOf(path)) });
}

const ended = ({ outcome, code }: SyncRecord) => [outcome, code];
const heldPaths = async (house: House, number: number) =>
  (await house.ledger.entries("s", number)).map(({ path }) => path);

test("a file whose bytes are wrong at the first address is taken from the second", async () => {
  const house = new House();
  house.offer({ a: "alpha", b: "beta" }, 1);
  house.offer({ a: "alpha", b: "beta" }, 2);
  house.upstream.put(1, "b", "BETA");
  assert.equal((await house.sync(pinned({ addresses: TWO }))).outcome, "new-revision");
  assert.deepEqual(house.upstream.asked.toSorted(), ["1 a", "1 b", "1 index", "2 b"]);
  assert.deepEqual(house.codesOf("artifact.refused"), ["artifact.digest-differs"]);
  assert.ok(!house.store.stored.has(digestOf("BETA")), "what was refused is no blob");
  assert.equal(house.store.files.size, 0);
});

test("a file that the first address does not bring is taken from the second, and the first one's fault is the answer when neither does", async () => {
  const house = new House();
  house.offer({ a: "alpha" }, 1);
  house.offer({ a: "alpha" }, 2);
  for (const fault of [null, new Failure("upstream.cut-off", "gone"), "far too long for it"]) {
    house.upstream.put(1, "a", fault);
    house.upstream.put(2, "a", "wrong");
    const record = await house.sync(pinned({ addresses: TWO }));
    const code = fault === null ? "artifact.missing" : fault instanceof Failure ? fault.code : "artifact.size-differs";
    assert.deepEqual(record.code, code);
  }
  house.upstream.put(2, "a", "alpha");
  assert.equal((await house.sync(pinned({ addresses: TWO }))).outcome, "new-revision");
});

test("files that come side by side may not pass the run's budget together, though each alone would fit", async () => {
  const house = new House();
  const files = Object.fromEntries(["a", "b", "c", "d"].map((path) => [path, path.repeat(400)]));
  house.upstream.put(1, "index", bareIndexOf(...Object.keys(files)));
  for (const [path, content] of Object.entries(files)) house.upstream.put(1, path, content);
  const budget = { bytes: 1_800, artifactBytes: 1_000 };
  const record = await house.sync(specOf({ budget, network: { parallel: 4 } }));
  assert.deepEqual(ended(record), ["refused", "budget.total-bytes"]);
  assert.ok(record.bytes <= 1_800 + 4 * 8, `${record.bytes} bytes came`);
  assert.equal(await house.ledger.latestRevision("s"), null);
  assert.equal(house.store.files.size, 0);
});

test("they may not pass together what the source's own history allows, either", async () => {
  const house = new House();
  const spec = specOf({ budget: { growth: 1 }, network: { parallel: 4 } });
  house.upstream.put(1, "index", bareIndexOf("a"));
  house.upstream.put(1, "a", "alpha");
  await house.sync(spec);
  house.upstream.put(1, "index", bareIndexOf("a", "b", "c", "d"));
  const started: string[] = [];
  // Each has the whole allowance before it when it begins; the bytes are only claimed, or the test would move them.
  house.doors.fetcher.fetch = async (_source, wish, signal) => {
    started.push(wish.path);
    if (wish.path === "index") return landedIndex(house);
    while (started.length < 5) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(wish.most > 60 * MIB);
    wish.progress(20 * MIB);
    signal.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    throw new Error("the transfer was not stopped");
  };
  const record = await house.sync(spec);
  assert.deepEqual(ended(record), ["refused", "budget.growth"]);
});

async function landedIndex(house: House): Promise<Fetched> {
  const bytes = Buffer.from(bareIndexOf("a", "b", "c", "d"));
  const landing = await house.store.quarantine.land("index", { most: 10_000, resume: false, sha512: false });
  landing.write(bytes);
  return { kind: "landed", landed: await landing.finish(), etag: null, lastModified: null, dialect: null };
}

test("a run that was stopped for its budget seals nothing, also when what was under way completed", async () => {
  const house = new House();
  house.upstream.put(1, "index", bareIndexOf("a", "b", "c"));
  for (const path of ["a", "b", "c"]) house.upstream.put(1, path, path.repeat(400));
  house.upstream.deaf = true;
  const index = bareIndexOf("a", "b", "c").length;
  const record = await house.sync(specOf({ budget: { bytes: index + 500 }, network: { parallel: 2 } }));
  assert.deepEqual(ended(record), ["refused", "budget.total-bytes"]);
  assert.deepEqual(await house.ledger.revisions("s"), []);
});

test("one file, the whole disk and a listed size each have their cap", async () => {
  const house = new House();
  house.upstream.put(1, "index", bareIndexOf("a"));
  house.upstream.put(1, "a", "x".repeat(1_000));
  assert.deepEqual(ended(await house.sync(specOf({ budget: { artifactBytes: 999 } }))), [
    "refused",
    "budget.artifact-bytes",
  ]);
  assert.deepEqual(ended(await house.sync(specOf({ budget: { freeDisk: 1e12 - 999 } }))), [
    "refused",
    "budget.free-disk",
  ]);
  // Nor may the files of the index take the reserve: a listing may lead to thousands of them.
  assert.deepEqual(ended(await house.sync(specOf({ budget: { freeDisk: 1e12 - 9 } }))), [
    "failed",
    "upstream.over-cap",
  ]);
  assert.equal(
    (await house.sync(specOf({ budget: { freeDisk: 1e12 - 1_000, artifactBytes: 1_000 } }))).outcome,
    "new-revision",
  );
  house.offer({ a: "alpha" });
  house.upstream.put(1, "a", "alphabet");
  assert.deepEqual(ended(await house.sync(pinned())), ["refused", "artifact.size-differs"]);
});

test("the failure of one file ends the others, and is the one that is told, not their echo", async () => {
  const house = new House();
  house.offer({ a: "a".repeat(800), b: "beta", c: "c".repeat(800), d: "d" });
  const ends: string[] = [];
  house.upstream.before = async (what, signal) => {
    if (what === "1 index") return;
    if (what === "1 b") {
      while (house.upstream.asked.length < 4) await new Promise((resolve) => setImmediate(resolve));
      throw new Failure("store.io", "the disk went away");
    }
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    ends.push(what);
  };
  const record = await house.sync(pinned({ network: { parallel: 3 } }));
  assert.deepEqual(ended(record), ["failed", "store.io"]);
  assert.deepEqual(ends.toSorted(), ["1 a", "1 c"]);
  assert.ok(!house.upstream.asked.includes("1 d"), "nothing more was begun");
});

test("the refusal of one file ends the others, and the first to be refused is told", async () => {
  const house = new House();
  house.offer({ a: "a".repeat(800), b: "beta" });
  house.upstream.put(1, "b", "evil");
  const record = await house.sync(pinned({ network: { parallel: 2 } }));
  assert.deepEqual(ended(record), ["refused", "artifact.digest-differs"]);
  assert.ok(record.bytes < 800, "the other one was stopped on its way");
  assert.equal(house.store.files.size, 0);
});

test("an unbound file is asked for by its version, and kept when it has not changed", async () => {
  const house = new House();
  const spec = specOf();
  house.upstream.put(1, "index", bareIndexOf("a", "b"));
  house.upstream.put(1, "a", { content: "alpha", etag: '"a"' });
  house.upstream.put(1, "b", { content: "beta", etag: '"b"' });
  await house.sync(spec);
  house.upstream.put(1, "b", { content: "BETA", etag: '"B"' });
  assert.equal((await house.sync(spec)).revision, 2);
  assert.deepEqual(house.upstream.asked, ["1 index", "1 a if changed", "1 b if changed"]);
  assert.deepEqual(
    (await house.ledger.entries("s", 2)).map(({ sha256 }) => sha256),
    [digestOf("alpha"), digestOf("BETA")],
  );
  assert.equal((await house.sync(spec)).outcome, "nothing-new");
});

test("an upstream that answers 'not modified' to a plain question breaks its protocol", async () => {
  const house = new House();
  house.upstream.put(1, "index", bareIndexOf("a"));
  house.upstream.put(1, "a", { kind: "not-modified" });
  assert.deepEqual(ended(await house.sync(specOf())), ["failed", "upstream.malformed"]);
  house.upstream.put(1, "a", "alpha");
  await house.sync(specOf());
  house.offer({ a: "ALPHA" });
  house.upstream.put(1, "a", { kind: "not-modified" });
  assert.deepEqual(ended(await house.sync(pinned())), ["failed", "upstream.malformed"]);
});

test("a file that may be absent is left out, and one that may not is missing", async () => {
  const house = new House();
  const artifacts = [artifactOf("a"), artifactOf("b", { optional: true })];
  house.upstream.put(1, "index", JSON.stringify({ artifacts }));
  assert.deepEqual(ended(await house.sync(specOf())), ["refused", "artifact.missing"]);
  house.upstream.put(1, "a", "alpha");
  assert.equal((await house.sync(specOf())).outcome, "new-revision");
  assert.deepEqual(await heldPaths(house, 1), ["a"]);
});

test("a file and its detached signature come together, are inspected together, and are both taken", async () => {
  const house = new House();
  house.upstream.put(1, "index", provenIndexOf({ "daily.cvd": 7 }));
  house.upstream.put(1, "daily.cvd", "version 7");
  house.upstream.put(1, "daily.cvd.7.sign", "signs version 7");
  assert.equal((await house.sync(clamav())).outcome, "new-revision");
  assert.deepEqual(await heldPaths(house, 1), ["daily.cvd", "daily.cvd.7.sign"]);
  assert.equal((await house.sync(clamav())).outcome, "nothing-new");
  assert.deepEqual(house.upstream.asked, ["1 index"], "what stands still is not asked for");
});

test("a signature that does not fit has both refused, and neither becomes a blob", async () => {
  const house = new House();
  house.upstream.put(1, "index", provenIndexOf({ "daily.cvd": 7 }));
  house.upstream.put(1, "daily.cvd", "version 7");
  house.upstream.put(1, "daily.cvd.7.sign", "signs version 6");
  assert.deepEqual(ended(await house.sync(clamav())), ["refused", "artifact.signature-wrong"]);
  assert.equal(house.store.stored.size, 0);
  assert.equal(house.store.files.size, 0);
});

test("without its signature a file stands by its own ones, unless the signature may not be absent", async () => {
  const house = new House();
  const index = provenIndexOf({ "daily.cvd": 7 });
  house.upstream.put(1, "daily.cvd", "version 7");
  house.upstream.put(1, "index", index.replaceAll('"optional":true', '"optional":false'));
  assert.deepEqual(ended(await house.sync(clamav())), ["refused", "artifact.missing"]);
  house.upstream.put(1, "index", index);
  assert.equal((await house.sync(clamav())).outcome, "new-revision");
  assert.deepEqual(await heldPaths(house, 1), ["daily.cvd"]);
});

test("a half-updated upstream, or a lie about the version, is refused", async () => {
  const house = new House();
  house.upstream.put(1, "index", provenIndexOf({ "daily.cvd": 8 }));
  house.upstream.put(1, "daily.cvd", "version 7");
  assert.deepEqual(ended(await house.sync(clamav())), ["refused", "artifact.version-differs"]);
});

test("a signature that is held already comes again with its file: nothing unbound is kept on the upstream's word", async () => {
  const house = new House();
  const sign = { content: "signs version 7", etag: '"sign"' };
  house.upstream.put(1, "index", provenIndexOf({ "daily.cvd": 7 }));
  house.upstream.put(1, "daily.cvd", { content: "version 7", etag: '"cvd"' });
  house.upstream.put(1, "daily.cvd.7.sign", sign);
  await house.sync(clamav());
  // The same signature name beside a file without a version: both are fetched, and judged anew.
  const again = provenIndexOf({ "daily.cvd": 7 }, { version: null, series: null });
  house.upstream.put(1, "index", again);
  const record = await house.sync(clamav({ addresses: TWO }));
  assert.equal(record.outcome, "nothing-new");
  assert.deepEqual(house.upstream.asked, ["1 index", "1 daily.cvd.7.sign", "1 daily.cvd"]);
});

test("a download asks for no more than is left of the run's time", async () => {
  const house = new House();
  house.offer({ a: "alpha" });
  const given: number[] = [];
  const fetch = house.upstream.fetch.bind(house.upstream);
  house.upstream.fetch = (source, wish, signal) => {
    given.push(wish.wallTime);
    house.now += 1_000;
    return fetch(source, wish, signal);
  };
  await house.sync(pinned({ budget: { wallTime: "10s" } }));
  assert.deepEqual(given, [10_000, 9_000]);
});

test("a SHA-512 is computed where the feed names one", async () => {
  const house = new House();
  const artifacts = [artifactOf("a", { digests: { sha512: "0".repeat(128) } })];
  house.upstream.put(1, "index", JSON.stringify({ artifacts }));
  house.upstream.put(1, "a", "alpha");
  const record = await house.sync(pinned());
  assert.deepEqual(ended(record), ["refused", "artifact.digest-differs"]);
  assert.doesNotMatch(record.detail, /not computed/);
});
