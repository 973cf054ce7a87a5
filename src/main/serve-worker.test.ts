import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { ChannelFolder, MOVED_AT } from "../../test/fixtures/channel-folder.ts";
import { needsProgram } from "../../test/fixtures/needs.ts";
import { ask, closed, exchangeRaw, open, type RawAnswer, readAnswer } from "../../test/fixtures/raw-http.ts";
import { ServeProcess } from "../../test/fixtures/serve-process.ts";

const run = promisify(execFile);
const needsCurl = needsProgram("curl", "curl");
const needsWget = needsProgram("wget", "wget");
const body = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

describe("a channel's process, confined as the daemon starts it", () => {
  let folder: ChannelFolder;
  let serve: ServeProcess;
  let url = "";
  const at = (name: string): string => path.join(folder.root, name);

  before(async () => {
    folder = await ChannelFolder.make();
    await folder.revision("one", 1, {
      "data.bin": body,
      "small.txt": "0123456789",
      "pool/g++_12 x.deb": "plus",
      "pool/ü.txt": "umlaut",
      empty: "",
      huge: 100_000_000,
    });
    await folder.point("staging", { one: 1 });
    serve = await ServeProcess.start(folder, { limits: { stopGrace: 300 } });
    url = `${serve.url}/one`;
  });

  after(async () => {
    await folder.end();
  });

  test("curl: whole, range, several ranges, HEAD", { skip: needsCurl }, async () => {
    const bytes = async (...args: readonly string[]): Promise<Buffer> =>
      (await run("curl", ["-sS", "-f", ...args], { encoding: "buffer" })).stdout;
    assert.deepEqual(await bytes(`${url}/data.bin`), body);
    assert.deepEqual(await bytes("-r", "1000-1999", `${url}/data.bin`), body.subarray(1_000, 2_000));
    assert.deepEqual(await bytes("-r", "-5", `${url}/data.bin`), body.subarray(-5));
    const parts = (await bytes("-r", "0-1,4-5,9-", `${url}/small.txt`)).toString();
    assert.deepEqual(parts.match(/Content-Range: .*\r\n\r\n.*/g), [
      "Content-Range: bytes 0-1/10\r\n\r\n01",
      "Content-Range: bytes 4-5/10\r\n\r\n45",
      "Content-Range: bytes 9-9/10\r\n\r\n9",
    ]);
    const head = (await bytes("-I", `${url}/data.bin`)).toString();
    assert.match(head, /^HTTP\/1.1 200 OK\r\n/);
    assert.match(head, /\r\nContent-Length: 200000\r\n/);
  });

  test("curl: a resumed download is completed, one that is whole is not repeated", { skip: needsCurl }, async () => {
    await writeFile(at("part"), body.subarray(0, 70_000));
    await run("curl", ["-sS", "-f", "-C", "-", "-o", at("part"), `${url}/data.bin`]);
    assert.deepEqual(await readFile(at("part")), body);
  });

  test("curl: names with +, blanks and umlauts, escaped and bare", { skip: needsCurl }, async () => {
    const text = async (target: string): Promise<string> =>
      (await run("curl", ["-sS", "-f", `${url}/${target}`])).stdout;
    assert.equal(await text("pool/g%2b%2b_12%20x.deb"), "plus");
    assert.equal(await text("pool/g++_12%20x.deb"), "plus");
    assert.equal(await text("pool/%C3%BC.txt"), "umlaut");
    assert.equal(await text("pool/ü.txt"), "umlaut");
  });

  test("curl -z and --etag-compare: nothing is sent twice", { skip: needsCurl }, async () => {
    const code = async (...args: readonly string[]): Promise<string> =>
      (await run("curl", ["-sS", "-o", at("out"), "-w", "%{http_code}", ...args, `${url}/small.txt`])).stdout;
    await writeFile(at("stamp"), "");
    await utimes(at("stamp"), MOVED_AT / 1_000 + 1, MOVED_AT / 1_000 + 1);
    assert.equal(await code("-z", at("stamp")), "304");
    await utimes(at("stamp"), MOVED_AT / 1_000, MOVED_AT / 1_000);
    assert.equal(await code("-z", at("stamp")), "200");
    assert.equal(await code("--etag-save", at("etag")), "200");
    assert.equal(await code("--etag-compare", at("etag")), "304");
  });

  test("wget -N and -c: kept while it is the same, continued where it was cut", { skip: needsWget }, async () => {
    const wget = async (...args: readonly string[]): Promise<string> =>
      (await run("wget", ["-nv", "-P", folder.root, ...args, `${url}/data.bin`])).stderr;
    assert.match(await wget("-N"), /saved|->/);
    assert.doesNotMatch(await wget("-N"), /->/);
    await truncate(at("data.bin"), 12_345);
    await wget("-c");
    assert.deepEqual(await readFile(at("data.bin")), body);
  });

  test("wget -r walks the listings and gets every file", { skip: needsWget }, async () => {
    await run("wget", ["-q", "-r", "-np", "-nH", "-R", "huge", "-P", at("tree"), `${url}/`]);
    assert.deepEqual(await readFile(at("tree/one/data.bin")), body);
    assert.equal(await readFile(at("tree/one/pool/g++_12 x.deb"), "utf8"), "plus");
    assert.equal(await readFile(at("tree/one/empty"), "utf8"), "");
  });

  test("many requests sent ahead are answered in order, and the hundredth ends the connection", async () => {
    const request = "GET /one/small.txt HTTP/1.1\r\nHost: m\r\n\r\n";
    const socket = await open(serve.port);
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    for (let i = 0; i < 12; i++) {
      socket.write(request.repeat(10));
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    await closed(socket);
    const text = Buffer.concat(chunks).toString();
    assert.equal(text.match(/HTTP\/1.1 200 OK/g)?.length, 100);
    assert.equal(text.match(/Connection: close/gi)?.length, 1);
    assert.ok(text.endsWith("0123456789"));
  });

  test("HTTP/1.0 gets its answer and the end of the connection", async () => {
    const answer = readAnswer(await exchangeRaw(serve.port, "GET /one/ HTTP/1.0\r\n\r\n"));
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["transfer-encoding"], undefined);
    assert.match(answer.body.toString(), /small\.txt/);
  });

  test("what is not GET or HEAD is 405, and says what is allowed", async () => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "OPTIONS"]) {
      const answer = await ask(serve.port, "/one/small.txt", [], method);
      assert.deepEqual([answer.status, answer.headers["allow"]], [405, "GET, HEAD"], method);
    }
    assert.equal((await ask(serve.port, "*", [], "OPTIONS")).status, 405);
    assert.equal((await ask(serve.port, "mirror:80", [], "CONNECT")).status, 405);
  });

  test("a stop waits no longer than its grace", async () => {
    const socket = await open(serve.port);
    socket.write("GET /one/huge HTTP/1.1\r\nHost: m\r\n\r\n");
    await once(socket, "readable");
    assert.equal(await serve.stop(), 0);
  });
});

describe("the life of a channel's process", () => {
  let folder: ChannelFolder;
  let serve: ServeProcess;

  before(async () => {
    folder = await ChannelFolder.make();
    await folder.revision("one", 1, { a: "a1", big: 40_000_000 });
    await folder.revision("one", 2, { a: "a2", big: 50_000_000 });
    await folder.point("staging", { one: 1 });
    serve = await ServeProcess.start(folder, { session: { idle: 60_000, most: 60_000 } });
  });

  after(async () => {
    await folder.end();
  });

  /** What a program that was never here before is given. */
  async function fresh(target: string, agent: string, method = "GET"): Promise<RawAnswer> {
    return ask(serve.port, target, [`User-Agent: ${agent}`], method);
  }

  async function drain(socket: Socket): Promise<number> {
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    socket.resume();
    await closed(socket);
    return bytes;
  }

  async function download(target: string): Promise<Socket> {
    const socket = await open(serve.port);
    socket.write(`GET ${target} HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n`);
    await once(socket, "readable");
    return socket;
  }

  test("a client keeps the revision that it began with, on its connection and on new ones; others see the new", async () => {
    const kept = await open(serve.port);
    const get = async (): Promise<string> => {
      kept.write("GET /one/a HTTP/1.1\r\nHost: m\r\nUser-Agent: apt\r\n\r\n");
      const chunks: unknown[] = await once(kept, "data");
      return String(chunks[0]).slice(-2);
    };
    assert.equal(await get(), "a1");
    const transfer = await download("/one/big");
    await folder.point("staging", { one: 2 });
    await serve.reopen(1);
    assert.equal(await get(), "a1");
    assert.equal((await fresh("/one/a", "apt")).body.toString(), "a1");
    assert.equal((await fresh("/one/a", "freshclam")).body.toString(), "a2");
    kept.destroy();
    const bytes = await drain(transfer);
    assert.ok(bytes > 40_000_000 && bytes < 40_001_000, "the transfer under way stayed on its revision");
  });

  test("a pointer that cannot be read is said, and what was shown stays", async () => {
    const pointer = path.join(folder.views, "channels/staging.json");
    const good = await readFile(pointer);
    await writeFile(pointer, "{");
    serve.send({ kind: "reopen", serial: 2 });
    const answer = await serve.hear((said) => said.kind === "failed");
    assert.ok(answer.kind === "failed" && answer.code === "store.damaged");
    assert.equal((await fresh("/one/a", "second")).body.toString(), "a2");
    await writeFile(pointer, good);
  });

  test("a missing or shortened blob is 503, said to the daemon once, and another file is served on", async () => {
    const [gone] = await folder.revision("two", 1, { gone: "gone", short: 1_000_000, fine: "fine" });
    await folder.point("staging", { one: 2, two: 1 });
    await serve.reopen(3);
    const { sha256 } = await folder.blob(1_000_000);
    await rm(folder.blobPath(gone?.sha256 ?? sha256));
    await truncate(folder.blobPath(sha256), 999_999);
    for (const method of ["GET", "GET", "HEAD"]) {
      assert.equal((await fresh("/two/gone", "third", method)).status, 503);
      assert.equal((await fresh("/two/short", "third", method)).status, 503);
    }
    assert.equal((await fresh("/two/fine", "third")).body.toString(), "fine");
    await serve.hear((said) => said.kind === "blob-missing" && said.reason === "size-differs");
    const missing = serve.said.flatMap((said) =>
      said.kind === "blob-missing" ? [[said.path, said.reason, said.source, said.revision]] : [],
    );
    assert.deepEqual(missing, [
      ["/two/gone", "missing", "two", 1],
      ["/two/short", "size-differs", "two", 1],
    ]);
  });

  test("a file that shrinks while it is sent ends the connection, not the promise", async () => {
    await folder.revision("three", 1, { shrinks: 60_000_000 });
    await folder.point("staging", { one: 2, three: 1 });
    await serve.reopen(4);
    const socket = await open(serve.port);
    socket.write("GET /three/shrinks HTTP/1.1\r\nHost: m\r\nUser-Agent: fourth\r\n\r\n");
    await once(socket, "readable");
    const { sha256 } = await folder.blob(60_000_000);
    await truncate(folder.blobPath(sha256), 30_000_000);
    assert.ok((await drain(socket)) < 30_001_000);
    await serve.hear((said) => said.kind === "blob-missing" && said.path === "/three/shrinks");
  });

  test("a stop lets transfers finish and takes no more", async () => {
    const transfer = await download("/one/big");
    const idle = await open(serve.port);
    serve.send({ kind: "stop" });
    idle.resume();
    await closed(idle);
    // Whoever came while the door was closing was let in and out again.
    await assert.rejects(async () => {
      for (let i = 0; i < 50; i++) (await open(serve.port)).destroy();
    });
    assert.ok((await drain(transfer)) > 40_000_000);
    assert.equal(await serve.ended(), 0);
    assert.match(serve.log(), /GET \/one\/big .* 200 [45]0000\d{3} /);
  });
});

describe("a channel's process that is not well", () => {
  let folder: ChannelFolder;

  before(async () => {
    folder = await ChannelFolder.make();
    await folder.revision("one", 1, { a: "a1" });
    await folder.point("staging", { one: 1 });
  });

  after(async () => {
    await folder.end();
  });

  test("taken over, once it listens, it can answer and reach nobody; without its daemon it ends", async () => {
    const secret = createServer((socket) => socket.end("reached"));
    secret.listen(0, "127.0.0.1");
    await once(secret, "listening");
    const address = secret.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    // A line of a stranger's own in the process.
    const probe = `import net from "node:net"; import fs from "node:fs";
      const tries = setInterval(() => { if (process.permission.has("net")) return; clearInterval(tries);
        const say = (what) => process.stderr.write(what + "\\n");
        try { fs.readFileSync("/etc/passwd"); say("read"); } catch (e) { say(e.code); }
        try { fs.writeFileSync(${JSON.stringify(path.join(folder.blobs, "x"))}, ""); say("wrote"); } catch (e) { say(e.code); }
        try { net.connect(${port}, "127.0.0.1").on("connect", () => say("connected")).on("error", (e) => say(e.code)); } catch (e) { say(e.code); }
      }, 20);`;
    const serve = ServeProcess.spawn(folder, ["--import", `data:text/javascript,${encodeURIComponent(probe)}`]);
    let said = "";
    const threeLines = new Promise<void>((resolve) => {
      serve.child.stderr?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (said.split("\n").length === 4) resolve();
      });
    });
    assert.equal((await serve.begin(folder)).kind, "listening");
    assert.equal((await ask(serve.port, "/one/a")).body.toString(), "a1");
    await threeLines;
    assert.deepEqual(said.trim().split("\n"), ["ERR_ACCESS_DENIED", "ERR_ACCESS_DENIED", "ERR_ACCESS_DENIED"]);
    assert.equal((await ask(serve.port, "/one/a")).body.toString(), "a1");
    serve.closeLane();
    assert.equal(await serve.ended(), 0);
    assert.match(serve.log(), /GET \/one\/a - /);
    secret.close();
  });

  test("an address that is taken is a failure with its code", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const serve = ServeProcess.spawn(folder);
    const answer = await serve.begin(folder, { listen: { host: "127.0.0.1", port } });
    assert.ok(answer.kind === "failed" && answer.code === "listen.failed" && answer.retry === "later");
    assert.equal(await serve.stop(), 0);
    other.close();
  });

  test("a channel that was never written is a failure with its code; nonsense from the daemon ends it", async () => {
    const serve = ServeProcess.spawn(folder);
    const answer = await serve.begin(folder, { channel: "production" });
    assert.ok(answer.kind === "failed" && answer.code === "store.damaged");
    serve.sendRaw({ kind: "nonsense" });
    assert.equal(await serve.ended(), 1);
  });
});
