import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { before, test } from "node:test";
import { readDirectory, type Site } from "../../../../test/fixtures/read-directory.ts";
import {
  makeMinisignVendor,
  makeOpenpgpVendor,
  type OpenpgpVendor,
  signCleartext,
  signDetached,
  signDetachedArmoured,
  signMinisign,
} from "../../../../test/upstream/signing.ts";
import type { Trust } from "../../../core/model/source.ts";

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const digestA = sha256("content of a");
const list = `${digestA}  a.zip\n`;
const signedAt = Date.UTC(2026, 9, 1);
const checksums = { kind: "checksums", file: "SHA256SUMS" } as const;

let vendor: OpenpgpVendor;
let other: OpenpgpVendor;
let openpgpTrust: Extract<Trust, { kind: "openpgp" }>;
before(async () => {
  [vendor, other] = await Promise.all([
    makeOpenpgpVendor({ born: signedAt - 1e9 }),
    makeOpenpgpVendor({ born: signedAt - 1e9 }),
  ]);
  openpgpTrust = { kind: "openpgp", keys: [vendor.publicKey, other.publicKey], threshold: 1 };
});

const facts = ({ listing }: Awaited<ReturnType<typeof readDirectory>>) =>
  listing.artifacts.map(({ path, size, digests }) => [path, size, digests]);
const own = (path: string, bytes: Uint8Array | string) => [path, Buffer.from(bytes).length, { sha256: sha256(bytes) }];

test("files named in the source need nothing of the upstream, and their digests are the pins", async () => {
  const read = await readDirectory(
    {},
    { kind: "files", files: ["a.zip", "b.zip"] },
    { trust: { kind: "pinned", digests: { "a.zip": digestA } } },
  );
  assert.deepEqual(read.rounds, []);
  assert.deepEqual(facts(read), [
    ["a.zip", null, { sha256: digestA }],
    ["b.zip", null, {}],
  ]);
  assert.ok(
    read.listing.artifacts.every(({ inspect, companion, series }) => !inspect && companion === null && series === null),
  );
});

test("a pin is no property that objects are born with", async () => {
  const read = await readDirectory(
    {},
    { kind: "files", files: ["constructor"] },
    { trust: { kind: "pinned", digests: {} } },
  );
  assert.deepEqual(facts(read), [["constructor", null, {}]]);
});

test("a checksum list without trust: its names, and itself", async () => {
  const read = await readDirectory({ SHA256SUMS: list }, checksums);
  assert.deepEqual(read.rounds, [["SHA256SUMS"]]);
  assert.deepEqual(facts(read), [["a.zip", null, { sha256: digestA }], own("SHA256SUMS", list)]);
  assert.deepEqual([read.listing.series, read.findings], [[], { signatures: [], malformed: null }]);
});

test("a checksum list under pins: the pins bind, the list binds nothing and is published only when pinned", async () => {
  const site = { SHA256SUMS: `${sha256("other")}  a.zip\n${digestA}  b.zip\n` };
  const read = await readDirectory(site, checksums, { trust: { kind: "pinned", digests: { "a.zip": digestA } } });
  assert.deepEqual(facts(read), [
    ["a.zip", null, { sha256: digestA }],
    ["b.zip", null, {}],
  ]);
  const pinned = await readDirectory(site, checksums, {
    trust: { kind: "pinned", digests: { SHA256SUMS: sha256(site.SHA256SUMS) } },
  });
  assert.deepEqual(facts(pinned).at(-1), own("SHA256SUMS", site.SHA256SUMS));
});

test("openpgp: the signature is looked for as .gpg, .asc and .sig, and is published with the list", async () => {
  const armoured = await signDetachedArmoured([vendor], Buffer.from(list), signedAt);
  for (const [at, ending] of [".gpg", ".asc", ".sig"].entries()) {
    const path = `SHA256SUMS${ending}`;
    const read = await readDirectory({ SHA256SUMS: list, [path]: armoured }, checksums, { trust: openpgpTrust });
    assert.deepEqual(
      read.rounds.flat(),
      ["SHA256SUMS", "SHA256SUMS.gpg", "SHA256SUMS.asc", "SHA256SUMS.sig"].slice(0, at + 2),
    );
    assert.deepEqual(facts(read), [["a.zip", null, { sha256: digestA }], own("SHA256SUMS", list), own(path, armoured)]);
    assert.deepEqual(
      read.findings.signatures.map(({ status, signer, over }) => [status, signer, over]),
      [["good", vendor.fingerprint, "SHA256SUMS"]],
    );
    assert.deepEqual(read.listing.series, [{ name: "SHA256SUMS", version: signedAt / 1_000 }]);
  }
});

test("openpgp: a signature that is nowhere is no signature, wherever it was looked for", async () => {
  for (const trust of [openpgpTrust, { ...openpgpTrust, signature: "sub/list.sig" }]) {
    const read = await readDirectory({ SHA256SUMS: list }, checksums, { trust });
    assert.deepEqual([read.findings, read.listing.series], [{ signatures: [], malformed: null }, []]);
  }
});

test("a signature with one place is fetched with the list, in one round", async () => {
  const signature = await signDetached([vendor], Buffer.from(list), signedAt);
  const read = await readDirectory({ SHA256SUMS: list, "sub/list.sig": signature }, checksums, {
    trust: { ...openpgpTrust, signature: "sub/list.sig" },
  });
  assert.deepEqual(read.rounds, [["SHA256SUMS", "sub/list.sig"]]);
  assert.equal(read.findings.signatures[0]?.status, "good");
});

test("openpgp: the series is the newest good signature's time, whatever a stranger claims", async () => {
  const stranger = await makeOpenpgpVendor({ born: signedAt - 1e9 });
  const parts = [
    await signDetached([vendor], Buffer.from(list), signedAt),
    await signDetached([other], Buffer.from(list), signedAt + 60_000),
    await signDetached([stranger], Buffer.from(list), signedAt + 9e6),
  ];
  const read = await readDirectory({ SHA256SUMS: list, "SHA256SUMS.gpg": Buffer.concat(parts) }, checksums, {
    trust: openpgpTrust,
  });
  assert.deepEqual(
    read.findings.signatures.map(({ status }) => status),
    ["good", "good", "unknown-key"],
  );
  assert.deepEqual(read.listing.series, [{ name: "SHA256SUMS", version: (signedAt + 60_000) / 1_000 }]);
});

test("openpgp: a clear-text signed list needs no other file, and reads the signed text", async () => {
  const file = await signCleartext([vendor], `# a.zip: 12 bytes\nSHA256 (a.zip) = ${digestA}\n`, signedAt);
  const read = await readDirectory({ SHA256SUMS: file }, checksums, { trust: openpgpTrust });
  assert.deepEqual(read.rounds, [["SHA256SUMS"]]);
  assert.deepEqual(facts(read), [["a.zip", null, { sha256: digestA }], own("SHA256SUMS", file)]);
  assert.equal(read.findings.signatures[0]?.status, "good");
});

test("a clear-text signed list is read under any other trust too, without its frame", async () => {
  const read = await readDirectory({ SHA256SUMS: await signCleartext([vendor], list, signedAt) }, checksums);
  assert.deepEqual(
    [facts(read)[0], read.findings],
    [["a.zip", null, { sha256: digestA }], { signatures: [], malformed: null }],
  );
});

test("minisign: the signature is .minisig, and the series its trusted comment's time", async () => {
  const minisign = makeMinisignVendor();
  const trust: Trust = { kind: "minisign", keys: [minisign.publicKey], threshold: 1 };
  const signature = signMinisign(minisign, Buffer.from(list), { signedAt });
  const read = await readDirectory({ SHA256SUMS: list, "SHA256SUMS.minisig": signature }, checksums, { trust });
  assert.deepEqual(read.rounds, [["SHA256SUMS", "SHA256SUMS.minisig"]]);
  assert.deepEqual(facts(read).at(-1), own("SHA256SUMS.minisig", signature));
  assert.deepEqual(
    [read.findings.signatures[0]?.status, read.listing.series],
    ["good", [{ name: "SHA256SUMS", version: signedAt / 1_000 }]],
  );
  const wrong = await readDirectory({ SHA256SUMS: `${list}\n`, "SHA256SUMS.minisig": signature }, checksums, { trust });
  assert.deepEqual([wrong.findings.signatures[0]?.status, wrong.listing.series], ["wrong", []]);
});

test("what a list says of itself and of its own signature is not believed: they were read", async () => {
  const naming = `${sha256("")}  SHA256SUMS\n${sha256("old")}  SHA256SUMS.gpg\n${list}`;
  const signature = await signDetached([vendor], Buffer.from(naming), signedAt);
  const read = await readDirectory({ SHA256SUMS: naming, "SHA256SUMS.gpg": signature }, checksums, {
    trust: openpgpTrust,
  });
  assert.deepEqual(facts(read), [
    ["a.zip", null, { sha256: digestA }],
    own("SHA256SUMS", naming),
    own("SHA256SUMS.gpg", signature),
  ]);
});

test("a list that cannot be read is malformed, and its signatures are told all the same", async () => {
  for (const bad of ["nonsense\n", Buffer.from([0x61, 0xff])]) {
    const read = await readDirectory(
      { SHA256SUMS: bad, "SHA256SUMS.gpg": await signDetached([vendor], Buffer.from(bad), signedAt) },
      checksums,
      { trust: openpgpTrust },
    );
    assert.match(read.findings.malformed ?? "", /^SHA256SUMS: /);
    if (bad === "nonsense\n") assert.equal(read.findings.signatures[0]?.status, "good");
    assert.deepEqual(read.listing, { artifacts: [], series: [] });
  }
});

test("folders: asked for a level at a time, down to the depth and no further", async () => {
  const page = (...lines: readonly object[]) => ({
    dialect: "names" as const,
    page: lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
  });
  const site: Site = {
    "": page({ name: "a.zip", size: 5 }, { name: "x", dir: true }, { name: "y", dir: true }),
    "x/": page({ name: "b.zip", size: 6 }, { name: "z", dir: true }),
    "y/": page(),
    "x/z/": page({ name: "c.zip", size: 7 }),
  };
  const read = async (depth: number) => readDirectory(site, { kind: "listing", depth });
  assert.deepEqual((await read(0)).rounds, [[""]]);
  assert.deepEqual((await read(1)).rounds, [[""], ["x/", "y/"]]);
  const deep = await read(2);
  assert.deepEqual(deep.rounds, [[""], ["x/", "y/"], ["x/z/"]]);
  assert.deepEqual(facts(deep), [
    ["a.zip", 5, {}],
    ["x/b.zip", 6, {}],
    ["x/z/c.zip", 7, {}],
  ]);
});

test("folders: pins bind by the whole path", async () => {
  const site = {
    "": { dialect: "html", page: `<a href="x/">x</a>` },
    "x/": { dialect: "mlsd", page: "type=file;size=12; a.zip\r\n" },
  } as const;
  const read = await readDirectory(
    site,
    { kind: "listing", depth: 1 },
    { trust: { kind: "pinned", digests: { "x/a.zip": digestA } } },
  );
  assert.deepEqual(facts(read), [["x/a.zip", 12, { sha256: digestA }]]);
});

test("folders: an answer that is no listing, or cannot be read, is malformed with its place", async () => {
  const faults: readonly Site[string][] = [
    { dialect: null, page: "welcome" },
    { dialect: "mlsd", page: "nonsense" },
    { dialect: "ftp-list", page: Buffer.from([0xff]) },
  ];
  for (const fault of faults) {
    assert.match(
      (await readDirectory({ "": fault }, { kind: "listing", depth: 0 })).findings.malformed ?? "",
      /^the top folder: /,
    );
  }
});
