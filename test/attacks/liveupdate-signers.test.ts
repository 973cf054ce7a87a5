import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { signDetachedCms } from "../../src/formats/signatures/write-cms.ts";
import { joined, withContentInside, withoutSigners } from "../upstream/liveupdate/cms-edits.ts";
import type { Forgery, Manner } from "../upstream/liveupdate/parts.ts";
import { modernTrust } from "../upstream/liveupdate/pki.ts";
import { type LiveupdateRoad, startLiveupdateRoad } from "../upstream/liveupdate/road.ts";
import type { LiveupdateVendor } from "../upstream/liveupdate-vendor.ts";

/**
 * A private root signs for many: what is pinned is the signer. Certificates that a signature brings along are an
 * attacker's to choose.
 */
const CASES: readonly (readonly [what: string, forgery: (vendor: LiveupdateVendor) => Forgery, code: string])[] = [
  [
    "another group under the same root and authority",
    ({ pki }) => ({ manner: { signer: pki.rogue, embed: [pki.rogue.certificate, pki.authority, pki.root] } }),
    "feed.signer-unknown",
  ],
  [
    "the same, that brings the pinned certificate along",
    ({ pki }) => ({ manner: { signer: pki.rogue, embed: [pki.leaf.certificate, pki.rogue.certificate] } }),
    "feed.signer-unknown",
  ],
  [
    "another group's key under the pinned certificate's name",
    ({ pki }) => ({ manner: { signer: { key: pki.rogue.key, certificate: pki.leaf.certificate } } }),
    "feed.signature-wrong",
  ],
  [
    "the vendor's certificate of another year, with the pinned one's subject",
    ({ pki }) => ({ manner: { signer: pki.webServer } }),
    "feed.signer-unknown",
  ],
  [
    "the vendor's signer of the expired chain",
    ({ pki }) => ({ manner: { signer: pki.old.leaf, embed: [pki.old.leaf.certificate, pki.old.authority] } }),
    "feed.signer-unknown",
  ],
  [
    "two signers, the second a stranger",
    (vendor) => ({ sign: (guard) => joined(sign(vendor, guard), sign(vendor, guard, { signer: vendor.pki.rogue })) }),
    "feed.signer-unknown",
  ],
  [
    "two signers, the first a stranger",
    (vendor) => ({ sign: (guard) => joined(sign(vendor, guard, { signer: vendor.pki.rogue }), sign(vendor, guard)) }),
    "feed.signer-unknown",
  ],
  [
    "the pinned signer twice, once over something else",
    (vendor) => ({ sign: (guard) => joined(sign(vendor, guard), sign(vendor, Buffer.from("something else"))) }),
    "feed.signature-wrong",
  ],
  ["no signer", (vendor) => ({ sign: (guard) => withoutSigners(sign(vendor, guard)) }), "feed.signature-wrong"],
  [
    "content inside the signature",
    (vendor) => ({ sign: (guard) => withContentInside(sign(vendor, guard), guard) }),
    "feed.signature-wrong",
  ],
  [
    "other content inside the signature, which is good over that",
    (vendor) => ({
      sign: () => withContentInside(sign(vendor, Buffer.from("what was signed")), Buffer.from("what was signed")),
    }),
    "feed.signature-wrong",
  ],
  ["a digest by SHA-1", () => ({ manner: { digest: "sha1" } }), "feed.signature-wrong"],
  [
    "another product's signature",
    (vendor) => ({ sign: () => sign(vendor, Buffer.from("[GuardHeader]\n")) }),
    "feed.signature-wrong",
  ],
  [
    "bytes behind the signature",
    (vendor) => ({ sign: (guard) => Buffer.concat([sign(vendor, guard), Buffer.from("x")]) }),
    "feed.signature-wrong",
  ],
];

function sign({ pki }: LiveupdateVendor, guard: Uint8Array, changes: Partial<Manner> = {}): Uint8Array {
  return signDetachedCms(guard, changes.signer ?? pki.leaf, {
    signedAt: Date.now(),
    embed: [pki.leaf.certificate, pki.authority],
  });
}

describe("LiveUpdate content by the wrong signers", () => {
  let road: LiveupdateRoad;

  before(async () => {
    road = await startLiveupdateRoad();
  });
  after(() => road?.end());

  test("each case, one after the other, and then the vendor's true revision", async (t) => {
    const settled = await road.settled();
    for (const [what, forgery, code] of CASES) {
      await t.test(what, async () => {
        settled.vendor.forge("definitions", forgery(settled.vendor));
        await road.refused(settled, code);
      });
    }
    await road.recovers(settled);
  });

  test("a pinned signer whose time is over", async () => {
    const settled = await road.settled();
    const { vendor, name } = settled;
    const { pki } = vendor;
    // The operator pins the vendor's earlier certificate, which the vendor went on signing with.
    await road.daemon.must({
      verb: "source-change",
      spec: vendor.source(name, [`${road.http.url}/${name}/`], { trust: modernTrust(pki, pki.expired) }),
      by: "test",
    });
    vendor.forge("definitions", { manner: { signer: pki.expired } });
    await road.refused(settled, "feed.signature-expired");
  });

  test("a pinned certificate of a web server", async () => {
    const settled = await road.settled();
    const { vendor, name } = settled;
    const { pki } = vendor;
    await road.daemon.must({
      verb: "source-change",
      spec: vendor.source(name, [`${road.http.url}/${name}/`], { trust: modernTrust(pki, pki.webServer) }),
      by: "test",
    });
    vendor.forge("definitions", { manner: { signer: pki.webServer } });
    await road.refused(settled, "feed.signer-unknown");
  });

  test("the SHA-1 set passes under its own profile alone, and MD5 under none", async () => {
    const modern = await road.legacy("modern");
    assert.equal(await road.sync(modern.name), "feed.signature-wrong");
    modern.vendor.forge("legacy", { manner: { digest: "md5" } });
    assert.equal(await road.sync(modern.name), "feed.signature-wrong");
    const legacy = await road.legacy("legacy-sha1");
    assert.equal(await road.sync(legacy.name), "new-revision");
    legacy.vendor.forge("legacy", { manner: { digest: "md5" } });
    assert.equal(await road.sync(legacy.name), "feed.signature-wrong");
  });
});
