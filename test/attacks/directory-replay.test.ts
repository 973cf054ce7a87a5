import assert from "node:assert/strict";
import { test } from "node:test";
import type { Revision } from "../../src/core/model/revision.ts";
import type { Trust } from "../../src/core/model/source.ts";
import { judgeDirectory, readDirectory } from "../fixtures/read-directory.ts";
import { makeMinisignVendor, makeOpenpgpVendor, signDetached, signMinisign } from "../upstream/signing.ts";

// The attack: an old list with its own good signature is served again, so that clients stay on what has known holes.

const checksums = { kind: "checksums", file: "SHA256SUMS" } as const;
const older = Date.UTC(2026, 8, 1);
const newer = Date.UTC(2026, 9, 1);
const now = Date.UTC(2026, 10, 1);
const list = (letter: string): Buffer => Buffer.from(`${letter.repeat(64)}  a.zip\n`);

const held = (series: Revision["series"]): Revision => ({
  source: "vendor",
  number: 1,
  sealedAt: newer,
  files: 3,
  bytes: 1_000,
  series,
  vouchedBy: "",
  unsigned: false,
  newestBuiltAt: null,
});

async function replay(
  trust: Trust,
  site: (letter: string, signedAt: number) => Promise<Readonly<Record<string, string | Uint8Array>>>,
): Promise<void> {
  const [old, recent] = [await site("a", older), await site("b", newer)];
  const { listing } = await readDirectory(recent, checksums, { trust, now });
  assert.deepEqual(listing.series, [{ name: "SHA256SUMS", version: newer / 1_000 }]);
  assert.equal((await readDirectory(old, checksums, { trust, now })).listing.series[0]?.version, older / 1_000);
  const last = held(listing.series);
  assert.equal(await judgeDirectory(old, checksums, { trust, now }), "accepted");
  assert.equal(await judgeDirectory(old, checksums, { trust, now, last }), "feed.older-than-held");
  assert.equal(await judgeDirectory(recent, checksums, { trust, now, last }), "accepted");
}

test("OpenPGP: a replayed list is known by its old time of signing", async () => {
  const vendor = await makeOpenpgpVendor({ born: older - 1e9 });
  await replay({ kind: "openpgp", keys: [vendor.publicKey], threshold: 1 }, async (letter, signedAt) => ({
    SHA256SUMS: list(letter),
    "SHA256SUMS.gpg": await signDetached([vendor], list(letter), signedAt),
  }));
});

test("OpenPGP: a stranger's newer signature beside the old one does not make the list newer", async () => {
  const [vendor, stranger] = await Promise.all([
    makeOpenpgpVendor({ born: older - 1e9 }),
    makeOpenpgpVendor({ born: older - 1e9 }),
  ]);
  const signature = Buffer.concat([
    await signDetached([vendor], list("a"), older),
    await signDetached([stranger], list("a"), now),
  ]);
  const trust: Trust = { kind: "openpgp", keys: [vendor.publicKey], threshold: 1 };
  const last = held([{ name: "SHA256SUMS", version: newer / 1_000 }]);
  assert.equal(
    await judgeDirectory({ SHA256SUMS: list("a"), "SHA256SUMS.gpg": signature }, checksums, { trust, now, last }),
    "feed.older-than-held",
  );
});

test("OpenPGP: an expired key's newer signature beside the old one does not make the list newer", async () => {
  const [vendor, brief] = await Promise.all([
    makeOpenpgpVendor({ born: older - 1e9 }),
    makeOpenpgpVendor({ born: older - 1e9, lasts: 45 * 86_400 }),
  ]);
  const signature = Buffer.concat([
    await signDetached([vendor], list("a"), older),
    await signDetached([brief], list("a"), newer + 1_000),
  ]);
  const trust: Trust = { kind: "openpgp", keys: [vendor.publicKey, brief.publicKey], threshold: 1 };
  const site = { SHA256SUMS: list("a"), "SHA256SUMS.gpg": signature };
  const { findings } = await readDirectory(site, checksums, { trust, now });
  assert.deepEqual(
    findings.signatures.map(({ status }) => status),
    ["good", "expired"],
  );
  const last = held([{ name: "SHA256SUMS", version: newer / 1_000 }]);
  assert.equal(await judgeDirectory(site, checksums, { trust, now, last }), "feed.older-than-held");
});

test("minisign: a replayed list is known by its trusted comment, and another comment makes it wrong", async () => {
  const vendor = makeMinisignVendor();
  const trust: Trust = { kind: "minisign", keys: [vendor.publicKey], threshold: 1 };
  await replay(trust, async (letter, signedAt) => ({
    SHA256SUMS: list(letter),
    "SHA256SUMS.minisig": signMinisign(vendor, list(letter), { signedAt }),
  }));
  const forged = signMinisign(vendor, list("a"), { signedAt: older }).replace(
    `timestamp:${older / 1_000}`,
    `timestamp:${now / 1_000}`,
  );
  assert.equal(
    await judgeDirectory({ SHA256SUMS: list("a"), "SHA256SUMS.minisig": forged }, checksums, { trust, now }),
    "feed.signature-wrong",
  );
});

test("minisign: the newer list's comment and global signature do not fit the older list's signature", async () => {
  const vendor = makeMinisignVendor();
  const trust: Trust = { kind: "minisign", keys: [vendor.publicKey], threshold: 1 };
  const lines = (letter: string, signedAt: number): readonly string[] =>
    signMinisign(vendor, list(letter), { signedAt }).split("\n");
  const grafted = [...lines("a", older).slice(0, 2), ...lines("b", newer).slice(2)].join("\n");
  assert.equal(
    await judgeDirectory({ SHA256SUMS: list("a"), "SHA256SUMS.minisig": grafted }, checksums, { trust, now }),
    "feed.signature-wrong",
  );
});
