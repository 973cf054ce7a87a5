import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as fc from "fast-check";
import * as openpgp from "openpgp";
import {
  makeOpenpgpVendor,
  type OpenpgpVendor,
  signCleartext,
  signDetached,
  signDetachedArmoured,
} from "../../../test/upstream/signing.ts";
import { inspectCleartext, inspectDetached, readOpenpgpKeys } from "./openpgp.ts";

const DAY = 86_400_000;
const born = Date.UTC(2026, 0, 1);
const signedAt = Date.UTC(2026, 9, 1);
const now = Date.UTC(2026, 10, 1);
const content = Buffer.from("what is signed\n");

let vendor: OpenpgpVendor;
let second: OpenpgpVendor;
let stranger: OpenpgpVendor;
before(async () => {
  [vendor, second, stranger] = await Promise.all([
    makeOpenpgpVendor({ born }),
    makeOpenpgpVendor({ born, signingSubkey: true }),
    makeOpenpgpVendor({ born }),
  ]);
});

const detached = async (
  signature: Uint8Array | string,
  options: { keys?: readonly string[]; over?: Uint8Array; now?: number } = {},
) =>
  inspectDetached({
    keys: await readOpenpgpKeys(options.keys ?? [vendor.publicKey, second.publicKey]),
    signature: Buffer.from(signature),
    content: options.over ?? content,
    over: "list",
    now: options.now ?? now,
  });

const statuses = async (...input: Parameters<typeof detached>) =>
  (await detached(...input)).map(({ status }) => status);

const clear = async (file: string) =>
  inspectCleartext({ keys: await readOpenpgpKeys([vendor.publicKey]), file, over: "list", now });

test("a good detached signature, binary and armoured, tells its signer and its time", async () => {
  for (const signature of [
    await signDetached([vendor], content, signedAt),
    await signDetachedArmoured([vendor], content, signedAt),
  ]) {
    const [finding, ...more] = await detached(signature);
    assert.equal(more.length, 0);
    assert.deepEqual(
      [finding?.status, finding?.signer, finding?.signedAt, finding?.over],
      ["good", vendor.fingerprint, signedAt, "list"],
    );
  }
});

test("a subkey's signature is its primary key's, so that a threshold counts people", async () => {
  const [finding] = await detached(await signDetached([second], content, signedAt));
  assert.deepEqual([finding?.status, finding?.signer], ["good", second.fingerprint]);
  assert.doesNotMatch(finding?.detail ?? "", new RegExp(second.fingerprint.slice(-16)));
});

test("several signatures in one file are seen one by one: in one block, in two, and as bare packets", async () => {
  const [one, other] = [
    await signDetachedArmoured([vendor], content, signedAt),
    await signDetachedArmoured([stranger], content, signedAt),
  ];
  assert.deepEqual((await statuses(await signDetached([vendor, second], content, signedAt))).toSorted(), [
    "good",
    "good",
  ]);
  assert.deepEqual(await statuses(one + other), ["good", "unknown-key"]);
  const packets = [await signDetached([stranger], content, signedAt), await signDetached([vendor], content, signedAt)];
  assert.deepEqual(await statuses(Buffer.concat(packets)), ["unknown-key", "good"]);
});

test("wrong: other content, and a signature of something else", async () => {
  const signature = await signDetached([vendor], content, signedAt);
  const [finding] = await detached(signature, { over: Buffer.from("what is signeD\n") });
  assert.deepEqual([finding?.status, finding?.signedAt], ["wrong", null]);
  assert.deepEqual(await statuses(signature, { over: new Uint8Array(0) }), ["wrong"]);
});

test("unknown-key: nobody of ours", async () => {
  const [finding] = await detached(await signDetached([stranger], content, signedAt));
  assert.deepEqual([finding?.status, finding?.signer], ["unknown-key", stranger.fingerprint.slice(-16)]);
});

test("expired: a key that has ended since, also when the signature was made before", async () => {
  const brief = await makeOpenpgpVendor({ born, lasts: 30 * 86_400 });
  const signature = await signDetached([brief], content, born + DAY);
  const keys = [brief.publicKey];
  assert.deepEqual(await statuses(signature, { keys, now: born + 2 * DAY }), ["good"]);
  assert.deepEqual(await statuses(signature, { keys, now: born + 31 * DAY }), ["expired"]);
});

test("expired: a revoked key", async () => {
  const signature = await signDetached([vendor], content, signedAt);
  const { publicKey } = await openpgp.revokeKey({
    key: vendor.privateKey,
    reasonForRevocation: { flag: openpgp.enums.reasonForRevocation.keyCompromised },
    date: new Date(signedAt + DAY),
    format: "object",
  });
  const [finding] = await detached(signature, { keys: [publicKey.armor()] });
  assert.equal(finding?.status, "expired");
  assert.match(finding?.detail ?? "", /revoked/);
});

test("a key whose life was prolonged keeps what it signed before", async () => {
  const brief = await makeOpenpgpVendor({ born, lasts: 30 * 86_400 });
  const signature = await signDetached([brief], content, born + DAY);
  const prolonged = await openpgp.reformatKey({
    privateKey: brief.privateKey,
    userIDs: [{ name: "Test vendor" }],
    date: new Date(born + 20 * DAY),
    keyExpirationTime: 900 * 86_400,
    format: "object",
  });
  assert.deepEqual(await statuses(signature, { keys: [prolonged.publicKey.armor()] }), ["good"]);
});

test("a clock of ours that lags does not make a key unborn", async () => {
  assert.deepEqual(await statuses(await signDetached([vendor], content, signedAt), { now: born - DAY }), ["good"]);
});

test("weak: an RSA key of 1024 bits", async () => {
  const { privateKey } = await openpgp.generateKey({
    format: "object",
    type: "rsa",
    rsaBits: 1024,
    userIDs: [{ name: "Weak" }],
    date: new Date(born),
    config: { minRSABits: 1024 },
  });
  const signature = await openpgp.sign({
    message: await openpgp.createMessage({ binary: content }),
    signingKeys: privateKey,
    detached: true,
    format: "binary",
    date: new Date(signedAt),
    config: { minRSABits: 1024 },
  });
  assert.deepEqual(await statuses(signature, { keys: [privateKey.toPublic().armor()] }), ["weak"]);
});

test("malformed: no signature, a certification, too many of them", async () => {
  const one = await signDetached([vendor], content, signedAt);
  const key = await openpgp.readKey({ armoredKey: vendor.publicKey });
  const certification = key.users[0]?.selfCertifications[0];
  assert.ok(certification !== undefined);
  const packets = new openpgp.PacketList<openpgp.SignaturePacket>();
  packets.push(certification);
  for (const signature of [
    "",
    "-----BEGIN PGP SIGNATURE-----\n",
    new openpgp.Signature(packets).armor(),
    Buffer.concat(Array.from({ length: 17 }, () => one)),
    vendor.publicKey,
  ]) {
    assert.deepEqual(await statuses(signature), ["malformed"]);
  }
});

test("a public key that is none, or is a private one, is the source's fault", async () => {
  for (const key of ["", "nonsense", vendor.privateKey.armor()])
    await assert.rejects(readOpenpgpKeys([key]), { code: "source.invalid" });
});

test("a clear-text signed file gives its text as it was signed", async () => {
  const text = "first\n- dashed\n-----BEGIN odd-----\nlast";
  const read = await clear(await signCleartext([vendor], text, signedAt));
  assert.equal(read.text, text);
  assert.deepEqual(
    read.findings.map(({ status, signer, signedAt: at }) => [status, signer, at]),
    [["good", vendor.fingerprint, signedAt]],
  );
});

test("a clear-text signed file that was changed is wrong, and by a stranger unknown", async () => {
  const file = await signCleartext([vendor], "first\nlast", signedAt);
  assert.deepEqual(
    (await clear(file.replace("first", "First"))).findings.map(({ status }) => status),
    ["wrong"],
  );
  assert.deepEqual(
    (await clear(await signCleartext([stranger], "first", signedAt))).findings.map(({ status }) => status),
    ["unknown-key"],
  );
});

test("line ends of Windows and space at the ends of lines are no change to a clear-text signed file", async () => {
  const file = await signCleartext([vendor], "first\nlast", signedAt);
  const read = await clear(file.replace("first", "first \t").replaceAll(/\r?\n/g, "\r\n"));
  assert.deepEqual([read.text, read.findings[0]?.status], ["first\nlast", "good"]);
});

test("a lone carriage return, which readers take differently, makes a clear-text signed file unreadable", async () => {
  const read = await clear((await signCleartext([vendor], "first\nlast", signedAt)).replace("first", "fi\rrst"));
  assert.deepEqual([read.text, read.findings.map(({ status }) => status)], [null, ["malformed"]]);
});

test("garbage never throws and is never good", async () => {
  const honest = await signDetached([vendor], content, signedAt);
  const framed = await signCleartext([vendor], "first\nlast", signedAt);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      for (const status of await statuses(bytes)) assert.notEqual(status, "good");
    }),
    { numRuns: 60 },
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(honest.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const bytes = Buffer.from(honest);
      bytes[at] = (bytes[at] ?? 0) ^ change;
      await statuses(bytes);
    }),
    { numRuns: 60 },
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(framed.length - 1), fc.string({ maxLength: 3 }), async (at, put) => {
      await clear(framed.slice(0, at) + put + framed.slice(at + 1));
    }),
    { numRuns: 40 },
  );
});
