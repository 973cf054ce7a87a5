import { after, before, describe, test } from "node:test";
import type { Forgery } from "../upstream/liveupdate/parts.ts";
import { type LiveupdateRoad, startLiveupdateRoad } from "../upstream/liveupdate/road.ts";

/** Names that leave the folder, hide, or are one file for somebody: in an index that is validly signed, and in archives. */
const NAMES: readonly (readonly [name: string, code: string])[] = [
  // No plain name of a file beside the index.
  ["../../evil.zip", "feed.contradicts-itself"],
  ["..", "feed.contradicts-itself"],
  ["/etc/cron.d/evil", "feed.contradicts-itself"],
  ["sub/evil.zip", "feed.contradicts-itself"],
  ["..\\evil.zip", "feed.contradicts-itself"],
  ["C:evil.zip", "feed.contradicts-itself"],
  ["1795362034evil.zip:stream", "feed.contradicts-itself"],
  ["evil.zip.", "feed.contradicts-itself"],
  ["evil|.zip", "feed.contradicts-itself"],
  ["evil?.zip", "feed.contradicts-itself"],
  // Plain, and what some system takes for a device.
  ["CON.zip", "feed.unsafe-name"],
  ["aux", "feed.unsafe-name"],
  ["lpt1.zip", "feed.unsafe-name"],
  // Nothing that a guard's text may hold.
  ["evil\u0007.zip", "feed.malformed"],
];

/** Names the full package so, in the text and in the guard. The file itself need not lie there. */
function named(name: string): Forgery {
  return {
    text: (text) => text.replace(/FileName=(\d+example_curdefs)\.zip/, () => `FileName=${name}`),
    guard: (text) => text.replace(/\[File-\d+example_curdefs\.zip\]/, () => `[File-${name}]`),
  };
}

describe("unsafe names in validly signed LiveUpdate content", () => {
  let road: LiveupdateRoad;

  before(async () => {
    road = await startLiveupdateRoad();
  });
  after(() => road?.end());

  test("names of packages in an index", async (t) => {
    const settled = await road.settled();
    for (const [name, code] of NAMES) {
      await t.test(JSON.stringify(name), async () => {
        settled.vendor.forge("definitions", named(name));
        await road.refused(settled, code);
      });
    }
    await road.recovers(settled);
  });

  test("names that collide", async (t) => {
    const settled = await road.settled();
    await t.test("with another package, by case", async () => {
      settled.vendor.forge("definitions", {
        text: (text) => text.replace(/(\d+example_curdefs_from\d)\.zip/, (_, stem: string) => `${stem}.ZIP`),
        guard: (text) => text.replace(/(\d+example_curdefs_from\d)\.zip/, (_, stem: string) => `${stem}.ZIP`),
        packages: (list) => [...list, ...list.slice(1, 2)],
      });
      await road.refused(settled, "feed.name-collision");
    });
    await t.test("with the index itself", async () => {
      settled.vendor.forge("definitions", named("example$20av$20definitions_1.0_symalllanguages_LIVETRI.zip"));
      await road.refused(settled, "feed.name-collision");
    });
    await t.test("with the flag", async () => {
      settled.vendor.forge("definitions", named("MINITRI.FLG"));
      await road.refused(settled, "feed.name-collision");
    });
    await road.recovers(settled);
  });

  test("names of members in a package", async (t) => {
    const settled = await road.settled();
    const renamed = (name: string): Forgery => ({
      members: (list) => list.map((member, at) => (at === 0 ? { ...member, name } : member)),
    });
    for (const name of [
      "../evil.bin",
      "/evil.bin",
      "a\\..\\evil.bin",
      "C:evil.bin",
      "NUL",
      "a/../../evil.bin",
      "",
      "DEFS/BLOCK1.BIN",
    ]) {
      await t.test(JSON.stringify(name), async () => {
        settled.vendor.forgePackage("definitions", renamed(name));
        await road.refused(settled, "artifact.malformed");
      });
    }
    await road.recovers(settled);
  });

  test("an index under the name of another product", async (t) => {
    const settled = await road.settled({ products: ["definitions", "definitions-2"] });
    const { vendor } = settled;
    await t.test("validly signed, newer than what we hold", async () => {
      // Whoever installs it would give the clients of one product the content of the other.
      vendor.put(vendor.indexPath("definitions-2"), vendor.index("definitions"));
      await road.refused(settled, "feed.contradicts-itself");
    });
    await t.test("two products in one index", async () => {
      vendor.forge("definitions", {
        packages: (list) =>
          list.map((entry, at) =>
            at === 1 ? { ...entry, identity: vendor.product("definitions-2").identity } : entry,
          ),
      });
      vendor.put(vendor.indexPath("definitions-2"), vendor.index("definitions-2"));
      await road.refused(settled, "feed.contradicts-itself");
    });
    await road.recovers(settled);
  });
});
