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
