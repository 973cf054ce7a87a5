import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  attributesSignedIn,
  attributeTwice,
  framed,
  otherContentType,
  withContent,
} from "../../../test/fixtures/cms-forgeries.ts";
import { changeTree, longLengths, raw, readTree, writeTree } from "../../../test/fixtures/der-tree.ts";
import { LONG_AGO, makePinnedPki, type Party, party, TODAY } from "../../../test/fixtures/pinned-pki.ts";
import { trusting } from "../../../test/fixtures/pinned-scenes.ts";
import { Failure } from "../../core/kernel/errors.ts";
import { DAY, type Instant } from "../../core/kernel/instant.ts";
import { type SignatureFinding, signatureFinding } from "../../core/model/feed-listing.ts";
import type { LiveupdateTrust } from "../../core/model/source.ts";
import { verifyPinnedCms } from "./pinned-cms.ts";
import { type CmsSigning, signDetachedCms, signDetachedCmsBy } from "./write-cms.ts";

const GUARD = Buffer.from("[GuardHeader]\r\nLegal=Synthetic\r\nLastModifiedUtcSeconds=1781000000\r\n");
/** OBJECT IDENTIFIER 1.2.3.4 with no values. */
const SIMPLE_ATTRIBUTE = "300706032a03043100";
const pki = makePinnedPki();
const { root, ca, plainCa, leaf, rogue } = pki;
const USUAL = trusting([leaf], [ca], root);

function by(signer: Party, signing: Partial<CmsSigning> = {}): Uint8Array {
  return signDetachedCms(GUARD, signer, { signedAt: TODAY - DAY, ...signing });
}

async function verify(
  signature: Uint8Array,
  trust: LiveupdateTrust = USUAL,
  other: { readonly content?: Uint8Array; readonly signedAt?: Instant | null; readonly now?: Instant } = {},
): Promise<readonly SignatureFinding[]> {
  const { content = GUARD, signedAt = TODAY - DAY, now = TODAY } = other;
  const findings = await verifyPinnedCms({ signature, content, over: "liveupdt.grd", trust, signedAt, now });
  for (const finding of findings) signatureFinding.parse(finding);
  return findings;
}

async function statusOf(...args: Parameters<typeof verify>): Promise<string> {
  return (await verify(...args)).map(({ status }) => status).join(",");
}

test("a pinned signer is good, and named by its key", async () => {
  const [finding, ...more] = await verify(by(leaf));
  assert.deepEqual(more, []);
  assert.deepEqual([finding?.scheme, finding?.over, finding?.status], ["x509-cms", "liveupdt.grd", "good"]);
  assert.match(finding?.signer ?? "", /^sha256:[0-9a-f]{64} O=Vendor, CN=LiveUpdate$/);
  assert.equal(finding?.signedAt, TODAY - DAY);
  assert.equal(await statusOf(by(pki.rsaLeaf), trusting([pki.rsaLeaf], [ca], root)), "good");
  for (const digest of ["sha384", "sha512"] as const)
    assert.equal(await statusOf(by(leaf, { digest })), "good", digest);
});

test("without attributes the content's own date is the signer's", async () => {
  const [finding] = await verify(by(leaf, { attributes: false }), USUAL, { signedAt: LONG_AGO });
  assert.deepEqual([finding?.status, finding?.signedAt], ["good", LONG_AGO]);
});

test("the exact bytes are hashed: no other line end will do", async () => {
  const [lf, crlf] = [Buffer.from(GUARD.toString().replaceAll("\r\n", "\n")), GUARD];
  for (const [signed, read] of [
    [lf, crlf],
    [crlf, lf],
  ] as const) {
    for (const attributes of [true, false]) {
      const signature = signDetachedCms(signed, leaf, { signedAt: TODAY, attributes });
      assert.equal(await statusOf(signature, USUAL, { content: signed }), "good");
      assert.equal(await statusOf(signature, USUAL, { content: read }), "wrong");
    }
  }
});

test("another signer under the same root is a stranger, whatever it brings along", async () => {
  assert.equal(await statusOf(by(rogue)), "unknown-key");
  assert.equal(await statusOf(by(rogue, { embed: [rogue.certificate, ca.certificate] })), "unknown-key");
  assert.equal(await statusOf(by(pki.namesake)), "unknown-key");
  assert.equal(await statusOf(by(plainCa), trusting([leaf], [ca, plainCa], root, { usage: "any" })), "unknown-key");
});

test("a rogue that calls itself by the pinned signer's name and number is wrong", async () => {
  const impostor = { key: rogue.key, certificate: leaf.certificate };
  assert.equal(await statusOf(signDetachedCms(GUARD, impostor, { signedAt: TODAY })), "wrong");
});

test("chains are built from the trust alone", async () => {
  const noneBetween = trusting([leaf], [], root);
  assert.equal(await statusOf(by(leaf), noneBetween), "unknown-key");
  assert.equal(await statusOf(by(leaf, { embed: [ca.certificate] }), noneBetween), "unknown-key");
  assert.equal(await statusOf(by(leaf, { embed: [ca.certificate, rogue.certificate] })), "good");
  assert.equal(await statusOf(by(leaf), trusting([leaf], [ca], pki.otherRoot)), "unknown-key");
});

test("every signer must be known", async () => {
  const both = trusting([leaf, pki.second], [ca], root);
  const signed = (signers: readonly Party[]): Uint8Array => signDetachedCmsBy(GUARD, signers, { signedAt: TODAY });
  const sorted = async (...args: Parameters<typeof verify>): Promise<readonly string[]> =>
    (await verify(...args)).map(({ status }) => status).toSorted();
  assert.deepEqual(await sorted(signed([leaf, pki.second]), both), ["good", "good"]);
  assert.deepEqual(await sorted(signed([leaf, rogue]), both), ["good", "unknown-key"]);
  assert.deepEqual(await sorted(signed([leaf, pki.second])), ["good", "unknown-key"]);
});

test("each anchor says what its chains' times are judged by", async () => {
  const old = by(pki.oldLeaf);
  const trust = (time: "checked" | "at-signing" | "ignored"): LiveupdateTrust =>
    trusting([pki.oldLeaf], [pki.expiredCa], pki.expiredRoot, { time });
  assert.equal(await statusOf(old, trust("checked"), { signedAt: LONG_AGO }), "expired");
  assert.equal(await statusOf(old, trust("checked"), { now: LONG_AGO }), "good");
  assert.equal(await statusOf(old, trust("at-signing"), { signedAt: LONG_AGO }), "good");
  assert.equal(await statusOf(old, trust("at-signing"), { signedAt: TODAY }), "expired");
  assert.equal(await statusOf(old, trust("at-signing"), { signedAt: null }), "expired");
  assert.equal(await statusOf(old, trust("ignored"), { signedAt: null }), "good");
});

test("one certificate of the chain that has expired is enough", async () => {
  assert.equal(await statusOf(by(pki.expiredLeaf), trusting([pki.expiredLeaf], [ca], root)), "expired");
  assert.equal(await statusOf(by(pki.futureLeaf), trusting([pki.futureLeaf], [ca], root)), "expired");
  assert.equal(await statusOf(by(pki.underLapsedCa), trusting([pki.underLapsedCa], [pki.lapsedCa], root)), "expired");
  assert.equal(
    await statusOf(by(pki.underLateCa), trusting([pki.underLateCa], [pki.lateCa], pki.expiredRoot)),
    "expired",
  );
});

test("the policy of one anchor is not that of another", async () => {
  const lax = { certificate: pki.otherRoot.pem, time: "ignored", usage: "any" } as const;
  const trust = trusting([pki.expiredLeaf], [ca], root);
  assert.equal(await statusOf(by(pki.expiredLeaf), { ...trust, anchors: [lax, ...trust.anchors] }), "expired");
  const forRoot = { ...lax, certificate: root.pem };
  assert.equal(await statusOf(by(pki.expiredLeaf), { ...trust, anchors: [...trust.anchors, forRoot] }), "good");
});

test("every stated usage of the chain allows code signing, unless the anchor asks for none", async () => {
  const cases = [
    [pki.serverLeaf, plainCa, "unknown-key"],
    [pki.underServerCa, pki.serverCa, "unknown-key"],
    [pki.codeLeaf, plainCa, "good"],
    [pki.anyLeaf, plainCa, "good"],
  ] as const;
  for (const [signer, between, expected] of cases) {
    assert.equal(await statusOf(by(signer), trusting([signer], [between], root)), expected, signer.subject);
    assert.equal(
      await statusOf(by(signer), trusting([signer], [between], root, { usage: "any" })),
      "good",
      signer.subject,
    );
  }
  const keySigner = party("O=Vendor, CN=No Signature", plainCa, { ca: true });
  assert.equal(await statusOf(by(keySigner), trusting([keySigner], [plainCa], root)), "unknown-key");
  assert.equal(await statusOf(by(keySigner), trusting([keySigner], [plainCa], root, { usage: "any" })), "good");
});

test("SHA-1 is for the legacy profile, MD5 for none", async () => {
  const legacy = { profile: "legacy-sha1" } as const;
  const cases = [
    ["digest", by(leaf, { digest: "sha1" }), [leaf], [ca], "good"],
    ["RSA digest", by(pki.rsaLeaf, { digest: "sha1" }), [pki.rsaLeaf], [ca], "good"],
    ["leaf", by(pki.sha1Leaf), [pki.sha1Leaf], [plainCa], "good"],
    ["between", by(pki.underSha1Ca), [pki.underSha1Ca], [pki.sha1Ca], "good"],
    ["MD5 digest", by(pki.rsaLeaf, { digest: "md5" }), [pki.rsaLeaf], [ca], "weak"],
    ["MD5 leaf", by(pki.md5Leaf), [pki.md5Leaf], [pki.rsaCa], "weak"],
  ] as const;
  for (const [name, signature, pins, between, inLegacy] of cases) {
    assert.equal(await statusOf(signature, trusting(pins, between, root)), "weak", name);
    assert.equal(await statusOf(signature, trusting(pins, between, root, legacy)), inLegacy, name);
  }
});

test("an authority that is none, or has more below it than it may, issues nothing", async () => {
  assert.equal(await statusOf(by(pki.underNoCa), trusting([pki.underNoCa], [pki.noCa], root)), "unknown-key");
  const deep = trusting([pki.tooDeep], [pki.belowShort, pki.shortCa], root);
  assert.equal(await statusOf(by(pki.tooDeep), deep), "unknown-key");
  assert.equal(
    await statusOf(by(pki.underNoCa), trusting([pki.underNoCa], [], pki.noCa)),
    "unknown-key",
    "as an anchor",
  );
  const shortRoot = party("O=Vendor, CN=Short Root", null, { ca: true, pathLength: 0 });
  const between = party("O=Vendor, CN=Between", shortRoot, { ca: true });
  const below = party("O=Vendor, CN=Below", between);
  const direct = party("O=Vendor, CN=Direct", shortRoot);
  assert.equal(
    await statusOf(by(below), trusting([below], [between], shortRoot)),
    "unknown-key",
    "a root that may not",
  );
  assert.equal(await statusOf(by(direct), trusting([direct], [], shortRoot)), "good");
});

test("what is not a detached signature over data is malformed", async () => {
  const good = by(leaf);
  const asn1 = readTree(good);
  const bad: Readonly<Record<string, Uint8Array>> = {
    empty: Buffer.alloc(0),
    "content of its own": withContent(GUARD)(good, leaf.key),
    "content of another type": otherContentType(good, leaf.key),
    "attributes signed as BER": attributesSignedIn("long")(good, leaf.key),
    "one attribute twice": attributeTwice(0)(good, leaf.key),
    "cut off": good.subarray(0, -1),
    "bytes behind it": Buffer.concat([good, Buffer.from([0])]),
    "not SignedData": writeTree({ ...asn1, children: asn1.children?.slice(1) ?? [] }),
    "an embedded certificate that is none": by(leaf, { embed: [Buffer.from("3003020101", "hex")] }),
  };
  for (const [name, signature] of Object.entries(bad)) assert.equal(await statusOf(signature), "malformed", name);
});

test("what OpenSSL cannot read is malformed, though the ASN.1 library reads it", async () => {
  const tree = readTree(by(leaf));
  const put = (where: readonly number[], hex: string): Uint8Array =>
    writeTree(changeTree(tree, where, () => [raw(Buffer.from(hex, "hex"))]));
  const retagged = (where: readonly number[], tag: number): Uint8Array =>
    writeTree(changeTree(tree, where, (node) => [{ ...node, tag }]));
  const unsigned = (hex: string): Uint8Array =>
    writeTree(
      changeTree(tree, [1, 0, 3, 0], (node) => [
        { ...node, children: [...(node.children ?? []), raw(Buffer.from(hex, "hex"))] },
      ]),
    );
  const bad: Readonly<Record<string, Uint8Array>> = {
    "a sequence that does not say that it holds elements": retagged([1, 0, 3, 0], 0x10),
    "an enumerated version": put([1, 0, 0], "0a0101"),
    "a version with a needless byte": put([1, 0, 0], "02020101"),
    "a version that there is none of": put([1, 0, 0], "020106"),
    "a NULL that holds something": put([1, 0, 3, 0, 4], "300e06082a8648ce3d040302050201ff"),
    "more behind the unsigned attributes": unsigned("a1133011060b2a864886f70d010910020e310230000500"),
    "an unsigned attribute of a simple type": unsigned("a1133011060b2a864886f70d010910020e31020500"),
  };
  assert.equal(
    await statusOf(unsigned("a1133011060b2a864886f70d010910020e31023000")),
    "good",
    "a time stamp is no harm",
  );
  for (const [name, signature] of Object.entries(bad)) assert.equal(await statusOf(signature), "malformed", name);
});

test("an element is as long as what it holds, whatever the ASN.1 library takes", async () => {
  const long = Buffer.from(framed("long")(by(leaf), leaf.key));
  assert.equal(await statusOf(long), "good");
  const lengths = longLengths(long);
  assert.ok(lengths.length >= 8);
  for (const at of lengths)
    for (const more of [-16, -1, 1, 16]) {
      const changed = Buffer.from(long);
      changed[at] = (changed[at] ?? 0) + more;
      assert.equal(await statusOf(changed), "malformed", `${more} at ${at}`);
    }
});

test("what a stranger may choose has a ceiling", async () => {
  const many = (count: number): Uint8Array =>
    signDetachedCmsBy(
      GUARD,
      Array.from({ length: count }, () => leaf),
      { signedAt: TODAY },
    );
  assert.equal((await verify(many(16))).length, 16);
  // The signature does not verify over them, which would be said only after they were read.
  const withAttributes = (count: number, hex: string): Uint8Array =>
    writeTree(
      changeTree(readTree(by(leaf)), [1, 0, 3, 0, 3], (node) => [
        {
          ...node,
          children: [...(node.children ?? []), ...Array.from({ length: count }, () => raw(Buffer.from(hex, "hex")))],
        },
      ]),
    );
  const nested = (depth: number): string => {
    let value = Buffer.from("3000", "hex");
    for (let level = 0; level < depth; level++) value = Buffer.concat([Buffer.from([0x30, value.length]), value]);
    const size = value.length;
    return Buffer.concat([Buffer.from([0x30, size + 7, 0x06, 0x03, 0x2a, 3, 4, 0x31, size]), value]).toString("hex");
  };
  assert.equal(await statusOf(withAttributes(29, SIMPLE_ATTRIBUTE)), "wrong");
  assert.equal(await statusOf(withAttributes(1, nested(5))), "wrong");
  const hostile: Readonly<Record<string, Uint8Array>> = {
    "17 signers": many(17),
    "33 certificates": by(leaf, { embed: Array.from({ length: 33 }, () => leaf.certificate) }),
    "deeply nested": Buffer.alloc(1_000_000, Buffer.from([0x30, 0x80])),
    "many elements": Buffer.concat([Buffer.from("30830e0000", "hex"), Buffer.alloc(0x0e_00_00, Buffer.from([5, 0]))]),
    "33 attributes": withAttributes(30, SIMPLE_ATTRIBUTE),
    "an attribute with a string in pieces": withAttributes(1, "300b06032a0304310424020400"),
    "an attribute with deep values": withAttributes(1, nested(20)),
    "too large": Buffer.alloc(1024 * 1024 + 1, 0x30),
    "a length past all memory": Buffer.from("3088ffffffffffffffff", "hex"),
  };
  for (const [name, signature] of Object.entries(hostile)) {
    const began = performance.now();
    assert.equal(await statusOf(signature), "malformed", name);
    assert.ok(performance.now() - began < 2_000, `${name} took too long`);
  }
});

test("trust that cannot be read is the source's fault, and no signature's", async () => {
  const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
  const [anchor] = USUAL.anchors;
  assert.ok(anchor);
  for (const trust of [
    { ...USUAL, signers: [leaf.pem, broken] },
    { ...USUAL, intermediates: ["no certificate"] },
    { ...USUAL, anchors: [{ ...anchor, certificate: broken }] },
  ])
    await assert.rejects(
      verify(by(leaf), trust),
      (error) => error instanceof Failure && error.code === "source.invalid",
    );
});

test("no changed byte makes another guard good", async () => {
  const good = Buffer.from(by(leaf, { embed: [leaf.certificate] }));
  const other = Buffer.concat([GUARD, Buffer.from("[File-evil.exe]\r\n")]);
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, xor) => {
      const changed = Buffer.from(good);
      changed[at] = (changed[at] ?? 0) ^ xor;
      await verify(changed);
      for (const { status } of await verify(changed, USUAL, { content: other })) assert.notEqual(status, "good");
    }),
    { numRuns: 300 },
  );
});
