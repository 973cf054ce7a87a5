import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { startHttpVendor } from "../upstream/http-vendor.ts";
import { fetchJob, runFetch } from "../upstream/run-fetch.ts";

/** Threat: heads and framings that two readers understand differently, and heads that are bombs. */
describe("attack: malformed answers", async () => {
  const vendor = await startHttpVendor();
  after(() => vendor.close());

  async function answer(bytes: string): Promise<string> {
    vendor.faults.set("*", { kind: "raw", bytes });
    return (await runFetch(fetchJob(`${vendor.url}/a.bin`, { caps: { bytes: 1_000 } }))).end;
  }

  const refused: Readonly<Record<string, string>> = {
    "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nABCDE",
    "the same length twice": "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nABCD",
    "a list of lengths": "HTTP/1.1 200 OK\r\nContent-Length: 4, 4\r\n\r\nABCD",
    "a signed length": "HTTP/1.1 200 OK\r\nContent-Length: +4\r\n\r\nABCD",
    "a hexadecimal length": "HTTP/1.1 200 OK\r\nContent-Length: 0x4\r\n\r\nABCD",
    "a length and chunks":
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nABCD\r\n0\r\n\r\n",
    "two transfer codings": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
    "a packed transfer coding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded line": "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "space before the colon": "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
    "bare line feeds": "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "a bare carriage return": "HTTP/1.1 200 OK\r\nX-A: b\rContent-Length: 0\r\n\r\n",
    "a null in a value": "HTTP/1.1 200 OK\r\nX-A: b\0\r\nContent-Length: 0\r\n\r\n",
    "a field without a name": "HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 0\r\n\r\n",
    "another protocol": "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "no protocol": "A".repeat(40_000),
    "a status of two digits": "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "a switch of protocols": "HTTP/1.1 101 Switch\r\nUpgrade: x\r\n\r\n",
    "interim answers without end": "HTTP/1.1 103 Hints\r\n\r\n".repeat(1_000),
    "one endless header": `HTTP/1.1 200 OK\r\nX-A: ${"b".repeat(40_000)}\r\n\r\n`,
    "a bomb of headers": `HTTP/1.1 200 OK\r\n${"X-A: b\r\n".repeat(129)}Content-Length: 0\r\n\r\n`,
    "headers without end": `HTTP/1.1 200 OK\r\n${`X-A: ${"b".repeat(1_000)}\r\n`.repeat(100)}\r\n`,
    "a chunk size that is none": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-4\r\nABCD\r\n0\r\n\r\n",
    "a chunk size over every number": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"f".repeat(20)}\r\nABCD`,
    "an endless chunk line": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;${"a".repeat(300)}\r\nABCD\r\n0\r\n\r\n`,
    "a chunk with bytes behind it": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nABCDE\r\n0\r\n\r\n",
    "chunk lines with bare line feeds": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\nABCD\n0\n\n",
    "a bomb of trailers": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${"X-A: b\r\n".repeat(129)}\r\n`,
    "a trailer without end": `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: ${"b".repeat(40_000)}`,
    "a coding that was not asked for": "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nABCD",
    "not modified, unasked": "HTTP/1.1 304 Same\r\n\r\n",
    "a redirect to nowhere": "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
  };
  for (const [what, bytes] of Object.entries(refused)) {
    test(`${what}: malformed`, async () => assert.equal(await answer(bytes), "upstream.malformed"));
  }

  test("chunks that end before the last one: cut off", async () => {
    assert.equal(
      await answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nABCD\r\n"),
      "upstream.cut-off",
    );
  });

  test("a head that ends before its end: cut off", async () => {
    assert.equal(await answer("HTTP/1.1 200 OK\r\nContent-"), "upstream.cut-off");
  });

  test("a body in one-byte chunks is one body, and costs no frame for each byte", async () => {
    const chunks = Array.from({ length: 900 }, (_, at) => `1\r\n${String.fromCharCode(65 + (at % 26))}\r\n`).join("");
    vendor.faults.set("*", {
      kind: "raw",
      bytes: `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`,
    });
    let pieces = 0;
    const { end, bytes } = await runFetch(fetchJob(`${vendor.url}/a.bin`), { onData: () => pieces++ });
    assert.equal(end, "done");
    assert.equal(Buffer.from(bytes).toString("latin1"), "ABCDEFGHIJKLMNOPQRSTUVWXYZ".repeat(35).slice(0, 900));
    assert.ok(pieces < 90, `${pieces} pieces`);
  });

  test("a stored .gz that is labelled with its own coding is the file", async () => {
    vendor.faults.set("*", {
      kind: "raw",
      bytes: "HTTP/1.1 200 OK\r\nContent-Encoding: x-gzip\r\nContent-Length: 4\r\n\r\nABCD",
    });
    const { end, bytes } = await runFetch(fetchJob(`${vendor.url}/a.tar.gz`));
    assert.deepEqual([end, Buffer.from(bytes).toString()], ["done", "ABCD"]);
  });
});
