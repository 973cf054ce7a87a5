import assert from "node:assert/strict";
import { Socket } from "node:net";
import { test } from "node:test";
import { BufferPool, SMALL_BYTES } from "../../buffer-pool.ts";
import { Transfer } from "./transfer.ts";

/** A connection that takes the first write and then no more. */
class Stalled extends Socket {
  given = 0;

  override _read(): void {}

  override _write(chunk: Buffer): void {
    this.given += chunk.length;
  }
}

const kept = { held: Buffer.alloc(2_000_000), read: () => Promise.resolve(0), close: () => undefined };
const least = { bytesPerSecond: 1, window: 1_000 };

function begun(socket: Stalled, wire: Socket): Transfer {
  const transfer = new Transfer(socket, wire, least);
  void transfer.file(kept, 0, kept.held.length, new BufferPool(1), () => 0);
  return transfer;
}

test("under TLS a client that takes nothing is given one small piece: what it is given, TLS copies", () => {
  const socket = new Stalled();
  begun(socket, new Socket());
  assert.ok(socket.given > 0 && socket.given <= SMALL_BYTES, `${socket.given} bytes`);
  socket.destroy();
});

test("in clear all that is in memory is given at once: the kernel takes what it can, and nothing is copied", () => {
  const socket = new Stalled();
  begun(socket, socket);
  assert.equal(socket.given, kept.held.length);
  socket.destroy();
});
