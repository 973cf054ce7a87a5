import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { forgeHeader, STATEMENT } from "../../../../test/fixtures/clamav-forge.ts";
import { parseCvdHeader } from "./cvd-header.ts";

const good = forgeHeader(Buffer.from("body"), STATEMENT).toString("latin1");
const fields = good.trimEnd().split(":");

/** The header with one field replaced, padded anew. */
function withField(at: number, value: string): Buffer {
  return Buffer.from(fields.with(at, value).join(":").padEnd(512, " "), "latin1");
}

function parse(bytes: Uint8Array): string {
  const parsed = parseCvdHeader(bytes);
  return "malformed" in parsed ? parsed.malformed : "good";
}

test("a header's fields are read", () => {
  const parsed = parseCvdHeader(Buffer.concat([Buffer.from(good, "latin1"), Buffer.from("body")]));
  assert.ok("header" in parsed);
  const { time, version, signatures, functionalityLevel, builder, epoch } = parsed.header;
  assert.deepEqual({ time, version, signatures, level: functionalityLevel, builder, epoch }, STATEMENT);
});

test("each malformation is named", () => {
  const bad: Readonly<Record<string, readonly [Buffer, RegExp]>> = {
    short: [Buffer.from(good.slice(0, 511)), /too few/],
    empty: [Buffer.alloc(0), /too few/],
    "an error page": [Buffer.from("<html>".padEnd(512, " ")), /nine fields/],
    "a cdiff": [Buffer.from("ClamAV-Diff:2:479:".padEnd(512, " ")), /nine fields/],
    "a field too few": [Buffer.from(fields.slice(0, -1).join(":").padEnd(512, " ")), /nine fields/],
    "a field too many": [Buffer.from([...fields, "1"].join(":").padEnd(512, " ")), /nine fields/],
    "padding of zeros": [Buffer.from(good.trimEnd().padEnd(512, "\0")), /printable/],
    "a line feed": [Buffer.from(`${good.trimEnd()}\n`.padEnd(512, " ")), /printable/],
    "no build time": [withField(1, ""), /build time/],
    "version 0": [withField(2, "0"), /version is 0/],
    "a negative version": [withField(2, "-1"), /version is no whole number/],
    "a version with a leading zero": [withField(2, "07"), /version is no whole number/],
    "a version with a blank": [withField(2, " 7"), /version is no whole number/],
    "a version beyond 32 bits": [withField(2, "4294967296"), /version is no whole number/],
    "a hexadecimal count": [withField(3, "0x10"), /signatures is no whole number/],
    "no level": [withField(4, ""), /functionalityLevel is no whole number/],
    "an MD5 in upper case": [withField(5, "A".repeat(32)), /MD5/],
    "an MD5 too short": [withField(5, "a".repeat(31)), /MD5/],
    "no signature": [withField(6, ""), /radix 64/],
    "a signature with a foreign character": [withField(6, `${"a".repeat(170)}-`), /radix 64/],
    "no builder": [withField(7, ""), /builder/],
    "a builder with a blank": [withField(7, "a b"), /builder/],
    "a time that is no number": [withField(8, "now"), /epoch/],
  };
  for (const [name, [bytes, expected]] of Object.entries(bad)) assert.match(parse(bytes), expected, name);
});

test("any bytes end in an answer of bounded length", () => {
  const edited = fc
    .tuple(fc.nat(511), fc.integer({ min: 0, max: 255 }))
    .map(([at, value]) => Buffer.from(good, "latin1").fill(value, at, at + 1));
  fc.assert(
    fc.property(fc.oneof(edited, fc.uint8Array({ maxLength: 600 })), (bytes) => {
      assert.ok(parse(bytes).length < 200);
    }),
    { numRuns: 500 },
  );
});
