import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Trust } from "../../src/core/model/source.ts";
import { judgeDirectory, readDirectory } from "../fixtures/read-directory.ts";
import { makeOpenpgpVendor, type OpenpgpVendor, signCleartext } from "../upstream/signing.ts";

// The attack: a good clear-text signed list is wrapped in more text, so that a reader who checks the signature here and
// reads the names there takes names that nobody has signed.

const signedAt = Date.UTC(2026, 9, 1);
const checksums = { kind: "checksums", file: "SHA256SUMS" } as const;
const good = `${"a".repeat(64)}  good.zip`;
const evil = `${"e".repeat(64)}  evil.zip`;

let vendor: OpenpgpVendor;
let attacker: OpenpgpVendor;
let trust: Trust;
let honest: string;
before(async () => {
  [vendor, attacker] = await Promise.all([
    makeOpenpgpVendor({ born: signedAt - 1e9 }),
    makeOpenpgpVendor({ born: signedAt - 1e9 }),
  ]);
  trust = { kind: "openpgp", keys: [vendor.publicKey], threshold: 1 };
  honest = (await signCleartext([vendor], `${good}\n`, signedAt)).replaceAll("\r\n", "\n");
});

test("no name from outside the signed part is ever listed as good", async () => {
  const other = (await signCleartext([attacker], `${evil}\n`, signedAt)).replaceAll("\r\n", "\n");
  const [header, signature] = [
    honest.slice(0, honest.indexOf("\n\n") + 2),
    honest.slice(honest.indexOf("-----BEGIN PGP SIGNATURE")),
  ];
  const wrapped: Readonly<Record<string, string>> = {
    before: `${evil}\n${honest}`,
    behind: `${honest}${evil}\n`,
    both: `${evil}\n${honest}${evil}\n`,
    "a second signed message behind": honest + other,
    "a second signed message before": other + honest,
    "inside, before the text": honest.replace(good, `${evil}\n${good}`),
    "inside, behind the text": honest.replace(good, `${good}\n${evil}`),
    "as a header": honest.replace("\n\n", `\n${evil}\n\n`),
    "as a comment header": honest.replace("\n\n", `\nComment: x\n${evil}\n\n`),
    "behind a header that looks empty": honest.replace("\n\n", `\n\u00a0\n${evil}\n\n`),
    "behind a carriage return": honest.replace(good, `${good}\r${evil}`),
    "dash-escaped": honest.replace(good, `- ${evil}\n${good}`),
    "between text and signature": honest.replace(
      "-----BEGIN PGP SIGNATURE",
      `-----BEGIN X-----\n${evil}\n-----BEGIN PGP SIGNATURE`,
    ),
    "a frame within a frame": `${header}${evil}\n${honest}`,
    "the signature alone": `${header}${evil}\n${signature}`,
    "no frame at all": `${evil}\n`,
  };
  for (const [name, file] of Object.entries(wrapped)) {
    const read = await readDirectory({ SHA256SUMS: file }, checksums, { trust });
    const listsEvil = read.listing.artifacts.some(({ path }) => path.includes("evil"));
    const verdict = await judgeDirectory({ SHA256SUMS: file }, checksums, { trust });
    assert.ok(!listsEvil || verdict !== "accepted", `${name}: ${verdict}`);
  }
});

test("text around the signed part changes nothing of what is read", async () => {
  for (const file of [honest, `${evil}\n${honest}`, `${honest}${evil}\n`]) {
    const read = await readDirectory({ SHA256SUMS: file }, checksums, { trust });
    assert.deepEqual(
      read.listing.artifacts.map(({ path }) => path),
      ["good.zip", "SHA256SUMS"],
    );
    assert.equal(await judgeDirectory({ SHA256SUMS: file }, checksums, { trust }), "accepted");
  }
});

test("a frame without a signature that can be read lists nothing", async () => {
  for (const file of [
    honest.slice(0, honest.indexOf("-----BEGIN PGP SIGNATURE")),
    honest.replace("-----END", "----END"),
    honest.replace(/\n=.*/, "").replace(/[A-Za-z0-9+/]{60}\n/g, ""),
  ]) {
    const read = await readDirectory({ SHA256SUMS: file }, checksums, { trust });
    assert.deepEqual(read.listing.artifacts, []);
    assert.notEqual(await judgeDirectory({ SHA256SUMS: file }, checksums, { trust }), "accepted");
  }
});
