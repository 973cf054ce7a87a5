import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../core/kernel/errors.ts";
import { extendedPassivePort, modifiedOf, passivePort, ReplyReader, sizeOf } from "./reply.ts";

function read(text: string, sizes: readonly number[]): string {
  const reader = new ReplyReader();
  const bytes = Buffer.from(text, "latin1");
  const found: string[] = [];
  let index = 0;
  try {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + (sizes[index++ % sizes.length] ?? 1));
      at += piece.length;
      found.push(...reader.push(piece).map((reply) => `${reply.code}:${reply.text}`));
    }
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    // Replies before the bad one may have been given or not: that is a matter of pieces.
    return cause.code;
  }
  return found.join("|");
}

const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 4 });

test("replies are read the same, however they are divided", () => {
  const line = fc.constantFrom(
    "220 hi\r\n",
    "220-a\r\n",
    " b\r\n",
    "221 c\r\n",
    "220\r\n",
    "226 done\n",
    "x\r\n",
    "\r\n",
    "150 ",
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 10 }), sizes, (lines, division) => {
      const text = lines.join("");
      assert.equal(read(text, division), read(text, [Math.max(1, text.length)]));
    }),
  );
});

test("a reply of several lines ends at its own code, and other codes inside it are text", () => {
  assert.equal(
    read("220-Hi\r\n221 not yet\r\n220-nor now\r\n 220 nor now\r\n220 end\r\n230 in\r\n", [3]),
    "220:end|230:in",
  );
});

test("passive ports are read, whatever stands around them, and hosts are not", () => {
  assert.equal(extendedPassivePort("Entering (|||6446|)"), 6446);
  assert.equal(extendedPassivePort("Entering (!!!6446!)"), 6446);
  for (const text of ["(||6446|)", "(|||0|)", "(|||65536|)", "(|||80|)", "(|||6446)", "6446", ""]) {
    assert.equal(extendedPassivePort(text), null, text);
  }
  assert.equal(passivePort("Entering Passive Mode (10,0,0,1,200,10)."), 51_210);
  assert.equal(passivePort("=10,0,0,1,200,10"), 51_210);
  for (const text of ["(10,0,0,1,256,1)", "(10,0,0,1,0,80)", "(10,0,0,1,4)", "1,2,3,4,5,6,7", ""]) {
    assert.equal(passivePort(text), null, text);
  }
});

test("sizes and times are read strictly", () => {
  assert.equal(sizeOf({ code: 213, text: "12345" }), 12_345);
  assert.equal(sizeOf({ code: 213, text: "-1" }), null);
  assert.equal(sizeOf({ code: 550, text: "12345" }), null);
  assert.equal(modifiedOf({ code: 213, text: "20261123164000.123" }), "Mon, 23 Nov 2026 16:40:00 GMT");
  assert.equal(modifiedOf({ code: 213, text: "20261323164000" }), null);
  assert.equal(modifiedOf({ code: 213, text: "20260230000000" }), null);
});
