import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import fc from "fast-check";
import { CmsForge } from "../../../test/fixtures/cms-forge.ts";
import { needsProgram } from "../../../test/fixtures/needs.ts";
import { DAY } from "../../core/kernel/instant.ts";
import type { SignatureFinding } from "../../core/model/feed-listing.ts";
import { verifyDetachedCms } from "./x509-cms.ts";

const needsOpenssl = needsProgram("openssl", "openssl");
const CONTENT = Buffer.alloc(200_000, "signature database\n");
const LEAF = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature", "subjectKeyIdentifier=hash"];
const AUTHORITY = ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign"];

let forge: CmsForge;
let now = 0;

before(() => {
  if (needsOpenssl !== false) return;
  forge = new CmsForge();
  forge.issue("root", {});
  forge.issue("other", {});
  forge.issue("middle", { issuer: "root", extensions: AUTHORITY });
  forge.issue("leaf", { issuer: "middle", extensions: LEAF });
  forge.issue("rsa", { issuer: "middle", key: "rsa2048", extensions: LEAF });
  // The certificates begin when openssl made them.
  now = Date.now() + 60_000;
});

after(() => forge?.[Symbol.dispose]());

async function* pieces(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 50_000) yield content.subarray(at, at + 50_000);
}

async function verify(
  signature: Uint8Array,
  options: { readonly content?: Uint8Array; readonly anchors?: readonly string[]; readonly at?: number } = {},
): Promise<readonly SignatureFinding[]> {
  const anchors = options.anchors ?? [forge.pem("root")];
  return verifyDetachedCms({
    signature,
    content: pieces(options.content ?? CONTENT),
    over: "main.cvd",
    anchors,
    now: options.at ?? now,
  });
}

async function statusOf(signature: Uint8Array, options: Parameters<typeof verify>[1] = {}): Promise<string> {
  return (await verify(signature, options)).map(({ status }) => status).join(",");
}

test("a signer that chains to the root is good, and named", { skip: needsOpenssl }, async () => {
  const [finding, ...more] = await verify(forge.sign(CONTENT, ["leaf"], { with: ["middle"] }));
  assert.deepEqual(more, []);
  assert.deepEqual(
    [finding?.scheme, finding?.over, finding?.status, finding?.signer],
    ["x509-cms", "main.cvd", "good", "O=Forge, CN=leaf"],
  );
  assert.ok(Math.abs((finding?.signedAt ?? 0) - now) < DAY);
});

test("every algorithm that vendors use today", { skip: needsOpenssl }, async () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["leaf", ["-md", "sha384"]],
    ["leaf", ["-keyid"]],
    ["leaf", ["-noattr", "-md", "sha256"]],
    ["rsa", ["-md", "sha256"]],
    ["rsa", ["-md", "sha512", "-keyopt", "rsa_padding_mode:pss"]],
    ["rsa", ["-noattr", "-md", "sha256"]],
  ];
  for (const [signer, flags] of cases) {
    const signature = forge.sign(CONTENT, [signer], { with: ["middle"], flags });
    assert.equal(await statusOf(signature), "good", `${signer} ${flags.join(" ")}`);
    assert.ok(forge.verifies(CONTENT, signature, "root"));
    assert.equal(await statusOf(signature, { content: CONTENT.subarray(1) }), "wrong", `${signer} ${flags.join(" ")}`);
  }
});

test("openssl refuses what we refuse", { skip: needsOpenssl }, async () => {
  forge.issue("branch", { issuer: "middle", extensions: AUTHORITY });
  forge.issue("twig", { issuer: "branch", extensions: LEAF });
  forge.issue("under-leaf", { issuer: "leaf", extensions: LEAF });
  forge.issue("no-authority", { issuer: "root", extensions: ["basicConstraints=critical,CA:FALSE"] });
  forge.issue("under-none", { issuer: "no-authority", extensions: LEAF });
  forge.issue("stranger", { issuer: "other", extensions: LEAF });
  forge.issue("namesake", { subject: "root" });
  forge.issue("of-namesake", { issuer: "namesake", extensions: LEAF });
  forge.issue("odd", { issuer: "root", extensions: [...LEAF, "1.2.3.4=critical,ASN1:NULL"] });
  const cases: Readonly<Record<string, readonly [Buffer, string]>> = {
    "no intermediate": [forge.sign(CONTENT, ["leaf"]), "unknown-key"],
    "another root": [forge.sign(CONTENT, ["stranger"], { with: ["other"] }), "unknown-key"],
    "a root of the same name": [forge.sign(CONTENT, ["of-namesake"], { with: ["namesake"] }), "unknown-key"],
    "an intermediate that is no authority": [
      forge.sign(CONTENT, ["under-leaf"], { with: ["leaf", "middle"] }),
      "unknown-key",
    ],
    "an intermediate of any use that is no authority": [
      forge.sign(CONTENT, ["under-none"], { with: ["no-authority"] }),
      "unknown-key",
    ],
    "a path longer than allowed": [forge.sign(CONTENT, ["twig"], { with: ["branch", "middle"] }), "unknown-key"],
    "a critical extension nobody knows": [forge.sign(CONTENT, ["odd"]), "unknown-key"],
    "a second signer whom nobody trusts": [
      forge.sign(CONTENT, ["leaf", "stranger"], { with: ["middle"] }),
      "good,unknown-key",
    ],
    "the signer's certificate left out": [forge.sign(CONTENT, ["leaf"], { flags: ["-nocerts"] }), "unknown-key"],
  };
  for (const [name, [signature, expected]] of Object.entries(cases)) {
    assert.equal((await statusOf(signature)).split(",").toSorted().join(","), expected, name);
    assert.equal(forge.verifies(CONTENT, signature, "root"), false, name);
  }
});

test("certificates have their time", { skip: needsOpenssl }, async () => {
  const signature = forge.sign(CONTENT, ["leaf"], { with: ["middle"] });
  assert.equal(await statusOf(signature, { at: now + 31 * DAY }), "expired");
  assert.equal(await statusOf(signature, { at: now - 31 * DAY }), "expired");
});

test("weak digests and keys are weak, not wrong", { skip: needsOpenssl }, async () => {
  forge.issue("small", { issuer: "root", key: "rsa1024", extensions: LEAF });
  forge.issue("old", { issuer: "root", digest: "sha1", extensions: LEAF });
  for (const digest of ["sha1", "md5"]) {
    assert.equal(
      await statusOf(forge.sign(CONTENT, ["rsa"], { with: ["middle"], flags: ["-md", digest] })),
      "weak",
      digest,
    );
  }
  assert.equal(await statusOf(forge.sign(CONTENT, ["small"])), "weak");
  assert.equal(await statusOf(forge.sign(CONTENT, ["old"])), "weak");
});

test("content that could be another signature's attributes is not taken without attributes", {
  skip: needsOpenssl,
}, async () => {
  const content = Buffer.from("31\x00signed attributes begin like this");
  const asSet = Buffer.concat([Buffer.from([0x31]), content]);
  assert.equal(
    await statusOf(forge.sign(asSet, ["leaf"], { with: ["middle"], flags: ["-noattr"] }), { content: asSet }),
    "weak",
  );
});

test("what is no detached signature is malformed", { skip: needsOpenssl }, async () => {
  const good = forge.sign(CONTENT, ["leaf"], { with: ["middle"] });
  const bad: Readonly<Record<string, Uint8Array>> = {
    empty: Buffer.alloc(0),
    text: Buffer.from("-----BEGIN CMS-----"),
    "cut off": good.subarray(0, -1),
    "bytes behind it": Buffer.concat([good, Buffer.from([0])]),
    "content of its own": forge.sign(CONTENT, ["leaf"], { with: ["middle"], flags: ["-nodetach"] }),
    "nested deeply": Buffer.alloc(1_000_000, Buffer.from([0x30, 0x80])),
    "many nodes": Buffer.concat([
      Buffer.from([0x30, 0x83, 0x0e, 0x00, 0x00]),
      Buffer.alloc(0x0e_00_00, Buffer.from([0x05, 0x00])),
    ]),
    "too large": Buffer.alloc(2_000_000),
  };
  for (const [name, signature] of Object.entries(bad)) {
    const began = performance.now();
    assert.equal(await statusOf(signature), "malformed", name);
    assert.ok(performance.now() - began < 2_000, `${name} took too long`);
  }
});

test("a root that cannot be read trusts nobody", { skip: needsOpenssl }, async () => {
  const signature = forge.sign(CONTENT, ["leaf"], { with: ["middle"] });
  assert.equal(await statusOf(signature, { anchors: [] }), "unknown-key");
  assert.equal(
    await statusOf(signature, { anchors: ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] }),
    "unknown-key",
  );
  assert.equal(
    await statusOf(signature, { anchors: [`${forge.pem("other")}${forge.pem("root")}`] }),
    "good",
    "two in one text",
  );
  assert.equal(await statusOf(signature, { anchors: [forge.pem("leaf")] }), "good", "a signer that is itself trusted");
});

test("no changed byte throws, and none makes another content good", { skip: needsOpenssl }, async () => {
  const good = forge.sign(CONTENT, ["leaf"], { with: ["middle"] });
  const other = Buffer.from(CONTENT).fill(0, 0, 1);
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, xor) => {
      const changed = Buffer.from(good);
      changed[at] = (changed[at] ?? 0) ^ xor;
      await verify(changed);
      for (const { status } of await verify(changed, { content: other })) assert.notEqual(status, "good");
    }),
    { numRuns: 40 },
  );
});
