import assert from "node:assert/strict";
import { constants, createHash, generateKeyPairSync, privateEncrypt, verify } from "node:crypto";
import test from "node:test";
import { radix64 } from "../../../../test/fixtures/clamav-forge.ts";
import { verifyBodySignature, verifyPssSignature } from "./signature.ts";

/** A key with a modulus as long as the vendor's. */
const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_047 });

function raw(block: Uint8Array): Buffer {
  return privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, block);
}

/** EMSA-PSS as the vendor writes it: `keep` masks the highest byte, `padding` stands before the salt. */
function encode(content: Uint8Array, salt: Uint8Array, keep: number, padding: Uint8Array = Buffer.alloc(190)): Buffer {
  const digest = createHash("sha256").update(content).digest();
  const hash = createHash("sha256").update(Buffer.alloc(8)).update(digest).update(salt).digest();
  const mask = Buffer.concat(
    Array.from({ length: 7 }, (_, round) =>
      createHash("sha256")
        .update(hash)
        .update(Buffer.from([0, 0, 0, round]))
        .digest(),
    ),
  );
  const block = Buffer.concat([padding, Buffer.from([1]), salt]);
  const masked = block.map((byte, at) => byte ^ (mask[at] ?? 0));
  masked[0] = (masked[0] ?? 0) & keep;
  return Buffer.concat([masked, hash, Buffer.from([0xbc])]);
}

const CONTENT = Buffer.from("content");
const SHA256 = createHash("sha256").update(CONTENT).digest();

/** The first encoded message, over salts that count up, whose highest byte is in a range. */
function search(least: number, most: number, keep: number, padding?: Uint8Array): Buffer {
  for (let number = 0; ; number++) {
    const salt = Buffer.alloc(32);
    salt.writeUInt32BE(number);
    const encoded = encode(CONTENT, salt, keep, padding);
    const highest = encoded[0] ?? 0;
    if (highest >= least && highest <= most) return encoded;
  }
}

function status(encoded: Buffer, sha256: Uint8Array = SHA256): string {
  return verifyPssSignature(sha256, radix64(raw(encoded)), publicKey).status;
}

function byTheBook(encoded: Buffer): boolean {
  return verify(
    "sha256",
    CONTENT,
    { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
    raw(encoded),
  );
}

test("a signature by the RFC is good", () => {
  const encoded = search(0, 0x3f, 0x3f);
  assert.deepEqual([byTheBook(encoded), status(encoded)], [true, "good"]);
  assert.equal(status(encoded, Buffer.alloc(32)), "wrong");
});

test("a signature that keeps the bit which the RFC clears is good, as it is for clients", () => {
  // 0x40: the second-highest bit alone, below every modulus of 2,047 bits but the smallest.
  const encoded = search(0x40, 0x40, 0x7f);
  assert.deepEqual([byTheBook(encoded), status(encoded)], [false, "good"]);
});

test("an encoded message that is not as the vendor writes it is wrong", () => {
  const good = search(0, 0x3f, 0x3f);
  const junk = Buffer.alloc(190);
  junk[100] = 2;
  assert.equal(status(search(0, 0x3f, 0x3f, junk)), "wrong", "bytes in the padding, which clients overlook");
  const trailer = Buffer.from(good);
  trailer[255] = 0xbb;
  assert.equal(status(trailer), "wrong");
  const hash = Buffer.from(good);
  hash[240] = (hash[240] ?? 0) ^ 1;
  assert.equal(status(hash), "wrong");
});

test("a number that is none, or not below the modulus, is malformed", () => {
  for (const text of ["", "?", "9".repeat(342), "a".repeat(400)]) {
    assert.equal(verifyPssSignature(SHA256, text, publicKey).status, "malformed", text.slice(0, 4));
    assert.equal(verifyBodySignature(Buffer.alloc(16), text, publicKey).status, "malformed", text.slice(0, 4));
  }
});

test("over a body's MD5, the bits above it must be zero, which clients do not look at", () => {
  const md5 = createHash("md5").update(CONTENT).digest();
  const block = Buffer.concat([Buffer.alloc(240), md5]);
  assert.equal(verifyBodySignature(md5, radix64(raw(block)), publicKey).status, "good");
  block[200] = 1;
  assert.equal(verifyBodySignature(md5, radix64(raw(block)), publicKey).status, "wrong");
});
