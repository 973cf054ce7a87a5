import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CommandReader } from "./command-reader.ts";

const MOST = 64;

/** What a reader makes of pieces, each line as its text and all else as its kind. */
function read(pieces: readonly Uint8Array[]): readonly string[] {
  const reader = new CommandReader(MOST);
  return pieces
    .flatMap((piece) => [...reader.push(piece)])
    .map((one) => (one.kind === "line" ? one.text : `<${one.kind}>`));
}

const bytes = (...parts: readonly (string | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))));

test("lines end with CR LF, and with LF alone", () => {
  assert.deepEqual(read([bytes("USER a\r\nNOOP\nPWD\r\n\r\nQUI")]), ["USER a", "NOOP", "PWD", ""]);
});

test("telnet commands are taken out, wherever they stand and however they are cut", () => {
  const whole = bytes([0xff, 0xfb, 1], "NO", [0xff, 0xfa, 24, 1, 0xff, 0xff, 0xff, 0xf0], "OP", [0xff, 0xf1], "\r\n");
  assert.deepEqual(read([whole]), ["NOOP"]);
  assert.deepEqual(read([...whole].map((byte) => Uint8Array.of(byte))), ["NOOP"]);
  assert.deepEqual(read([bytes([0xff, 0xf4, 0xff], "ABOR\r\n")]), ["ABOR"]);
  assert.deepEqual(read([bytes([0xff, 0xf4, 0xff, 0xf2], "ABOR\r\n")]), ["ABOR"]);
});

test("an ABOR whose LF was sent beside the stream is a line; one whose LF came is one and no more", () => {
  // ftplib's, then another command; and Net::FTP's, of which the FF before the mark went beside the stream.
  assert.deepEqual(read([bytes("ABOR\r"), bytes("NOOP\r\n")]), ["ABOR", "NOOP"]);
  assert.deepEqual(read([bytes("abor\r\nABOR\r\n\nNOOP\r\n")]), ["abor", "ABOR", "", "NOOP"]);
  assert.deepEqual(read([bytes([0xff, 0xf4, 0xf2], "ABOR\r\n")]), ["ABOR"]);
  assert.deepEqual(read([bytes("ABOR x\rNOOP\r\n")]), ["<unreadable>"]);
  assert.deepEqual(read([bytes(Array.from({ length: MOST + 1 }, () => 0xf2))]), ["<too-long>"]);
});

test("what is no text is unreadable, and the line behind it is read", () => {
  for (const bad of [[0xc0, 0xae], [0xff, 0xff], [0xed, 0xa0, 0x80], [0], [0x1b], [0x7f], [0x0d, 0x41], [0xc2, 0x85]])
    assert.deepEqual(read([bytes("CWD ", bad, "\r\nNOOP\r\n")]), ["<unreadable>", "NOOP"]);
  assert.deepEqual(read([bytes("CWD \u00fc\u4e2d\r\n")]), ["CWD \u00fc\u4e2d"]);
  assert.deepEqual(read([bytes("\ufeffNOOP\r\n")]), ["\ufeffNOOP"]);
});

test("the ceiling counts telnet too; nothing is read behind it, nor behind a TLS hello", () => {
  assert.deepEqual(read([bytes(`${"a".repeat(MOST - 1)}\n`)]), ["a".repeat(MOST - 1)]);
  assert.deepEqual(read([bytes(`${"a".repeat(MOST)}\nNOOP\r\n`)]), ["<too-long>"]);
  assert.deepEqual(
    read([
      bytes(
        Array.from({ length: MOST + 1 }, () => 0xff),
        "\nNOOP\r\n",
      ),
    ]),
    ["<too-long>"],
  );
  assert.deepEqual(read([bytes("NOOP\r\n", [0x16, 3, 1], "NOOP\r\n")]), ["NOOP", "<foreign>"]);
});

test("what is dropped is not part of the next line", () => {
  const reader = new CommandReader(MOST);
  assert.deepEqual([...reader.push(bytes("USER anon", [0xff]))], []);
  reader.drop();
  assert.deepEqual([...reader.push(bytes("PWD\r\n"))], [{ kind: "line", text: "PWD" }]);
});

test("any bytes, cut anywhere, give the same; no line is longer than the ceiling or has control characters", () => {
  const soup = fc.array(
    fc.oneof(fc.constantFrom(0xff, 0xf4, 0xfa, 0xf0, 0xfb, 0x0a, 0x0d, 0, 0x41, 0x16), fc.nat(255)),
    { maxLength: 400 },
  );
  fc.assert(
    fc.property(soup, fc.array(fc.nat(400), { maxLength: 6 }), (values, cuts) => {
      const whole = Uint8Array.from(values);
      const places = [0, ...cuts.map((cut) => Math.min(cut, whole.length)), whole.length].toSorted((a, b) => a - b);
      const pieces = places.slice(1).map((end, i) => whole.subarray(places[i], end));
      const lines = read([whole]);
      assert.deepEqual(read(pieces), lines);
      for (const line of lines) assert.ok(Buffer.byteLength(line) <= MOST && !/\p{Cc}/u.test(line));
    }),
    { numRuns: 2_000 },
  );
});
