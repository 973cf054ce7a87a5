import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { LIMITS } from "../../core/kernel/limits.ts";
import { type IndexText, indexTextBytes, readIndexText } from "./index-text.ts";

function parsed(bytes: Uint8Array): IndexText {
  const read = readIndexText(bytes);
  assert.ok("text" in read);
  return read.text;
}

test("sections, keys and their order, and what stands twice", () => {
  const { sections } = parsed(
    Buffer.from("first=1\r\n[A]\nx=1\nX = 2 \nx=3\n\n;what\nnothing\n[A]\n=y\n[]\n[B]\r\nk=a=b"),
  );
  assert.deepEqual(sections, [
    { name: "", entries: [{ key: "first", value: "1" }] },
    {
      name: "A",
      entries: [
        { key: "x", value: "1" },
        { key: "X", value: "2" },
        { key: "x", value: "3" },
      ],
    },
    { name: "A", entries: [] },
    { name: "B", entries: [{ key: "k", value: "a=b" }] },
  ]);
});

test("text is UTF-8 where it is, and bytes where it is not", () => {
  const value = (bytes: Uint8Array) => parsed(bytes).sections[0]?.entries[0]?.value;
  assert.equal(value(Buffer.from("k=\u00e9")), "\u00e9");
  assert.equal(value(Buffer.from("k=\u00e9", "latin1")), "\u00e9");
  // Its last byte alone would be a space.
  assert.equal(value(Buffer.from("k = \u00e0 \t")), "\u00e0");
});

test("nothing is lost, whatever the bytes", () => {
  const piece = fc.constantFrom("[A]", "x=1", " y = 2 ", "\n", "\r\n", "\r", "\u0000", "\u00e9", "junk", "[", "]", "=");
  const text = fc.array(piece, { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join("")));
  const any = fc.oneof(
    text,
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(any, (bytes) => {
      const read = parsed(bytes);
      assert.deepEqual(Buffer.from(indexTextBytes(read)), bytes);
      assert.ok(read.lines.every(({ text: line, end }) => end !== "\n" || !line.endsWith("\r")));
      assert.ok(read.lines.every(({ text: line, end }) => !line.includes("\n") && ["", "\n", "\r\n"].includes(end)));
    }),
    { numRuns: 500 },
  );
});

test("ceilings on bytes and lines", () => {
  assert.ok("malformed" in readIndexText(Buffer.alloc(LIMITS.guardTextBytes + 1)));
  assert.ok("malformed" in readIndexText(Buffer.alloc(LIMITS.guardTextLines + 1, "\n")));
  assert.ok("text" in readIndexText(Buffer.alloc(LIMITS.guardTextLines, "\n")));
});
