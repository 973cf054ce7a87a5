import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSha256 } from "../../../core/kernel/digest.ts";
import type { FoundFile } from "../../../core/publish/channel-view.ts";
import { contentType } from "./content-type.ts";
import { formatHttpDate, parseHttpDate } from "./http-date.ts";
import { type FilePlan, planFile } from "./plan-file.ts";
import { readRange } from "./ranges.ts";
import type { RequestFields } from "./request-fields.ts";

const NOW = Date.UTC(2026, 10, 23, 12);
const MODIFIED = Date.UTC(2026, 10, 20, 8, 30, 15);
const DATE = "Fri, 20 Nov 2026 08:30:15 GMT";
const sha256 = parseSha256("ab".repeat(32)) ?? assert.fail();
const TAG = `"${sha256}"`;
const file: FoundFile = {
  kind: "file",
  path: "/one/a.bin",
  source: "one",
  revision: 3,
  sha256,
  size: 1_000,
  lastModified: MODIFIED,
};

function plan(headers: RequestFields = {}, method: "GET" | "HEAD" = "GET", size = 1_000): FilePlan {
  return planFile({ ...file, size }, method, headers, NOW, () => "boundary");
}

function field({ headers }: FilePlan, name: string): string | undefined {
  const at = headers.indexOf(name);
  return at === -1 ? undefined : headers[at + 1];
}

test("a plain GET and its HEAD say the same", () => {
  assert.deepEqual(plan().headers, plan({}, "HEAD").headers);
  assert.equal(plan().status, 200);
  for (const [name, value] of [
    ["ETag", TAG],
    ["Last-Modified", DATE],
    ["Content-Length", "1000"],
    ["Cache-Control", "no-cache"],
    ["Accept-Ranges", "bytes"],
  ] as const) {
    assert.equal(field(plan(), name), value);
  }
});

test("preconditions, in the order of RFC 9110 section 13.2.2", () => {
  const earlier = "Fri, 20 Nov 2026 08:30:14 GMT";
  const later = "Fri, 20 Nov 2026 08:30:16 GMT";
  const table: readonly (readonly [RequestFields, number])[] = [
    [{ "if-none-match": TAG }, 304],
    [{ "if-none-match": `W/${TAG}` }, 304],
    [{ "if-none-match": `"x", W/"y",${TAG}` }, 304],
    [{ "if-none-match": "*" }, 304],
    [{ "if-none-match": '"x"' }, 200],
    [{ "if-none-match": sha256 }, 200],
    [{ "if-none-match": `"x" ${TAG}` }, 200],
    [{ "if-none-match": '"x"', "if-modified-since": DATE }, 200],
    [{ "if-modified-since": DATE }, 304],
    [{ "if-modified-since": later }, 304],
    [{ "if-modified-since": earlier }, 200],
    [{ "if-modified-since": "2026-11-21" }, 200],
    [{ "if-modified-since": "Friday, 20-Nov-26 08:30:15 GMT" }, 304],
    [{ "if-modified-since": "Fri Nov 20 08:30:15 2026" }, 304],
    [{ "if-match": TAG }, 200],
    [{ "if-match": `W/${TAG}` }, 412],
    [{ "if-match": '"x"' }, 412],
    [{ "if-unmodified-since": DATE }, 200],
    [{ "if-unmodified-since": earlier }, 412],
    [{ "if-match": TAG, "if-unmodified-since": earlier }, 200],
    [{ "if-none-match": TAG, range: "bytes=0-1" }, 304],
  ];
  for (const [headers, status] of table) assert.equal(plan(headers).status, status, JSON.stringify(headers));
});

test("If-Range: a part only of the very same file", () => {
  const table: readonly (readonly [string, number])[] = [
    [TAG, 206],
    [`W/${TAG}`, 200],
    ['"x"', 200],
    [DATE, 206],
    ["Fri, 20 Nov 2026 08:30:16 GMT", 200],
    ["yesterday", 200],
  ];
  for (const [value, status] of table)
    assert.equal(plan({ range: "bytes=10-", "if-range": value }).status, status, value);
});

test("ranges, satisfiable and not", () => {
  const table: readonly (readonly [string, number, string | undefined, string])[] = [
    ["bytes=0-511", 206, "bytes 0-511/1000", "512"],
    ["bytes=500-", 206, "bytes 500-999/1000", "500"],
    ["bytes=-1", 206, "bytes 999-999/1000", "1"],
    ["bytes=-5000", 206, "bytes 0-999/1000", "1000"],
    ["bytes=990-2000", 206, "bytes 990-999/1000", "10"],
    ["Bytes=0-0", 206, "bytes 0-0/1000", "1"],
    ["bytes=0-0,2000-", 206, "bytes 0-0/1000", "1"],
    ["bytes=,0-0,", 206, "bytes 0-0/1000", "1"],
    ["bytes=1000-", 416, "bytes */1000", "0"],
    ["bytes=-0", 416, "bytes */1000", "0"],
    ["bytes=99999999999999999999999-", 416, "bytes */1000", "0"],
    ["bytes=0-99999999999999999999999", 206, "bytes 0-999/1000", "1000"],
    ["bytes=5-4", 200, undefined, "1000"],
    ["bytes=a-b", 200, undefined, "1000"],
    ["bytes=-", 200, undefined, "1000"],
    ["bytes=", 200, undefined, "1000"],
    ["bytes 0-1", 200, undefined, "1000"],
    ["lines=0-1", 200, undefined, "1000"],
    ["bytes=0x0-1", 200, undefined, "1000"],
    ["bytes=0-1 2-3", 200, undefined, "1000"],
    ["bytes=0-10,5-20", 200, undefined, "1000"],
    ["bytes=0-,0-,0-", 200, undefined, "1000"],
    [`bytes=${Array.from({ length: 17 }, (_, i) => `${i * 2}-${i * 2}`).join(",")}`, 200, undefined, "1000"],
  ];
  for (const [range, status, contentRange, length] of table) {
    const made = plan({ range });
    assert.deepEqual(
      [made.status, field(made, "Content-Range"), field(made, "Content-Length")],
      [status, contentRange, length],
      range,
    );
  }
  assert.equal(plan({ range: "bytes=0-1" }, "HEAD").status, 200);
  assert.equal(plan({ range: "bytes=0-" }, "GET", 0).status, 416);
  assert.equal(plan({ range: "bytes=-5" }, "GET", 0).status, 200);
});

test("several parts are one multipart answer whose length is told", () => {
  const made = plan({ range: "bytes=900-,0-9, 20-29" });
  assert.equal(made.status, 206);
  assert.equal(field(made, "Content-Type"), "multipart/byteranges; boundary=boundary");
  const text = made.body
    .map((piece) =>
      piece instanceof Uint8Array ? Buffer.from(piece).toString() : "x".repeat(piece.last - piece.first + 1),
    )
    .join("");
  assert.equal(field(made, "Content-Length"), String(text.length));
  assert.deepEqual(text.match(/Content-Range: .*/g), [
    "Content-Range: bytes 900-999/1000",
    "Content-Range: bytes 0-9/1000",
    "Content-Range: bytes 20-29/1000",
  ]);
  assert.ok(text.endsWith("\r\n--boundary--\r\n"));
});

test("no Range field makes an answer larger than the file and its part heads", () => {
  const spec = fc.tuple(fc.option(fc.nat(1_200)), fc.option(fc.nat(1_200))).map(([a, b]) => `${a ?? ""}-${b ?? ""}`);
  fc.assert(
    fc.property(fc.array(fc.oneof(spec, fc.string({ maxLength: 5 })), { maxLength: 20 }), (specs) => {
      const range = readRange(`bytes=${specs.join(",")}`, 1_000);
      const total =
        range.kind === "parts" ? range.parts.reduce((sum, { first, last }) => sum + last - first + 1, 0) : 0;
      assert.ok(total <= 1_000);
      if (range.kind === "parts")
        for (const { first, last } of range.parts) assert.ok(first >= 0 && first <= last && last < 1_000);
    }),
    { numRuns: 2_000 },
  );
});

test("dates are read as they are written, and nothing else is read as one", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e9 }), (seconds) => {
      assert.equal(parseHttpDate(formatHttpDate(seconds * 1_000), NOW), seconds * 1_000);
    }),
  );
  assert.equal(parseHttpDate("Sunday, 06-Nov-94 08:49:37 GMT", NOW), Date.UTC(1994, 10, 6, 8, 49, 37));
  assert.equal(parseHttpDate("Sun Nov  6 08:49:37 1994", NOW), Date.UTC(1994, 10, 6, 8, 49, 37));
  for (const text of [
    "",
    "0",
    "Sun, 06 Nov 1994 08:49:37 CET",
    "Sun, 31 Feb 2026 08:49:37 GMT",
    "Sun, 06 Nov 1994 25:00:00 GMT",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Foo 1994 08:49:37 GMT",
  ]) {
    assert.equal(parseHttpDate(text, NOW), null, text);
  }
});

test("no type that a browser would run", () => {
  const active = [
    "a.html",
    "a.svg",
    "a.js",
    "a.xml",
    "a.htm",
    "a.xhtml",
    "constructor",
    "a.constructor",
    "a.__proto__",
    "InRelease",
  ];
  for (const name of active) assert.equal(contentType(`/one/${name}`), "application/octet-stream", name);
  assert.equal(contentType("/one/Packages.GZ"), "application/gzip");
});

test("the digest of the whole file comes with every answer about it, parts and 304 included", () => {
  const base64 = Buffer.alloc(32, 0xab).toString("base64");
  const asked: readonly RequestFields[] = [
    {},
    { range: "bytes=0-9" },
    { range: "bytes=0-1,5-6" },
    { "if-none-match": TAG },
  ];
  assert.deepEqual(
    asked.map((headers) => plan(headers).status),
    [200, 206, 206, 304],
  );
  for (const answer of [...asked.map((headers) => plan(headers)), plan({}, "HEAD")]) {
    assert.equal(field(answer, "Repr-Digest"), `sha-256=:${base64}:`);
    assert.equal(field(answer, "Digest"), `sha-256=${base64}`);
    // It would be of the part, and is never sent.
    assert.equal(field(answer, "Content-Digest"), undefined);
  }
});

test("what stands under its digest is kept for a year, and its type is that of no name", () => {
  const answer = planFile({ ...file, path: "/by-hash/x.html", immutable: true }, "GET", {}, NOW, () => "b");
  assert.equal(field(answer, "Cache-Control"), "public, max-age=31536000, immutable");
  assert.equal(field(answer, "Content-Type"), "application/octet-stream");
  assert.equal(field(answer, "ETag"), TAG);
});
