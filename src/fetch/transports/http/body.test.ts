import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../core/kernel/errors.ts";
import { BodyReader, type Framing } from "./body.ts";

/** What reading gives, as text. */
function read(framing: Framing, bytes: Uint8Array, sizes: readonly number[]): string {
  const reader = new BodyReader(framing);
  const pieces: Uint8Array[] = [];
  try {
    let index = 0;
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + (sizes[index++ % sizes.length] ?? 1));
      at += piece.length;
      pieces.push(...reader.push(piece));
    }
    reader.end();
    return `${Buffer.concat(pieces).toString("latin1")} excess ${reader.excess}`;
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    return cause.code;
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 });
const chunked = { kind: "chunked" } as const;

test("a chunked body is the same, however it was chunked and divided", () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 10 });
  const extension = fc.constantFrom("", ";a=b", " ", " ;a", ';x="y"');
  fc.assert(
    fc.property(
      chunks,
      extension,
      fc.boolean(),
      fc.nat({ max: 5 }),
      sizes,
      (parts, extra, trailer, after, division) => {
        const framed = parts.flatMap((part) => [
          Buffer.from(`${part.length.toString(16)}${extra}\r\n`),
          part,
          Buffer.from("\r\n"),
        ]);
        const last = Buffer.from(`0\r\n${trailer ? "X-Sum: 1\r\n" : ""}\r\n${"!".repeat(after)}`);
        const body = Buffer.concat(parts).toString("latin1");
        assert.equal(read(chunked, Buffer.concat([...framed, last]), division), `${body} excess ${after}`);
      },
    ),
  );
});

test("whatever comes between chunks, nothing but a Failure is thrown, and the division makes no difference", () => {
  const part = fc.constantFrom(
    "4\r\nABCD\r\n",
    "0\r\n",
    "\r\n",
    "4\n",
    "ABCD",
    "x: y\r\n",
    "\r",
    "ffffffffffffff\r\n",
    "-1\r\n",
    "\0",
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), sizes, (parts, division) => {
      const bytes = Buffer.from(parts.join(""), "latin1");
      assert.equal(read(chunked, bytes, division), read(chunked, bytes, [Math.max(1, bytes.length)]));
    }),
  );
});

test("a body of a length ends there, and a shorter one is cut off", () => {
  fc.assert(
    fc.property(fc.nat({ max: 60 }), fc.uint8Array({ maxLength: 60 }), sizes, (bytes, body, division) => {
      const text = Buffer.from(body.subarray(0, bytes)).toString("latin1");
      const expected = body.length < bytes ? "upstream.cut-off" : `${text} excess ${body.length - bytes}`;
      assert.equal(read({ kind: "length", bytes }, body, division), expected);
    }),
  );
});

test("a body until the close is all that comes", () => {
  assert.equal(read({ kind: "until-close" }, Buffer.from("ABCD"), [1]), "ABCD excess 0");
  assert.equal(read({ kind: "none" }, Buffer.from("ABCD"), [3]), " excess 4");
});
