import assert from "node:assert/strict";
import { test } from "node:test";
import { House } from "../../test/fixtures/house.ts";
import { artifactOf, digestOf, liveupdateSpec, signatureOf } from "../../test/fixtures/intake.ts";
import type { ListedArtifact, ListingFindings, Series } from "../core/model/feed-listing.ts";

const SPEC = liveupdateSpec();
const EXTRA = artifactOf("x.jdb", { series: "guard x.jdb", inspect: true });
const FLAG = artifactOf("flag", {
  digests: { sha256: digestOf(" ") },
  size: 1,
  made: Buffer.from(" ").toString("base64"),
});

function index(
  artifacts: readonly ListedArtifact[],
  more: Partial<ListingFindings> & { series?: readonly Series[] } = {},
): string {
  return JSON.stringify({
    artifacts,
    signatures: [signatureOf("good", "S", { over: "index" })],
    indexes: ["index"],
    ...more,
  });
}

async function seriesOf(house: House): Promise<Readonly<Record<string, number>>> {
  const last = await house.ledger.latestRevision("s");
  return Object.fromEntries((last?.series ?? []).map(({ name, version }) => [name, version]));
}

test("what the format makes itself is in the revision, and was asked of nobody", async () => {
  const house = new House();
  house.upstream.put(1, "index", index([FLAG]));
  house.upstream.put(1, "flag", "something else");
  assert.equal((await house.sync(SPEC)).outcome, "new-revision");
  assert.deepEqual(house.upstream.asked, ["1 index"]);
  assert.deepEqual(
    (await house.ledger.entries("s", 1)).map(({ path, sha256, size }) => [path, sha256, size]),
    [["flag", digestOf(" "), 1]],
  );
  assert.equal(house.store.files.size, 0, "nothing is left in quarantine");
});

test("a made file that is not what its digest says is refused like any other", async () => {
  const house = new House();
  house.upstream.put(1, "index", index([{ ...FLAG, digests: { sha256: digestOf("x") } }]));
  assert.equal((await house.sync(SPEC)).code, "artifact.digest-differs");
});

test("a file's own version enters the revision's series, and an older one is refused after it", async () => {
  const house = new House();
  house.upstream.put(1, "index", index([FLAG, EXTRA], { series: [{ name: "p", version: 1 }] }));
  house.upstream.put(1, "x.jdb", "version 7");
  assert.equal((await house.sync(SPEC)).outcome, "new-revision");
  assert.deepEqual(await seriesOf(house), { p: 1, "guard x.jdb": 7 });
  assert.equal((await house.sync(SPEC)).outcome, "nothing-new");
  house.upstream.put(1, "x.jdb", "version 6");
  assert.equal((await house.sync(SPEC)).code, "artifact.older-than-held");
  house.upstream.put(1, "x.jdb", "version 8");
  assert.equal((await house.sync(SPEC)).outcome, "new-revision");
  assert.deepEqual(await seriesOf(house), { p: 1, "guard x.jdb": 8 });
  // Left out for a while, it is not forgotten.
  house.upstream.put(1, "index", index([FLAG], { series: [{ name: "p", version: 1 }] }));
  assert.equal((await house.sync(SPEC)).outcome, "new-revision");
  house.upstream.put(1, "index", index([FLAG, EXTRA], { series: [{ name: "p", version: 1 }] }));
  house.upstream.put(1, "x.jdb", "version 7");
  assert.equal((await house.sync(SPEC)).code, "artifact.older-than-held");
});

test("an unchanged index says nothing of a file that it does not bind", async () => {
  const house = new House();
  house.upstream.put(1, "index", { content: index([FLAG, EXTRA]), etag: '"1"' });
  house.upstream.put(1, "x.jdb", { content: "version 7", etag: '"a"' });
  assert.equal((await house.sync(SPEC)).outcome, "new-revision");
  assert.equal((await house.sync(SPEC)).outcome, "nothing-new");
  assert.deepEqual(await seriesOf(house), { "guard x.jdb": 7 });
  house.upstream.put(1, "x.jdb", { content: "version 8", etag: '"b"' });
  assert.equal((await house.sync(SPEC)).outcome, "new-revision");
  assert.deepEqual(await seriesOf(house), { "guard x.jdb": 8 });
});

test("where it binds all, an unchanged index is the end of the run", async () => {
  const house = new House();
  house.upstream.put(1, "index", { content: index([FLAG]), etag: '"1"' });
  assert.equal((await house.sync(SPEC)).outcome, "new-revision");
  assert.equal((await house.sync(SPEC)).outcome, "nothing-new");
  assert.deepEqual(house.upstream.asked, ["1 index if changed"]);
});

test("files that no index names are counted in an event", async () => {
  const house = new House();
  house.upstream.put(1, "index", index([FLAG], { orphans: 3 }));
  await house.sync(SPEC);
  assert.deepEqual(
    house.events.filter(({ name }) => name === "feed.orphans").map(({ fields }) => fields),
    [{ source: "s", orphans: 3 }],
  );
  house.events.length = 0;
  house.upstream.put(1, "index", index([FLAG], { orphans: 0 }));
  await house.sync(SPEC);
  house.upstream.put(1, "index", index([FLAG], { orphans: 3, signatures: [] }));
  assert.equal((await house.sync(SPEC)).code, "feed.unsigned");
  assert.ok(!house.eventNames().includes("feed.orphans"));
});
