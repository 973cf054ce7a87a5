import assert from "node:assert/strict";
import { test } from "node:test";
import { House, indexOf } from "../../test/fixtures/house.ts";
import { artifactOf, digestOf, specOf } from "../../test/fixtures/intake.ts";
import { Failure } from "../core/kernel/errors.ts";
import { HOUR } from "../core/kernel/instant.ts";
import type { SourceSpec, SourceSpecInput } from "../core/model/source.ts";
import type { Inspector } from "../core/ports.ts";
import { promoteChannel, rollBackChannel } from "./promote.ts";
import { setUpSource } from "./set-up-source.ts";

const PINNED = { kind: "pinned", digests: {} } as const;
const TWO = ["https://one.test/", "https://two.test/"];

function pinned(changes: Partial<SourceSpecInput> = {}): SourceSpec {
  return specOf({ trust: PINNED, ...changes });
}

/** A house that has taken these files as its revision 1, with an index that answers by its version. */
async function houseWith(files: Readonly<Record<string, string>>, spec: SourceSpec = pinned()): Promise<House> {
  const house = new House();
  house.offer(files, 1, '"1"');
  assert.equal((await house.sync(spec)).outcome, "new-revision");
  house.events.length = 0;
  return house;
}

test("a first run takes everything, seals revision 1 and shows it in the first channel alone", async () => {
  const house = new House();
  house.offer({ a: "alpha", "d/b": "beta" });
  const record = await house.sync(pinned());
  assert.deepEqual(
    { ...record, detail: undefined },
    {
      source: "s",
      startedAt: house.now,
      endedAt: house.now,
      outcome: "new-revision",
      code: null,
      detail: undefined,
      revision: 1,
      bytes: indexOf({ a: "alpha", "d/b": "beta" }).length + 9,
      requests: 3,
      by: "ann",
    },
  );
  const entries = await house.ledger.entries("s", 1);
  assert.deepEqual(
    entries.map(({ path, sha256, since }) => [path, sha256, since]),
    [
      ["a", digestOf("alpha"), 1],
      ["d/b", digestOf("beta"), 1],
    ],
  );
  assert.deepEqual(house.views.revisions.get("s/1"), entries);
  assert.deepEqual(house.shown("staging"), ["s 1"]);
  assert.deepEqual([house.shown("pilot"), house.shown("production")], [[], []]);
  assert.deepEqual(house.announced, ["staging"]);
  assert.equal(house.store.files.size, 0, "nothing is left in quarantine");
  assert.deepEqual(house.eventNames(), ["sync.started", "revision.sealed", "channel.moved", "sync.ended"]);
  assert.deepEqual(await house.ledger.syncs("s", 1), [record]);
});

test("an index that is unchanged says in one question that there is nothing new", async () => {
  const house = await houseWith({ a: "alpha" });
  const record = await house.sync(pinned());
  assert.deepEqual([record.outcome, record.requests, record.bytes], ["nothing-new", 1, 0]);
  assert.deepEqual(house.upstream.asked, ["1 index if changed"]);
  assert.equal((await house.ledger.revisions("s")).length, 1);
});

test("an index that comes again but says the same is nothing new, and nothing that is held is asked for", async () => {
  const house = await houseWith({ a: "alpha" });
  house.offer({ a: "alpha" }, 1, '"2"');
  const record = await house.sync(pinned());
  assert.deepEqual([record.outcome, record.revision], ["nothing-new", null]);
  assert.deepEqual(house.upstream.asked, ["1 index if changed"]);
  assert.equal((await house.ledger.upstreamNotes("s")).find(({ path }) => path === "index")?.etag, '"2"');
});

test("of a half-changed index every part is read anew", async () => {
  const house = new House();
  house.inspector.needs = ["index", "index.sig"].map((path) => ({ path, optional: false }));
  house.offer({ a: "alpha" }, 1, '"1"');
  house.upstream.put(1, "index.sig", { content: "sig", etag: '"s"' });
  await house.sync(pinned());
  house.offer({ a: "alpha", b: "beta" }, 1, '"2"');
  assert.equal((await house.sync(pinned())).outcome, "new-revision");
  const [first, second, again] = house.upstream.asked;
  assert.deepEqual([first, second, again], ["1 index if changed", "1 index.sig if changed", "1 index.sig"]);
});

test("of a changed feed only the change is fetched, and the rest stays as it was", async () => {
  const house = await houseWith({ a: "alpha", b: "beta", c: "gamma" });
  house.offer({ a: "alpha", b: "BETA", d: "gamma" }, 1, '"2"');
  const record = await house.sync(pinned());
  assert.equal(record.revision, 2);
  assert.deepEqual(house.upstream.asked, ["1 index if changed", "1 b"]);
  const entries = await house.ledger.entries("s", 2);
  assert.deepEqual(
    entries.map(({ path, since }) => [path, since]),
    [
      ["a", 1],
      ["b", 2],
      ["d", 2],
    ],
  );
  assert.deepEqual(house.shown("staging"), ["s 2"]);
});

test("content that another source brought is not fetched again", async () => {
  const house = await houseWith({ a: "alpha" });
  house.offer({ b: "alpha" });
  const record = await house.sync(pinned({ name: "other" }));
  assert.deepEqual([record.outcome, house.upstream.asked], ["new-revision", ["1 index"]]);
  assert.equal((await house.ledger.entries("other", 1))[0]?.sha256, digestOf("alpha"));
});

test("a refused feed leaves channels, views and ledger as they were, and says so with its code", async () => {
  const house = await houseWith({ a: "alpha" });
  const before = {
    positions: await house.ledger.positions(),
    revisions: await house.ledger.revisions("s"),
    notes: await house.ledger.upstreamNotes("s"),
    pointers: [...house.views.pointers],
    blobs: [...house.store.stored.keys()],
  };
  const artifacts = [artifactOf("a", { digests: { sha256: digestOf("evil") } })];
  const bad: readonly (readonly [string, string])[] = [
    ["not JSON", "feed.malformed"],
    [JSON.stringify({ artifacts: [] }), "feed.empty"],
    [JSON.stringify({ artifacts: [{ ...artifactOf("a"), path: "../a" }] }), "feed.unsafe-name"],
    [JSON.stringify({ artifacts: [artifactOf("b")] }), "artifact.missing"],
    [JSON.stringify({ artifacts }), "artifact.digest-differs"],
    [JSON.stringify({ artifacts: [artifactOf("a")] }), "feed.digest-missing"],
  ];
  for (const [index, code] of bad) {
    house.upstream.put(1, "index", { content: index, etag: `"${code}"` });
    const record = await house.sync(pinned());
    assert.deepEqual([record.outcome, record.code, record.revision], ["refused", code, null]);
    assert.deepEqual((await house.ledger.syncs("s", 1))[0]?.code, code);
    assert.equal(house.store.files.size, 0, "nothing is left in quarantine");
  }
  assert.deepEqual(
    {
      positions: await house.ledger.positions(),
      revisions: await house.ledger.revisions("s"),
      notes: await house.ledger.upstreamNotes("s"),
      pointers: [...house.views.pointers],
      blobs: [...house.store.stored.keys()],
    },
    before,
  );
});

test("a replayed old index is refused, and the newer one then still accepted", async () => {
  const at = (version: number) => indexOf({ a: `v${version}` }, { series: [{ name: "list", version }] });
  const house = new House();
  const offer = (version: number) => {
    house.upstream.put(1, "index", at(version));
    house.upstream.put(1, "a", `v${version}`);
  };
  offer(7);
  await house.sync(pinned());
  offer(6);
  assert.equal((await house.sync(pinned())).code, "feed.older-than-held");
  offer(8);
  assert.equal((await house.sync(pinned())).revision, 2);
});

test("the second address stands in when the first is down, or when what it says is refused", async () => {
  for (const fault of [
    new Failure("upstream.unreachable", "down"),
    new Failure("upstream.not-found", "?"),
    "junk",
    null,
  ]) {
    const house = new House();
    house.offer({ a: "alpha" }, 2);
    house.upstream.put(1, "index", fault);
    const record = await house.sync(pinned({ addresses: TWO }));
    assert.equal(record.outcome, "new-revision", JSON.stringify(fault));
    // Artifacts come from the address whose index was taken: the first may be half updated, or worse.
    assert.deepEqual(house.upstream.asked, ["1 index", "2 index", "2 a"]);
    assert.equal(house.eventNames()[1], fault === "junk" ? "feed.refused" : "address.failed");
  }
});

test("when no address will do, the answer is the first one's", async () => {
  const house = new House();
  house.upstream.put(1, "index", "junk");
  house.upstream.put(2, "index", new Failure("upstream.timeout", "slow"));
  const refused = await house.sync(pinned({ addresses: TWO }));
  assert.deepEqual([refused.outcome, refused.code], ["refused", "feed.malformed"]);
  house.upstream.put(1, "index", new Failure("upstream.tls", "expired"));
  house.upstream.put(2, "index", "junk");
  const failed = await house.sync(pinned({ addresses: TWO }));
  assert.deepEqual([failed.outcome, failed.code], ["failed", "upstream.tls"]);
});

test("what is broken on our side is not asked of the next address", async () => {
  const house = new House();
  house.offer({ a: "alpha" }, 2);
  house.upstream.put(1, "index", new Failure("store.full", "no room"));
  const record = await house.sync(pinned({ addresses: TWO }));
  assert.deepEqual([record.outcome, record.code, house.upstream.asked], ["failed", "store.full", ["1 index"]]);
});

test("an index without an end is no reason to ask for ever", async () => {
  const house = new House();
  let round = 0;
  const inspector: Inspector = {
    inspectArtifact: house.inspector.inspectArtifact,
    summarize: house.inspector.summarize,
    readFeed: async () => {
      round += 1;
      house.upstream.put(1, `page ${round}`, "and so on");
      const file = { path: `page ${round}`, list: true, first: null, optional: false, most: 100 };
      return { kind: "needs", files: [file] };
    },
  };
  Object.assign(house.doors, { inspector });
  const record = await house.sync(pinned());
  assert.deepEqual([record.outcome, record.code], ["failed", "upstream.malformed"]);
  assert.equal(house.store.files.size, 0);
});

test("what the pages of an index take counts against the run's budget", async () => {
  const house = new House();
  house.inspector.needs = ["index", "2", "3"].map((path) => ({ path, optional: false }));
  house.offer({ a: "alpha" });
  for (const path of ["2", "3"]) house.upstream.put(1, path, "x".repeat(1_000));
  const record = await house.sync(pinned({ budget: { bytes: 1_500 } }));
  assert.deepEqual([record.outcome, record.code], ["failed", "upstream.over-cap"]);
  assert.ok(record.bytes <= 1_508, `${record.bytes} bytes came`);
});

test("a bug is no outcome: it goes through, and nothing claims that the run ended", async () => {
  const house = await houseWith({ a: "alpha" });
  house.upstream.before = () => {
    throw new TypeError("a bug");
  };
  await assert.rejects(house.sync(pinned()), TypeError);
  assert.equal((await house.ledger.syncs("s", 10)).length, 1);
});

test("a run that is ended from outside, or takes too long, says which", async () => {
  const house = await houseWith({ a: "alpha" });
  const aborted = AbortSignal.abort(new Failure("daemon.stopping", "bye"));
  const stopped = await house.sync(pinned(), aborted);
  assert.deepEqual([stopped.outcome, stopped.code], ["failed", "daemon.stopping"]);
  house.offer({ a: "alpha", b: "beta" }, 1, '"2"');
  house.upstream.before = (what) => {
    if (what === "1 index") house.now += HOUR;
  };
  const late = await house.sync(pinned({ budget: { wallTime: "1h" } }));
  assert.deepEqual([late.outcome, late.code], ["failed", "upstream.timeout"]);
  assert.deepEqual(house.shown("staging"), ["s 1"]);
});

test("a channel that a stop left behind between sealing and moving is moved by the next run", async () => {
  for (const etag of ['"same"', undefined]) {
    const house = new House();
    house.offer({ a: "alpha" }, 1, etag);
    const moveChannel = house.ledger.moveChannel.bind(house.ledger);
    house.ledger.moveChannel = async () => {
      throw new Error("the process was killed here");
    };
    await assert.rejects(house.sync(pinned()), /killed here/);
    assert.equal((await house.ledger.latestRevision("s"))?.number, 1);
    assert.deepEqual(house.shown("staging"), []);
    house.ledger.moveChannel = moveChannel;
    assert.equal((await house.sync(pinned())).outcome, "nothing-new");
    assert.deepEqual(house.shown("staging"), ["s 1"]);
  }
});

test("a first channel that a person took back is not moved forward again by a run that brings nothing new", async () => {
  const house = await houseWith({ a: "alpha" });
  house.offer({ a: "ALPHA" }, 1, '"2"');
  await house.sync(pinned());
  await rollBackChannel(house.doors, { source: "s", channel: "staging", revision: null, by: "ann", reason: "bad" });
  await house.sync(pinned());
  house.offer({ a: "ALPHA" }, 1, '"3"');
  await house.sync(pinned());
  assert.deepEqual(house.shown("staging"), ["s 1"]);
  house.offer({ a: "Alpha" }, 1, '"4"');
  await house.sync(pinned());
  assert.deepEqual(house.shown("staging"), ["s 3"]);
});

test("content that nobody vouched for stays unsigned, and is sealed anew once somebody does", async () => {
  const house = await houseWith({ a: "alpha" }, specOf());
  assert.equal((await house.ledger.revision("s", 1))?.unsigned, true);
  const wish = { source: "s", channel: "pilot", revision: null, by: "ann", reason: "" };
  const refused = await promoteChannel(house.doors, wish);
  assert.equal("code" in refused && refused.code, "promotion.unsigned-source");
  await setUpSource(house.doors, pinned(), true, "ann");
  const record = await house.sync(pinned());
  assert.deepEqual([record.outcome, record.revision], ["new-revision", 2]);
  assert.equal((await house.ledger.revision("s", 2))?.unsigned, false);
  assert.deepEqual(house.upstream.asked, ["1 index"], "the content is held, and now bound by a digest");
  assert.equal("code" in (await promoteChannel(house.doors, wish)), false);
  assert.equal((await house.sync(pinned())).outcome, "nothing-new");
});

test("a change of the selection takes effect at the next run, though the upstream has not changed", async () => {
  const all = pinned();
  const house = await houseWith({ a: "alpha", b: "beta" }, all);
  const less = pinned({ selection: { include: ["a"] } });
  await setUpSource(house.doors, less, true, "ann");
  assert.equal((await house.sync(less)).revision, 2);
  assert.deepEqual(
    (await house.ledger.entries("s", 2)).map(({ path }) => path),
    ["a"],
  );
});

test("a description that changes during a run is looked at by the next one, whatever the run was told of versions", async () => {
  const house = new House();
  house.offer({ a: "alpha", b: "beta" }, 1, '"1"');
  const changed = pinned({ selection: { include: ["a"] } });
  house.upstream.before = async (what) => {
    if (what.endsWith("b")) await setUpSource(house.doors, changed, true, "bob");
  };
  assert.equal((await house.sync(pinned())).outcome, "new-revision");
  assert.equal((await house.sync(changed)).outcome, "new-revision");
  assert.deepEqual(
    (await house.ledger.entries("s", 2)).map(({ path }) => path),
    ["a"],
  );
});

test("a feed that hid most of its files for one run may have all of them again", async () => {
  const house = new House();
  const spec = pinned({ budget: { growth: 1 } });
  // More than the floor, below which nothing is too much growth.
  const all = Object.fromEntries(Array.from({ length: 201 }, (_, at) => [`f${at}`, String(at)]));
  for (const files of [all, { f0: "0" }, all]) {
    house.offer(files);
    assert.equal((await house.sync(spec)).outcome, "new-revision");
  }
  house.offer({ ...all, more: "more" });
  assert.equal((await house.sync(spec)).code, "budget.growth");
});
