import assert from "node:assert/strict";
import test from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { TestQuarantine } from "../../../test/fixtures/inspected.ts";
import { type GunzipEnd, gunzip } from "./gunzip.ts";

const MOST = 10_000_000;

async function unpack(
  bytes: Uint8Array,
  most: number = MOST,
  take: (total: number) => boolean = () => true,
): Promise<GunzipEnd & { readonly bytes: Buffer }> {
  using quarantine = new TestQuarantine();
  const handle = await quarantine.open(bytes);
  const pieces: Buffer[] = [];
  try {
    const end = await gunzip({ handle, start: 0, end: bytes.length }, most, (piece) => {
      pieces.push(piece);
      return take(pieces.length);
    });
    return { ...end, bytes: Buffer.concat(pieces) };
  } finally {
    await handle.close();
  }
}

/** A member header with every optional field that RFC 1952 has. */
function withOptionalFields(gzip: Buffer): Buffer {
  const head = Buffer.from([0x1f, 0x8b, 8, 0x04 | 0x08 | 0x10, 0, 0, 0, 0, 0, 3, 2, 0, 0x41, 0x42]);
  return Buffer.concat([head, Buffer.from("name\0comment\0"), gzip.subarray(10)]);
}

test("what was packed comes out whole, whatever its size", async () => {
  const sizes = fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 60_000, max: 300_000 }));
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1, max: 255 }), async (size, step) => {
      const bytes = Buffer.from(Array.from({ length: size }, (_, at) => (at * step * (at >> 7)) & 0xff));
      const end = await unpack(gzipSync(bytes));
      assert.deepEqual([end.outcome, end.expandedBytes, end.bytes.equals(bytes)], ["whole", size, true]);
    }),
    { numRuns: 30 },
  );
});

test("the optional header fields are skipped", async () => {
  const end = await unpack(withOptionalFields(gzipSync("content")));
  assert.deepEqual([end.outcome, end.bytes.toString()], ["whole", "content"]);
});

const packed = gzipSync(Buffer.alloc(200_000, "signature\n"));

test("anything but exactly one gzip member is malformed", async () => {
  const random = Buffer.from(Array.from({ length: 131_072 * 2 }, (_, at) => (at * at * 31 + (at >> 3)) & 0xff));
  const large = gzipSync(random, { level: 0 });
  const bad: Readonly<Record<string, Buffer>> = {
    empty: Buffer.alloc(0),
    "only a header": packed.subarray(0, 10),
    "cut off in the trailer": packed.subarray(0, -1),
    "cut off in the stream": packed.subarray(0, packed.length >> 1),
    "a second member": Buffer.concat([packed, packed]),
    "a byte behind it": Buffer.concat([packed, Buffer.from([0])]),
    "a long tail behind it": Buffer.concat([packed, Buffer.alloc(300_000)]),
    "a second member behind a large one": Buffer.concat([large, packed]),
    "a wrong checksum": Buffer.concat([packed.subarray(0, -8), Buffer.from([1, 2, 3, 4]), packed.subarray(-4)]),
    "a wrong length": Buffer.concat([packed.subarray(0, -4), Buffer.from([1, 2, 3, 4])]),
    "not gzip": Buffer.from("<html>not here</html>"),
    "a name without end": Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]), Buffer.alloc(9_000, 0x41)]),
  };
  for (const [name, bytes] of Object.entries(bad)) {
    assert.equal((await unpack(bytes)).outcome, "malformed", name);
  }
});

test("a second member is refused at whichever byte of a read it begins", async () => {
  // Around the 128 KiB of one read: there the inflater learns of the end and of what follows in different calls.
  for (let size = 131_050; size <= 131_110; size++) {
    const member = gzipSync(Buffer.alloc(size - 33), { level: 0 });
    assert.equal((await unpack(member)).outcome, "whole");
    assert.equal((await unpack(Buffer.concat([member, gzipSync("hidden")]))).outcome, "malformed", `${member.length}`);
  }
});

test("the cap stops a bomb after one buffer", async () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  const end = await unpack(bomb, 1_000_000);
  assert.equal(end.outcome, "past-cap");
  assert.ok(end.expandedBytes < 1_200_000, `${end.expandedBytes} bytes`);
  assert.equal((await unpack(packed, 200_000)).outcome, "whole", "exactly the cap is allowed");
  assert.equal((await unpack(packed, 199_999)).outcome, "past-cap");
});

test("the taker can stop it", async () => {
  const end = await unpack(gzipSync(Buffer.alloc(1_000_000)), MOST, (pieces) => pieces < 2);
  assert.equal(end.outcome, "stopped");
  assert.ok(end.expandedBytes < 300_000);
});

test("any bytes end in an answer, and what is whole is what zlib unpacks", async () => {
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  const damaged = fc.tuple(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, xor]) => {
    const bytes = Buffer.from(packed);
    bytes[at] = (bytes[at] ?? 0) ^ xor;
    return bytes;
  });
  const any = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.concat([header, bytes]));
  await fc.assert(
    fc.asyncProperty(fc.oneof(damaged, any, fc.uint8Array({ maxLength: 400 })), async (bytes) => {
      const end = await unpack(bytes);
      if (end.outcome === "whole") assert.ok(end.bytes.equals(gunzipSync(bytes)));
    }),
    { numRuns: 200 },
  );
});
