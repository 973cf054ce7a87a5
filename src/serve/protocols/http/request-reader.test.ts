import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HttpRequest } from "./exchange.ts";
import { RequestReader } from "./request-reader.ts";

const MOST = 8_192;

/** Everything that a reader makes of bytes that come in these pieces, up to the first refusal. */
function readAll(pieces: readonly Buffer[]): readonly (HttpRequest | number)[] {
  const reader = new RequestReader(MOST);
  const read: (HttpRequest | number)[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let next = reader.next(); next !== null; next = reader.next()) {
      read.push(next);
      if (typeof next === "number") return read;
    }
  }
  return read;
}

const read = (text: string): readonly (HttpRequest | number)[] => readAll([Buffer.from(text, "latin1")]);
const withField = (line: string): string => `GET /a HTTP/1.1\r\nHost: m\r\n${line}\r\n\r\n`;

const GOOD = [
  "GET /one/a?b=c HTTP/1.1\r\nHost: mirror:80\r\nuser-agent: \tapt (x) \r\nX-Other: y\r\nRANGE:bytes=0-1\r\n\r\n",
  "\r\nHEAD http://m/a HTTP/1.0\r\n\r\n",
  "FOO * HTTP/1.1\r\nHost:\r\nConnection: a\r\nConnection: b\r\n\r\n",
  'GET /a HTTP/1.1\r\nHost: [::1]:80\r\nIf-None-Match: "x"\r\nIf-None-Match: W/"\u00ff"\r\nContent-Length: 0\r\n\r\n',
  "POST /a HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: Chunked\r\n\r\n",
];

test("what a request says, in one piece or in any number", () => {
  const whole = read(GOOD.join(""));
  const requests = whole.flatMap((one) => (typeof one === "number" ? [] : [one]));
  assert.equal(requests.length, GOOD.length);
  assert.deepEqual(
    requests.map(({ method, target, version, hasBody, length }) => [method, target, version, hasBody, length]),
    [
      ["GET", "/one/a?b=c", "HTTP/1.1", false, GOOD[0]?.length],
      ["HEAD", "http://m/a", "HTTP/1.0", false, GOOD[1]?.length],
      ["FOO", "*", "HTTP/1.1", false, GOOD[2]?.length],
      ["GET", "/a", "HTTP/1.1", false, GOOD[3]?.length],
      ["POST", "/a", "HTTP/1.1", true, GOOD[4]?.length],
    ],
  );
  assert.deepEqual(
    [requests[0]?.fields["user-agent"], requests[0]?.fields.range, requests[0]?.fields.host],
    ["apt (x)", "bytes=0-1", "mirror:80"],
  );
  assert.equal(requests[2]?.fields.connection, "a, b");
  assert.equal(requests[3]?.fields["if-none-match"], '"x", W/"\u00ff"');
  const bytes = Buffer.from(GOOD.join(""), "latin1");
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
      const pieces: Buffer[] = [];
      for (let at = 0, i = 0; at < bytes.length; i += 1) {
        const size = sizes[i % sizes.length] ?? 1;
        pieces.push(bytes.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(readAll(pieces), whole);
    }),
    { numRuns: 200 },
  );
});

const REFUSED: readonly (readonly [string, number])[] = [
  ["GET /a\r\n", 400],
  ["GET /a\r\n\r\n", 400],
  ["GET  /a HTTP/1.1\r\nHost: m\r\n\r\n", 400],
  ["GET /a  HTTP/1.1\r\nHost: m\r\n\r\n", 400],
  [" GET /a HTTP/1.1\r\nHost: m\r\n\r\n", 400],
  ["GET\t/a\tHTTP/1.1\r\nHost: m\r\n\r\n", 400],
  ["GET /a b HTTP/1.1\r\nHost: m\r\n\r\n", 400],
  ["GET /a#b HTTP/1.1\r\nHost: m\r\n\r\n", 400],
  ["GET /\u00fc HTTP/1.1\r\nHost: m\r\n\r\n", 400],
  ["GET /a\u007f HTTP/1.1\r\nHost: m\r\n\r\n", 400],
  ["GET /a HTTP/1.1 \r\nHost: m\r\n\r\n", 400],
  ["GET /a http/1.1\r\nHost: m\r\n\r\n", 400],
  ["GET /a HTTP/1.10\r\nHost: m\r\n\r\n", 400],
  ["GET /a HTTP/1.2\r\nHost: m\r\n\r\n", 505],
  ["GET /a HTTP/2.0\r\nHost: m\r\n\r\n", 505],
  ["GET /a HTTP/0.9\r\nHost: m\r\n\r\n", 505],
  ["G(T /a HTTP/1.1\r\nHost: m\r\n\r\n", 400],
  [`${"G".repeat(33)} /a HTTP/1.1\r\nHost: m\r\n\r\n`, 400],
  ["\r\n\r\nGET /a HTTP/1.1\r\nHost: m\r\n\r\n", 400],
  ["\nGET /a HTTP/1.1\r\nHost: m\r\n\r\n", 400],
  ["\rGET /a HTTP/1.1\r\nHost: m\r\n\r\n", 400],
  ["GET /a HTTP/1.1\nHost: m\n\n", 400],
  ["GET /a HTTP/1.1\r\nHost: m\r\r\n\r\n", 400],
  ["GET /a HTTP/1.1\r\nHost: m\r\n\n", 400],
  ["GET /a HTTP/1.1\r\n\r\n", 400],
  ["GET /a HTTP/1.1\r\nHost: m\r\nHost: m\r\n\r\n", 400],
  ["GET /a HTTP/1.1\r\nHost: m, n@o\r\n\r\n", 400],
  ["GET /a HTTP/1.1\r\nHost: m/a\r\n\r\n", 400],
  ["GET /a HTTP/1.1\r\nHost: m:x\r\n\r\n", 400],
  ["GET /a HTTP/1.0\r\nHost: a b\r\n\r\n", 400],
  [withField("X : a"), 400],
  [withField(": a"), 400],
  [withField("X"), 400],
  [withField(" X: folded"), 400],
  [withField("Range: bytes=0-1\r\n ,2-3"), 400],
  [withField("X[]: a"), 400],
  [withField("X\u00e4: a"), 400],
  [withField("X: \u0000"), 400],
  [withField("X: \u001b[2J"), 400],
  [withField("X: \u007f"), 400],
  [withField("X: a\rY: b"), 400],
  [withField("X: a\nY: b"), 400],
  [withField("Range: bytes=0-1\r\nRange: bytes=2-3"), 400],
  [withField('If-Range: "x"\r\nIf-Range: "y"'), 400],
  [withField("If-Modified-Since: x\r\nif-modified-since: y"), 400],
  [withField("Content-Length: 1\r\nContent-Length: 1"), 400],
  [withField("Content-Length: 1, 1"), 400],
  [withField("Content-Length: 1 1"), 400],
  [withField("Content-Length:"), 400],
  [withField("Content-Length: +1"), 400],
  [withField("Content-Length: -0"), 400],
  [withField("Content-Length: 0x1"), 400],
  [withField("Content-Length: 1e3"), 400],
  [withField("Content-Length: 9999999999999999"), 400],
  [withField("Transfer-Encoding: chunked\r\nContent-Length: 0"), 400],
  [withField("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400],
  [withField("Transfer-Encoding: gzip, chunked"), 400],
  [withField("Transfer-Encoding: chunked, identity"), 400],
  [withField("Transfer-Encoding: identity"), 400],
  [withField("Transfer-Encoding:"), 400],
  [withField('Transfer-Encoding: "chunked"'), 400],
  ["GET /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
  ["\u0016\u0003\u0001\u0002", 400],
  ["SSH-2.0-x\r\n\r\n", 400],
  [`GET /${"a".repeat(MOST)}`, 431],
  [`GET /a HTTP/1.1\r\nHost: m\r\nX: ${"a".repeat(MOST)}`, 431],
  [`GET /a HTTP/1.1\r\nHost: m\r\n${"A: b\r\n".repeat(101)}`, 431],
];

test("what could be read in two ways is refused, in one piece and byte by byte, and nothing behind it is read", () => {
  const behind = "GET /behind HTTP/1.1\r\nHost: m\r\n\r\n";
  for (const [text, status] of REFUSED) {
    const bytes = Buffer.from(text + behind, "latin1");
    assert.deepEqual(readAll([bytes]), [status], JSON.stringify(text));
    assert.deepEqual(readAll([...bytes].map((byte) => Buffer.of(byte))), [status], JSON.stringify(text));
    const [sound, refused, ...more] = readAll([Buffer.concat([Buffer.from(behind), bytes])]);
    assert.ok(typeof sound === "object" && refused === status && more.length === 0, JSON.stringify(text));
  }
});

test("a head at its ceiling is read, one byte more is not, whatever it is made of", () => {
  const head = (length: number): string => {
    const begin = "GET /a HTTP/1.1\r\nHost: m\r\nX: ";
    return `${begin}${"a".repeat(length - begin.length - 4)}\r\n\r\n`;
  };
  assert.equal(typeof read(head(MOST))[0], "object");
  assert.equal(read(head(MOST + 1))[0], 431);
  const most = `GET /a HTTP/1.1\r\nHost: m\r\n${"A: b\r\n".repeat(99)}\r\n`;
  assert.equal(typeof read(most)[0], "object");
});

test("no bytes make it throw, and no head is longer than the bytes that it came in", () => {
  const near = fc.constantFrom(...GOOD, ...REFUSED.map(([text]) => text.slice(0, 300)));
  const piece = fc.oneof(near, fc.string({ maxLength: 20 }), fc.constantFrom("\r\n", ":", " ", "\r", "\n", "\t", "\0"));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (texts) => {
      const bytes = Buffer.from(texts.join(""), "latin1");
      const all = readAll([bytes]);
      const taken = all.reduce<number>((sum, one) => sum + (typeof one === "number" ? 0 : one.length), 0);
      assert.ok(taken <= bytes.length);
      assert.deepEqual(readAll([bytes.subarray(0, 5), bytes.subarray(5)]), all);
    }),
    { numRuns: 3_000 },
  );
});
