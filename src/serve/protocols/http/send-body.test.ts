import assert from "node:assert/strict";
import { test } from "node:test";
import { BufferPool, LARGE_BYTES, SMALL_BYTES } from "../../buffer-pool.ts";
import type { Exchange } from "./exchange.ts";
import { sendPieces } from "./send-body.ts";

const whole = Buffer.alloc(2_000_000, "0123456789");
const blob = { held: whole, read: () => Promise.resolve(0), close: () => undefined };

/** What an exchange is given, which takes each write as `take` does. */
function exchange(given: Uint8Array[], take: () => Promise<boolean>): Exchange {
  return {
    request: { method: "GET", target: "/", version: "HTTP/1.1", fields: new Map(), hasBody: false, length: 0 },
    status: 200,
    respond: () => undefined,
    begin: () => undefined,
    write: (bytes: Uint8Array) => {
      given.push(bytes);
      return take();
    },
    end: () => undefined,
    cut: () => undefined,
  } as unknown as Exchange;
}

test("of what is kept in memory a client that takes nothing is given one small piece", () => {
  const given: Uint8Array[] = [];
  const never = new Promise<boolean>(() => undefined);
  void sendPieces(
    exchange(given, () => never),
    [{ first: 0, last: whole.length - 1 }],
    blob,
    { buffers: new BufferPool(1), elapsed: () => 0 },
  );
  assert.deepEqual(
    given.map(({ length }) => length),
    [SMALL_BYTES],
  );
});

test("one that takes all is given it whole, in large pieces", async () => {
  const given: Uint8Array[] = [];
  const sent = await sendPieces(
    exchange(given, async () => true),
    [{ first: 10, last: whole.length - 1 }],
    blob,
    { buffers: new BufferPool(1), elapsed: () => 0 },
  );
  assert.equal(sent, "sent");
  assert.deepEqual(Buffer.concat(given), whole.subarray(10));
  assert.ok(given.slice(1).every(({ length }) => length <= LARGE_BYTES) && given.length < 6);
});

/** An exchange that says at once what it takes: `takes` of the bytes offered, and what is left when `taken` resolves. */
function offered(given: Buffer[], takes: (length: number) => number, taken: () => Promise<boolean>): Exchange {
  const written = exchange([], async () => true);
  return {
    ...written,
    tellsAtOnce: true,
    taken,
    write: (bytes: Uint8Array) => {
      given.push(Buffer.from(bytes));
      return Promise.resolve(true);
    },
    offer: (bytes: Uint8Array) => {
      const piece = Buffer.from(bytes.subarray(0, takes(bytes.length)));
      given.push(piece);
      return piece.length;
    },
  };
}

const large = Buffer.alloc(20_000_000, "0123456789abcdef-");
const file = {
  held: null,
  read: async (into: Uint8Array, length: number, offset: number) =>
    large.copy(into, 0, offset, Math.min(offset + length, large.length)),
  close: () => undefined,
};
const all = [{ first: 0, last: large.length - 1 }];

test("clients that take nothing more hold nothing that another waits for", async () => {
  const means = { buffers: new BufferPool(1), elapsed: () => 0 };
  const never = new Promise<boolean>(() => undefined);
  for (let i = 0; i < 100; i++) {
    void sendPieces(
      offered(
        [],
        () => 16_384,
        () => never,
      ),
      all,
      file,
      means,
    );
  }
  const given: Buffer[] = [];
  const sent = await sendPieces(
    offered(
      given,
      (length) => length,
      async () => true,
    ),
    all,
    file,
    means,
  );
  assert.equal(sent, "sent");
  assert.ok(Buffer.concat(given).equals(large));
  assert.equal(means.buffers.largeOut, 0);
});

test("what a client did not take at once is read again, and sent once", async () => {
  const given: Buffer[] = [];
  let turn = 0;
  const takes = (length: number): number => Math.min(length, 1_000 + ((turn++ * 7_919) % 90_000));
  const means = { buffers: new BufferPool(0), elapsed: () => 0 };
  assert.equal(
    await sendPieces(
      offered(given, takes, async () => true),
      all,
      file,
      means,
    ),
    "sent",
  );
  assert.ok(Buffer.concat(given).equals(large));
});

test("large pieces are for those alone who have taken more than windows hold, at speed", async () => {
  const sizes = async (elapsed: () => number): Promise<number[]> => {
    const given: Buffer[] = [];
    const client = offered(
      given,
      (length) => length,
      async () => true,
    );
    assert.equal(await sendPieces(client, all, file, { buffers: new BufferPool(), elapsed }), "sent");
    return given.map(({ length }) => length);
  };
  const quick = await sizes(() => 0);
  const first = quick.findIndex((size) => size > 256 * 1_024);
  assert.ok(quick.slice(0, first).reduce((sum, size) => sum + size, 0) >= 2 * 1_024 * 1_024);
  assert.ok(quick.includes(LARGE_BYTES));
  let clock = 0;
  const slow = await sizes(() => (clock += 10_000));
  assert.ok(slow.every((size) => size <= 256 * 1_024));
});
