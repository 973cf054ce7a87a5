import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Failure } from "../core/kernel/errors.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import { dataHeader, FrameReader, messageFrame } from "./frame.ts";

/** What a reader made of its bytes: messages, and the data between them as one run. */
function collector(most?: number): { readonly seen: unknown[]; readonly reader: FrameReader } {
  const seen: unknown[] = [];
  const reader = new FrameReader(
    {
      message: (value) => seen.push(value),
      data: (piece) => {
        const last = seen.at(-1);
        if (Buffer.isBuffer(last)) seen[seen.length - 1] = Buffer.concat([last, piece]);
        else seen.push(Buffer.from(piece));
      },
    },
    most,
  );
  return { seen, reader };
}

const breach = (error: unknown) => error instanceof Failure && error.code === "worker.protocol";
const dataFrame = (bytes: Uint8Array) => Buffer.concat([dataHeader(bytes.length), bytes]);

test("whatever the chunks, the same frames come out", () => {
  const frame = fc.oneof(
    fc.jsonValue().map((value): { value: unknown } => ({ value: JSON.parse(JSON.stringify(value)) })),
    fc.uint8Array({ maxLength: 40 }).map((bytes): { value: unknown } => ({ value: Buffer.from(bytes) })),
  );
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 30 })), (frames, cuts) => {
      const stream = Buffer.concat(
        frames.map(({ value }) => (Buffer.isBuffer(value) ? dataFrame(value) : messageFrame(value))),
      );
      const whole = collector();
      whole.reader.push(stream);
      const chunked = collector();
      // The buffer under a chunk is used again, as a socket's is.
      const lent = Buffer.alloc(30);
      let at = 0;
      for (const length of [...cuts, ...Array.from<number>({ length: stream.length }).fill(1)]) {
        const piece = lent.subarray(0, Math.min(length, stream.length - at));
        stream.copy(piece, 0, at, at + piece.length);
        chunked.reader.push(piece);
        lent.fill(0xee);
        at += piece.length;
      }
      assert.deepEqual(chunked.seen, whole.seen);
      const messages = frames.map(({ value }) => value).filter((value) => !Buffer.isBuffer(value));
      assert.deepEqual(
        whole.seen.filter((value) => !Buffer.isBuffer(value)),
        messages,
      );
    }),
    { numRuns: 300 },
  );
});

test("a header that announces too much is refused before a byte of it is kept", () => {
  const header = (type: number, length: number) => {
    const bytes = Buffer.from(dataHeader(length));
    bytes.writeUInt8(type, 0);
    return bytes;
  };
  for (const [type, most] of [
    [1, LIMITS.messageBytes],
    [2, LIMITS.frameBytes],
  ] as const) {
    assert.throws(() => collector().reader.push(header(type, most + 1)), breach);
    assert.throws(() => collector().reader.push(header(type, 2 ** 32 - 1)), breach);
    collector().reader.push(header(type, most));
  }
  assert.throws(() => collector(10).reader.push(header(1, 11)), breach);
  collector(10).reader.push(header(1, 10));
});

test("what is no frame, and no message, is refused", () => {
  for (const garbage of ["GET / HTTP/1.1\r\n", "\u0000\u0000\u0000\u0000\u0001x", "\u0003\u0000\u0000\u0000\u0000"])
    assert.throws(() => collector().reader.push(Buffer.from(garbage)), breach, garbage);
  const text = (payload: string) => {
    const frame = dataFrame(Buffer.from(payload));
    frame.writeUInt8(1, 0);
    return frame;
  };
  for (const payload of ["", "{", "{} {}", "undefined", "\u0000"])
    assert.throws(() => collector().reader.push(text(payload)), breach, JSON.stringify(payload));
  const { seen, reader } = collector();
  reader.push(text('{"a":[1]}'));
  assert.deepEqual(seen, [{ a: [1] }]);
});

test("an empty data frame is nothing", () => {
  const { seen, reader } = collector();
  reader.push(Buffer.concat([dataFrame(new Uint8Array(0)), messageFrame(null)]));
  assert.deepEqual(seen, [null]);
});
