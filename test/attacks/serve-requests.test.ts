import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { ask, closed, exchangeRaw, open, readAnswer } from "../fixtures/raw-http.ts";
import { ServeProcess } from "../fixtures/serve-process.ts";

/** Requests that two readers could take apart differently, or that a server might wait for. */
const AMBIGUOUS: Readonly<Record<string, string>> = {
  "two lengths": "POST /one/a HTTP/1.1\r\nHost: m\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nGET /one/forged",
  "length and chunked":
    "GET /one/a HTTP/1.1\r\nHost: m\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
  "chunked and length":
    "POST /one/a HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nG",
  "obscured chunked":
    "POST /one/a HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: xchunked\r\n\r\nGET /one/forged HTTP/1.1\r\nHost: m\r\n\r\n",
  "chunked twice": "POST /one/a HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
  "blank before the colon": "GET /one/a HTTP/1.1\r\nHost: m\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
  "folded field": "GET /one/a HTTP/1.1\r\nHost: m\r\nX: a\r\n b\r\n\r\n",
  "bare CR": "GET /one/a HTTP/1.1\r\nHost: m\r\nX: a\rContent-Length: 5\r\n\r\n",
  "bare LF after a field": "GET /one/a HTTP/1.1\r\nHost: m\nX: a\r\n\r\n",
  "no host": "GET /one/a HTTP/1.1\r\n\r\n",
  "negative length": "POST /one/a HTTP/1.1\r\nHost: m\r\nContent-Length: -1\r\n\r\n",
  "signed length": "POST /one/a HTTP/1.1\r\nHost: m\r\nContent-Length: +1\r\n\r\nx",
  "hexadecimal length": "POST /one/a HTTP/1.1\r\nHost: m\r\nContent-Length: 0x1\r\n\r\nx",
  "wrong chunk size": "POST /one/a HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  "control character in a field": "GET /one/a HTTP/1.1\r\nHost: m\r\nX: \u0001\r\n\r\n",
  "field name with a NUL": "GET /one/a HTTP/1.1\r\nHost: m\r\nX\u0000: a\r\n\r\n",
  "HTTP/0.9": "GET /one/a\r\n\r\n",
  "HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  TLS: "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003",
  "two hosts": "GET /one/a HTTP/1.1\r\nHost: m\r\nHost: n\r\n\r\n",
  "a host that is none": "GET /one/a HTTP/1.1\r\nHost: m/one/forged\r\n\r\n",
  "two equal lengths": "POST /one/a HTTP/1.1\r\nHost: m\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
  "a list of lengths": "GET /one/a HTTP/1.1\r\nHost: m\r\nContent-Length: 0, 0\r\n\r\n",
  "two ranges": "GET /one/a HTTP/1.1\r\nHost: m\r\nRange: bytes=0-1\r\nRange: bytes=2-3\r\n\r\n",
  "chunked of HTTP/1.0": "GET /one/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "chunked in quotes": 'GET /one/a HTTP/1.1\r\nHost: m\r\nTransfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
  "bare LF after the request line": "GET /one/a HTTP/1.1\nHost: m\r\n\r\n",
  "bare LF at the end": "GET /one/a HTTP/1.1\r\nHost: m\r\n\n",
  "a tab in the request line": "GET\t/one/a\tHTTP/1.1\r\nHost: m\r\n\r\n",
  "two blanks in the request line": "GET  /one/a HTTP/1.1\r\nHost: m\r\n\r\n",
  "a blank in the target": "GET /one/a HTTP/1.1 HTTP/1.1\r\nHost: m\r\n\r\n",
  "a fragment": "GET /one/a#b HTTP/1.1\r\nHost: m\r\n\r\n",
  "a folded first field": "GET /one/a HTTP/1.1\r\n Host: m\r\nHost: m\r\n\r\n",
  "a field without a colon": "GET /one/a HTTP/1.1\r\nHost: m\r\nforged\r\n\r\n",
  "a version to come": "GET /one/a HTTP/1.2\r\nHost: m\r\n\r\n",
  "a version in small letters": "GET /one/a http/1.1\r\nHost: m\r\n\r\n",
  "empty lines before": "\r\n\r\nGET /one/a HTTP/1.1\r\nHost: m\r\n\r\n",
  "unknown method": "FOO /one/a HTTP/1.1\r\nHost: m\r\n\r\n",
};

describe("requests made to confuse or to exhaust", () => {
  let folder: ChannelFolder;
  let serve: ServeProcess;

  before(async () => {
    folder = await ChannelFolder.make();
    await folder.revision("one", 1, { a: "the file", forged: "forged", big: 10_000_000 });
    await folder.point("staging", { one: 1 });
    serve = await ServeProcess.start(folder, {
      limits: {
        headerTimeout: 600,
        checkingInterval: 100,
        keepAlive: 500,
        connectionsPerClient: 8,
      },
    });
  });

  after(async () => {
    await serve.stop();
    await folder.end();
  });

  const served = async (): Promise<void> => {
    assert.equal((await ask(serve.port, "/one/a")).body.toString(), "the file");
  };

  test("what can be read in two ways is refused, and nothing behind it is answered", async () => {
    for (const [name, request] of Object.entries(AMBIGUOUS)) {
      const answers = (await exchangeRaw(serve.port, Buffer.from(request, "latin1"))).toString("latin1");
      const statuses = answers.match(/HTTP\/1\.1 \d{3}/g) ?? [];
      assert.ok(statuses.length <= 1, `${name}: ${statuses.join()}`);
      assert.ok(
        ["HTTP/1.1 400", "HTTP/1.1 405", "HTTP/1.1 505", undefined].includes(statuses[0]),
        `${name}: ${statuses.join()}`,
      );
      assert.ok(!answers.includes("the file") && !answers.includes("forged"), name);
    }
    await served();
  });

  test("a body where none belongs ends the connection: what is in it is never a request", async () => {
    const hidden = "GET /one/forged HTTP/1.1\r\nHost: m\r\n\r\n";
    for (const method of ["GET", "HEAD", "POST"]) {
      const request = `${method} /one/a HTTP/1.1\r\nHost: m\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`;
      const text = (await exchangeRaw(serve.port, request)).toString();
      assert.match(text, /^HTTP\/1\.1 4(13|05) /);
      assert.ok(!text.includes("forged"), method);
    }
    const unread = await exchangeRaw(
      serve.port,
      "POST /one/a HTTP/1.1\r\nHost: m\r\nContent-Length: 1000000000\r\nExpect: 100-continue\r\n\r\n",
    );
    assert.doesNotMatch(unread.toString(), /100 Continue/);
  });

  test("what is sound before what is not is answered, and the refusal in its turn; both stand in the log", async () => {
    const sound = "GET /one/big HTTP/1.1\r\nHost: m\r\nRange: bytes=0-99999\r\nUser-Agent: before-the-end\r\n\r\n";
    const text = (await exchangeRaw(serve.port, `${sound}GET /one/a HTTP/1.1\r\nHost : m\r\n\r\n${sound}`)).toString();
    assert.deepEqual(text.match(/HTTP\/1\.1 \d{3}/g), ["HTTP/1.1 206", "HTTP/1.1 400"]);
    // Written every fifth of a second.
    await new Promise((resolve) => setTimeout(resolve, 400));
    assert.match(serve.log(), /GET \/one\/big - .* before-the-end - 206 100\d{3} .*\n.* - - - .* 400 0 /);
  });

  test("who ends his half when he has asked is answered; who ends it in the middle is refused", async () => {
    for (const [request, expected] of [
      ["GET /one/a HTTP/1.1\r\nHost: m\r\n\r\n", /^HTTP\/1\.1 200 OK\r\n[^]*the file$/],
      [
        "GET /one/big HTTP/1.1\r\nHost: m\r\nRange: bytes=0-4999999\r\n\r\n",
        /^HTTP\/1\.1 206 [^]*\r\n\r\n[^]{5000000}$/,
      ],
      ["GET /one/a HTTP/1.1\r\nHost: m\r\n", /^HTTP\/1\.1 400 /],
    ] as const) {
      const socket = await open(serve.port);
      const chunks: Buffer[] = [];
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      socket.end(request);
      await closed(socket);
      assert.match(Buffer.concat(chunks).toString("latin1"), expected);
    }
  });

  test("who goes on sending after the last answer is not cut off before he can read it, and not listened to for ever", async () => {
    const socket = connect({ port: serve.port, host: "127.0.0.1", allowHalfOpen: true });
    let answeredAt = 0;
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      answeredAt = performance.now();
      text += chunk.toString();
    });
    socket.on("error", () => undefined);
    socket.write("POST /one/a HTTP/1.1\r\nHost: m\r\nContent-Length: 100000000\r\n\r\n");
    const flood = setInterval(() => socket.write(Buffer.alloc(200_000)), 5);
    await closed(socket);
    clearInterval(flood);
    assert.match(text, /^HTTP\/1\.1 405 /);
    const listened = performance.now() - answeredAt;
    assert.ok(listened > 500 && listened < 20_000, `${listened} ms`);
    await served();
  });

  test("HTTP/1.0 keeps its connection when it asks to", async () => {
    const request = "GET /one/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    const text = (
      await exchangeRaw(serve.port, `${request}${request}GET /one/a HTTP/1.0\r\n\r\n${request}`)
    ).toString();
    assert.equal(text.match(/HTTP\/1\.1 200/g)?.length, 3);
    assert.equal(text.match(/Connection: keep-alive/g)?.length, 2);
  });

  test("floods of headers are refused at the limit", async () => {
    const floods = [`X: ${"a".repeat(100_000)}\r\n`, "A: b\r\n".repeat(20_000), `${"a".repeat(100_000)}: b\r\n`];
    for (const flood of floods) {
      const answer = readAnswer(await exchangeRaw(serve.port, `GET /one/a HTTP/1.1\r\nHost: m\r\n${flood}`));
      assert.ok(answer.status === 431 || answer.status === 0, String(answer.status));
    }
    const longTarget = readAnswer(
      await exchangeRaw(serve.port, `GET /${"a".repeat(100_000)} HTTP/1.1\r\nHost: m\r\n\r\n`),
    );
    assert.ok(longTarget.status === 431 || longTarget.status === 0);
    await served();
  });

  test("who does not finish the head of a request is cut; who says nothing too", async () => {
    const started = performance.now();
    const silent = await open(serve.port);
    silent.resume();
    const slow = await open(serve.port);
    slow.resume();
    slow.write("GET /one/a HTTP/1.1\r\nHost: m\r\n");
    const drip = setInterval(() => slow.write("X: a\r\n"), 100);
    await Promise.all([closed(slow), closed(silent)]);
    clearInterval(drip);
    assert.ok(performance.now() - started < 5_000);
    await served();
  });

  test("an idle connection is not kept", async () => {
    const socket = await open(serve.port);
    socket.write("GET /one/a HTTP/1.1\r\nHost: m\r\n\r\n");
    socket.resume();
    const started = performance.now();
    await closed(socket);
    assert.ok(performance.now() - started < 5_000);
  });

  test("one address has so many connections and no more; the next is dropped unread", async () => {
    const held = [];
    for (let i = 0; i < 8; i++) held.push(await open(serve.port));
    for (const socket of held) socket.write("GET /one/a HTTP/1.1\r\n");
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(
      (await exchangeRaw(serve.port, "GET /one/a HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n")).length,
      0,
    );
    for (const socket of held) socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await served();
  });

  test("ranges made to multiply the answer give the file once, at most", async () => {
    const bombs = [
      `bytes=${Array.from({ length: 500 }, () => "0-").join(",")}`,
      `bytes=${Array.from({ length: 16 }, (_, i) => `${i}-`).join(",")}`,
      `bytes=${Array.from({ length: 400 }, (_, i) => `${i * 2}-${i * 2}`).join(",")}`,
      "bytes=0-9999999,0-9999999",
    ];
    for (const bomb of bombs) {
      const answer = await ask(serve.port, "/one/big", [`Range: ${bomb}`], "GET");
      assert.ok(
        answer.status === 200 && answer.headers["content-length"] === "10000000" && answer.body.length === 10_000_000,
        bomb.slice(0, 40),
      );
    }
  });

  test("requests sent far ahead are answered one after another, and only so many", async () => {
    const text = (await exchangeRaw(serve.port, "GET /one/a HTTP/1.1\r\nHost: m\r\n\r\n".repeat(2_000))).toString();
    const answers = text.match(/HTTP\/1\.1 200/g)?.length ?? 0;
    assert.ok(answers >= 1 && answers <= 33, String(answers));
    assert.match(text, /Connection: close/);
    await served();
  });
});
