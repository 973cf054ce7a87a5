import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type LiveupdateRoad, startLiveupdateRoad } from "../upstream/liveupdate/road.ts";

/** Old content is validly signed for ever: only what we hold says that it is old. */
describe("replayed LiveUpdate content", () => {
  let road: LiveupdateRoad;

  before(async () => {
    road = await startLiveupdateRoad();
  });
  after(() => road?.end());

  test("an older signed release, with all of its files", async () => {
    const settled = await road.settled();
    const { vendor, name } = settled;
    assert.equal(await road.sync(name), "new-revision");
    // Its side files are still there, as they would be at a vendor or in a proxy.
    vendor.put(vendor.indexPath("definitions"), vendor.index("definitions", {}, vendor.revision - 1));
    await road.refused(settled, "feed.older-than-held");
    await road.recovers(settled);
  });

  test("an older sequence under a newer date", async () => {
    const settled = await road.settled();
    const { vendor, name } = settled;
    assert.equal(await road.sync(name), "new-revision");
    const newer = vendor.at() + 60_000;
    const old = vendor.index("definitions", { manner: { at: newer } }, vendor.revision - 1);
    vendor.put(vendor.indexPath("definitions"), old);
    await road.refused(settled, "feed.older-than-held");
    await road.recovers(settled);
  });

  test("an older guard date under the same sequence", async () => {
    const settled = await road.settled();
    const { vendor, name } = settled;
    assert.equal(await road.sync(name), "new-revision");
    vendor.forge("definitions", { manner: { at: vendor.at() - 60_000 } });
    await road.refused(settled, "feed.older-than-held");
    await road.recovers(settled);
  });

  test("a guard dated two days ahead of our clock", async () => {
    const settled = await road.settled();
    settled.vendor.forge("definitions", { manner: { at: Date.now() + 48 * 60 * 60 * 1_000 } });
    await road.refused(settled, "feed.from-the-future");
    await road.recovers(settled);
  });

  test("a product hidden for a run is not forgotten, and its old index is refused when it comes back", async () => {
    const settled = await road.settled({ products: ["definitions", "definitions-2"] });
    const { vendor, name } = settled;
    assert.equal(await road.sync(name), "new-revision");
    const path = vendor.indexPath("definitions");
    vendor.remove(path);
    vendor.forge("definitions-2", { manner: { at: vendor.at() } });
    assert.equal(await road.sync(name), "new-revision");
    vendor.put(path, vendor.index("definitions", {}, vendor.revision - 1));
    await road.refused(settled, "feed.older-than-held");
  });

  test("an older .jdb, which no index names", async () => {
    const settled = await road.settled({
      source: (vendor) => ({ feed: { ...vendor.feed(), extras: ["example.jdb"] } }),
    });
    const { vendor, name } = settled;
    assert.equal(await road.sync(name), "new-revision");
    vendor.put("example.jdb", vendor.daily({}, vendor.revision - 1));
    await road.refused(settled, "artifact.older-than-held");
    await road.recovers(settled);
  });
});
