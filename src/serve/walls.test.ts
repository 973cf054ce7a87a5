import assert from "node:assert/strict";
import { test } from "node:test";
import { BufferPool, LARGE_BYTES, SMALL_BYTES } from "./buffer-pool.ts";
import { Connections, plainAddress } from "./connections.ts";
import { DeliveryWatch } from "./least-rate.ts";
import { Recent } from "./recent.ts";

test("connections are counted for all and for each client, and counted down once", () => {
  const connections = new Connections(3, 2);
  const first = connections.admit("10.0.0.1");
  assert.ok(first !== null && connections.admit("::ffff:10.0.0.1") !== null);
  assert.equal(connections.admit("10.0.0.1"), null);
  assert.ok(connections.admit("10.0.0.2") !== null);
  assert.equal(connections.admit("10.0.0.3"), null);
  first();
  first();
  assert.ok(connections.admit("10.0.0.3") !== null);
  assert.equal(connections.admit("10.0.0.4"), null);
});

test("an IPv6 client is its /64, however it is written", () => {
  const one = ["2001:db8:0:7::1", "2001:db8:0:7:ffff::", "2001:db8:0:7:1:2:3:4"];
  const connections = new Connections(10, 3);
  for (const address of one) assert.ok(connections.admit(address) !== null);
  assert.equal(connections.admit("2001:db8:0:7:a::b"), null);
  assert.ok(connections.admit("2001:db8:0:8::1") !== null);
  for (const address of ["::1", "::2", "::"]) assert.ok(connections.admit(address) !== null);
  assert.equal(connections.admit("::3"), null);
  assert.equal(plainAddress("::ffff:10.1.2.3"), "10.1.2.3");
  assert.equal(plainAddress("::1"), "::1");
});

test("a reader below the least rate is seen after the window, one at it never", () => {
  const least = { bytesPerSecond: 1_000, window: 8_000 };
  const slow = new DeliveryWatch(least);
  const verdicts = Array.from({ length: 9 }, (_, second) => slow.tooSlow(second * 1_000, second * 999, 50_000));
  assert.deepEqual(verdicts, [...Array.from({ length: 8 }, () => false), true]);
  const steady = new DeliveryWatch(least);
  for (let second = 0; second < 100; second++)
    assert.equal(steady.tooSlow(second * 1_000, second * 1_000, 50_000), false);
});

test("while nothing waits for the reader, it is not the slow one", () => {
  const watch = new DeliveryWatch({ bytesPerSecond: 1_000, window: 8_000 });
  for (let second = 0; second < 100; second++)
    assert.equal(watch.tooSlow(second * 1_000, 0, second % 7 === 0 ? 0 : 10), false);
});

test("recent values go when the budget is spent, the one used longest ago first", () => {
  const recent = new Recent<string, Uint8Array>(100, (bytes) => bytes.length);
  for (const [key, size] of [
    ["a", 40],
    ["b", 40],
  ] as const)
    recent.put(key, new Uint8Array(size));
  recent.get("a");
  recent.put("c", new Uint8Array(40));
  assert.deepEqual(
    ["a", "b", "c"].map((key) => recent.get(key)?.length),
    [40, undefined, 40],
  );
  recent.put("c", new Uint8Array(60));
  assert.deepEqual(
    ["a", "c"].map((key) => recent.get(key)?.length),
    [40, 60],
  );
  recent.put("huge", new Uint8Array(101));
  assert.deepEqual(
    ["a", "c", "huge"].map((key) => recent.get(key)),
    [undefined, undefined, undefined],
  );
});

test("large buffers are few, and who gets none has a small one", () => {
  const pool = new BufferPool(2);
  const taken = [pool.take(true), pool.take(true), pool.take(true), pool.take(false)];
  assert.deepEqual(
    taken.map((buffer) => buffer.length),
    [LARGE_BYTES, LARGE_BYTES, SMALL_BYTES, SMALL_BYTES],
  );
  for (const buffer of taken) pool.give(buffer);
  assert.equal(pool.largeOut, 0);
  assert.equal(pool.take(true).length, LARGE_BYTES);
});

test("a thousand buffers that nobody gives back are no memory to speak of, and there is always one more", () => {
  const pool = new BufferPool();
  const held = Array.from({ length: 1_000 }, () => pool.take(true));
  assert.ok(held.every((buffer) => buffer.length > 0));
  assert.ok(held.reduce((sum, buffer) => sum + buffer.length, 0) < 24 * 1024 * 1024);
  for (const buffer of held) pool.give(buffer);
  const again = new Set(Array.from({ length: 1_000 }, () => pool.take(true)));
  assert.deepEqual(again, new Set(held), "they are used again, and no new ones made");
});
