import { after, before, describe, test } from "node:test";
import type { Forgery } from "../upstream/liveupdate/parts.ts";
import { type LiveupdateRoad, startLiveupdateRoad } from "../upstream/liveupdate/road.ts";

/**
 * An index between the vendor and us is changed, or put together so that two readers see two things in it. Both channels
 * go on serving what they served.
 */
const TEXT = /tri$/i;
const GUARD = /grd$/i;
const SIGNATURE = /sig$/i;

/** Changes the bytes of the member whose name matches, behind the signature's back. */
function edited(which: RegExp, change: (text: string) => string): Forgery {
  return {
    members: (members) =>
      members.map((member) =>
        which.test(String(member.name))
          ? { ...member, bytes: Buffer.from(change(Buffer.from(member.bytes).toString("latin1")), "latin1") }
          : member,
      ),
  };
}

function without(which: RegExp): Forgery {
  return { members: (members) => members.filter(({ name }) => !which.test(String(name))) };
}

const HIDDEN = Buffer.from("hidden bytes");

const CASES: readonly (readonly [what: string, forgery: Forgery, code: string])[] = [
  // What the signature and the guard say.
  [
    "the text changed",
    edited(TEXT, (text) => text.replace("ItemSeqData=26", "ItemSeqData=27")),
    "feed.contradicts-itself",
  ],
  ["a blank behind the text", edited(TEXT, (text) => `${text} `), "feed.contradicts-itself"],
  ["the guard changed", edited(GUARD, (text) => text.replace(/SHA256=\w{4}/, "SHA256=0000")), "feed.signature-wrong"],
  ["the guard's date changed", edited(GUARD, (text) => text.replace("Legal=", "legal=")), "feed.signature-wrong"],
  ["a guard of LF made one of CR LF", edited(GUARD, (text) => text.replaceAll("\n", "\r\n")), "feed.signature-wrong"],
  [
    "a guard of CR LF made one of LF",
    { manner: { lineEnd: "\r\n" }, ...edited(GUARD, (text) => text.replaceAll("\r\n", "\n")) },
    "feed.signature-wrong",
  ],
  ["no guard", without(GUARD), "feed.malformed"],
  ["no signature", without(SIGNATURE), "feed.malformed"],
  ["an empty signature", edited(SIGNATURE, () => ""), "feed.signature-wrong"],
  ["a guard that does not cover the text", { guarded: (files) => files.slice(1) }, "feed.contradicts-itself"],
  [
    "a package that neither the guard nor the text binds",
    {
      guarded: (files) => files.slice(0, 1),
      packages: (list) => list.map((entry) => ({ ...entry, sha1: null, sha256: null })),
    },
    "feed.digest-missing",
  ],
  [
    "a digest in the text that is not the guard's",
    { packages: (list) => list.map((entry) => ({ ...entry, sha256: "ab".repeat(32) })) },
    "feed.contradicts-itself",
  ],
  [
    "a guard whose two dates differ",
    { guard: (text) => text.replace(/Formated=\d{8}/, "Formated=20200101") },
    "feed.malformed",
  ],
  [
    "a guard that says a digest twice",
    { guard: (text) => text.replace(/(SHA256=\w{64}\n)/, "$1$1") },
    "feed.malformed",
  ],
  ["a guard with both line ends", { guard: (text) => text.replace("\n", "\r\n") }, "feed.malformed"],
  [
    "packages bound by SHA-1 alone",
    { manner: { digests: ["sha1"] }, packages: (list) => list.map((entry) => ({ ...entry, sha256: null })) },
    "feed.digest-weak",
  ],
  // What stands in the archive.
  ["an unlisted member", { members: (list) => [...list, { name: "extra.dll", bytes: HIDDEN }] }, "feed.malformed"],
  ["a member twice", { members: (list) => [...list, ...list.slice(0, 1)] }, "feed.malformed"],
  [
    "a second text that differs by case",
    { members: (list) => [...list, { name: "LIVEUPDT.TRI", bytes: HIDDEN }] },
    "feed.malformed",
  ],
  ["bytes before the first member", { around: { prefix: HIDDEN } }, "feed.malformed"],
  [
    "bytes between members",
    { members: (list) => list.map((member, at) => (at === 1 ? { ...member, gap: HIDDEN } : member)) },
    "feed.malformed",
  ],
  ["bytes before the directory", { around: { beforeDirectory: HIDDEN } }, "feed.malformed"],
  ["a comment", { around: { comment: HIDDEN } }, "feed.malformed"],
  ["bytes behind the end", { around: { trailer: HIDDEN } }, "feed.malformed"],
  ["a second archive in front", { container: (bytes) => Buffer.concat([bytes, bytes]) }, "feed.malformed"],
  [
    "a local name that is not the directory's",
    {
      members: (list) => list.map((member, at) => (at === 0 ? { ...member, local: { name: "Liveupdt.TRI" } } : member)),
    },
    "feed.malformed",
  ],
  [
    "a text that unpacks to more than it says",
    { members: (list) => list.map((m, at) => (at === 0 ? { ...m, local: { size: 9 }, central: { size: 9 } } : m)) },
    "feed.malformed",
  ],
  [
    "a text of 300 MB of zeros",
    {
      members: (list) => list.map((m, at) => (at === 0 ? { ...m, bytes: Buffer.alloc(300_000_000) } : m)),
    },
    "feed.malformed",
  ],
  ["half an archive", { container: (bytes) => bytes.subarray(0, bytes.length / 2) }, "feed.malformed"],
  ["no archive", { container: () => HIDDEN }, "feed.malformed"],
];

describe("a forged LiveUpdate index changes nothing that clients see", () => {
  let road: LiveupdateRoad;

  before(async () => {
    road = await startLiveupdateRoad();
  });
  after(() => road?.end());

  test("each case, one after the other, and then the vendor's true revision", async (t) => {
    const settled = await road.settled();
    for (const [what, forgery, code] of CASES) {
      await t.test(what, async () => {
        settled.vendor.forge("definitions", forgery);
        await road.refused(settled, code);
      });
    }
    await road.recovers(settled);
  });
});
