import assert from "node:assert/strict";
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
        requestTimeout: 1_000,
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
