import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "../../../core/kernel/errors.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import { HeadReader } from "./response-head.ts";

/** What reading `bytes` in these pieces gives, as text: the same for every division. */
function read(bytes: Uint8Array, sizes: readonly number[]): string {
  const reader = new HeadReader();
  let at = 0;
  for (let index = 0; at < bytes.length; index++) {
    const piece = bytes.subarray(at, at + (sizes[index % sizes.length] ?? 1));
    at += piece.length;
    try {
      const found = reader.push(piece);
      if (found === null) continue;
      const fields = [...found.head.fields].map(([name, values]) => `${name}=${values.join("|")}`).join(";");
      return `${found.head.minor} ${found.head.status} ${fields} rest ${bytes.length - at + found.rest.length}`;
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause;
      return cause.code;
    }
  }
  return "incomplete";
}

const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 5 });
const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,10}$/);
const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
const fields = fc.array(fc.tuple(name, value), { maxLength: 10 });

test("a head is read the same, however it is divided", () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), fields, fc.string(), sizes, (status, lines, rest, division) => {
      const head = lines.map(([key, text]) => `${key}: ${text}\r\n`).join("");
      const bytes = Buffer.from(`HTTP/1.1 ${status} Fine\r\n${head}\r\n${rest}`);
      const whole = read(bytes, [bytes.length]);
      assert.match(whole, new RegExp(`^1 ${status} `));
      assert.match(whole, new RegExp(` rest ${Buffer.byteLength(rest)}$`));
      assert.equal(read(bytes, division), whole);
      for (const [key, text] of lines) assert.ok(whole.includes(text), `${key}: ${text}`);
    }),
  );
});

test("whatever comes, nothing but a Failure is thrown, and the division makes no difference", () => {
  const line = fc.oneof(
    fc.constantFrom("HTTP/1.1 200 OK", "A: b", "A : b", " c", "", "A:\tb "),
    fc.string({ unit: "binary" }),
  );
  const ending = fc.constantFrom("\r\n", "\n", "\r", "\r\n");
  const garbage = fc.array(fc.tuple(line, ending), { maxLength: 8 }).map((lines) => lines.flat().join(""));
  fc.assert(
    fc.property(garbage, sizes, (text, division) => {
      const bytes = Buffer.from(`HTTP/1.1 200 OK\r\n${text}`, "latin1");
      assert.equal(read(bytes, division), read(bytes, [Math.max(1, bytes.length)]));
    }),
  );
});

test("the limits hold to the byte and to the field", () => {
  const around = (padding: number): Uint8Array => Buffer.from(`HTTP/1.1 200 OK\r\nA: ${"b".repeat(padding)}\r\n\r\n`);
  const room = LIMITS.upstreamHeaderBytes - around(0).length;
  assert.match(read(around(room), [1_000]), /^1 200/);
  assert.equal(read(around(room + 1), [1_000]), "upstream.malformed");
  assert.equal(read(around(room + 1), [100_000]), "upstream.malformed");
  const many = (count: number): Uint8Array => Buffer.from(`HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(count)}\r\n`);
  assert.match(read(many(LIMITS.upstreamHeaderCount), [1_000]), /^1 200/);
  assert.equal(read(many(LIMITS.upstreamHeaderCount + 1), [1_000]), "upstream.malformed");
});
