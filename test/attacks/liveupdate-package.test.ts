import { after, before, describe, test } from "node:test";
import type { Forgery } from "../upstream/liveupdate/parts.ts";
import { type LiveupdateRoad, startLiveupdateRoad } from "../upstream/liveupdate/road.ts";

/**
 * A package is swapped on its way, or listed honestly and bad inside: what is signed twice is checked twice. Both channels
 * go on serving what they served.
 */
const HIDDEN = Buffer.from("hidden bytes");

const changedMember: Forgery = {
  members: (list) => list.map((m) => (m.name === "version.txt" ? { ...m, bytes: Buffer.from("edition 666\n") } : m)),
};

/** What whoever has the key of the index could list, and what an unpacker would then meet. */
const INSIDE: readonly (readonly [what: string, forgery: Forgery, code: string])[] = [
  ["a member that is not what its guard says", changedMember, "artifact.contradicts-itself"],
  [
    "a member that its guard does not list",
    { members: (list) => [...list, { name: "setup.exe", bytes: HIDDEN }] },
    "artifact.contradicts-itself",
  ],
  [
    "a member taken out",
    { members: (list) => list.filter(({ name }) => name !== "install.dis") },
    "artifact.contradicts-itself",
  ],
  ["no guard", { members: (list) => list.filter(({ name }) => !String(name).startsWith("v.")) }, "artifact.malformed"],
  [
    "a guard without its signature",
    { members: (list) => list.filter(({ name }) => name !== "v.sig") },
    "artifact.malformed",
  ],
  [
    "two guards",
    {
      members: (list) => [
        ...list,
        ...list.filter(({ name }) => name === "v.grd").map((m) => ({ ...m, name: "w.grd" })),
      ],
    },
    "artifact.malformed",
  ],
  [
    "a guard changed after it was signed",
    {
      members: (list) =>
        list.map((m) => (m.name === "v.grd" ? { ...m, bytes: Buffer.concat([m.bytes, Buffer.from("\n")]) } : m)),
    },
    "artifact.signature-wrong",
  ],
  ["a guard of SHA-1 alone", { manner: { digests: ["sha1"] } }, "artifact.signature-wrong"],
  ["bytes before the first member", { around: { prefix: HIDDEN } }, "artifact.malformed"],
  ["a comment", { around: { comment: HIDDEN } }, "artifact.malformed"],
  ["bytes behind the end", { around: { trailer: HIDDEN } }, "artifact.malformed"],
  ["a member twice", { members: (list) => [...list, ...list.slice(0, 1)] }, "artifact.malformed"],
  [
    "a symbolic link",
    { members: (list) => list.map((m, at) => (at === 0 ? { ...m, central: { externalAttributes: 0xa1ff0000 } } : m)) },
    "artifact.malformed",
  ],
  [
    "an encrypted member",
    { members: (list) => list.map((m, at) => (at === 0 ? { ...m, local: { flags: 1 }, central: { flags: 1 } } : m)) },
    "artifact.malformed",
  ],
  ["no archive at all", { container: () => HIDDEN }, "artifact.malformed"],
];

describe("a bad LiveUpdate package changes nothing that clients see", () => {
  let road: LiveupdateRoad;

  before(async () => {
    road = await startLiveupdateRoad();
  });
  after(() => road?.end());

  test("swapped side files", async (t) => {
    const settled = await road.settled();
    const { vendor } = settled;
    const [path = ""] = vendor.sideFiles("definitions");
    const honest = Buffer.from(vendor.files.get(path) ?? []);
    const flipped = Buffer.from(honest);
    flipped.writeUInt8(flipped.readUInt8(100) ^ 1, 100);
    for (const [what, bytes, code] of [
      ["one bit", flipped, "artifact.digest-differs"],
      ["a longer one", Buffer.concat([honest, HIDDEN]), "artifact.size-differs"],
      ["a shorter one", honest.subarray(0, -1), "artifact.size-differs"],
      ["an empty one", Buffer.alloc(0), "artifact.size-differs"],
    ] as const) {
      await t.test(what, async () => {
        vendor.put(path, bytes);
        await road.refused(settled, code);
      });
    }
    await t.test("none", async () => {
      vendor.remove(path);
      await road.refused(settled, "artifact.missing");
    });
    await road.recovers(settled);
  });

  test("honestly listed, and bad inside", async (t) => {
    const settled = await road.settled();
    for (const [what, forgery, code] of INSIDE) {
      await t.test(what, async () => {
        settled.vendor.forgePackage("definitions", forgery);
        await road.refused(settled, code);
      });
    }
    await t.test("signed inside by another group of the vendor", async () => {
      settled.vendor.forgePackage("definitions", { manner: { signer: settled.vendor.pki.rogue } });
      await road.refused(settled, "artifact.signer-unknown");
    });
    await t.test("a bomb: 60 MB of zeros in 60 KB", async () => {
      settled.vendor.forgePackage("definitions", {}, [{ name: "zeros.bin", bytes: Buffer.alloc(60_000_000) }]);
      await road.refused(settled, "artifact.expands-too-far");
    });
    await t.test("a bomb that says it is small", async () => {
      settled.vendor.forgePackage(
        "definitions",
        {
          members: (list) =>
            list.map((m, at) => (at === 0 ? { ...m, local: { size: 100 }, central: { size: 100 } } : m)),
        },
        [{ name: "zeros.bin", bytes: Buffer.alloc(60_000_000) }],
      );
      await road.refused(settled, "artifact.expands-too-far");
    });
    await road.recovers(settled);
  });
});
