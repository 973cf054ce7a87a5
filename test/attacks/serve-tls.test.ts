import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect as connectRaw, type Socket } from "node:net";
import { after, afterEach, before, describe, test } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import type { ServeRequest } from "../../src/wire/jobs.ts";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { run } from "../fixtures/daemon.ts";
import { needsProgram } from "../fixtures/needs.ts";
import { closed, readAnswer } from "../fixtures/raw-http.ts";
import { ServeProcess } from "../fixtures/serve-process.ts";
import { makeCertificate, type TestCertificate } from "../upstream/certificate.ts";

type Https = NonNullable<Extract<ServeRequest, { kind: "serve-start" }>["https"]>;

const big = Buffer.alloc(40_000_000, "abcdefg");

function identityOf({ cert: certificate, key }: TestCertificate): { certificate: string; key: string } {
  return { certificate, key };
}

/** One request on a connection of its own. */
async function get(port: number, target: string, options: ConnectionOptions = {}) {
  const socket = await handshake(port, options);
  socket.write(`GET ${target} HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n\r\n`);
  const certificate = socket.getPeerCertificate();
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return { answer: readAnswer(Buffer.concat(chunks)), certificate };
}

async function handshake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  await once(socket, "secureConnect");
  socket.on("error", () => undefined);
  return socket;
}

/** Whether a whole exchange is refused, in the handshake or (TLS 1.3) right behind it. */
async function isRefused(port: number, options: ConnectionOptions): Promise<boolean> {
  try {
    return (await get(port, "/one/a", options)).answer.status === 0;
  } catch {
    return true;
  }
}

describe("HTTPS", () => {
  let folder: ChannelFolder;
  let authority: TestCertificate;
  let own: TestCertificate;
  let serve: ServeProcess;

  const start = (more: Partial<Https> = {}, rest: object = {}): Promise<ServeProcess> =>
    ServeProcess.start(folder, {
      https: { host: "127.0.0.1", port: 0, ...identityOf(own), ...more },
      ...rest,
    });

  before(async () => {
    folder = await ChannelFolder.make();
    await folder.revision("one", 1, { a: "the file", big });
    await folder.point("staging", { one: 1 });
    authority = await makeCertificate(["an authority"]);
    own = await makeCertificate(["localhost"], Date.now(), authority);
    serve = await start({ hsts: 3_600 });
  });

  after(async () => {
    await serve?.stop();
    await folder?.end();
  });

  // After each attack the server is there, and serves others.
  afterEach(async () => {
    const { answer } = await get(serve.httpsPort, "/one/a", {
      servername: "localhost",
      ca: authority.cert,
      rejectUnauthorized: true,
    });
    assert.equal(answer.body.toString(), "the file");
  });

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`${version} serves, with the same answers as plain HTTP and HSTS beside them`, async () => {
      const { answer } = await get(serve.httpsPort, "/one/big", { minVersion: version, maxVersion: version });
      assert.equal(answer.status, 200);
      assert.ok(answer.body.equals(big));
      assert.equal(answer.headers["strict-transport-security"], "max-age=3600");
      for (const target of ["/one/nothing", "/one", "/one/a?x", "/"])
        assert.equal((await get(serve.httpsPort, target)).answer.headers["strict-transport-security"], "max-age=3600");
      const plain = await fetch(`${serve.url}/one/a`);
      assert.equal(plain.headers.get("strict-transport-security"), null);
      assert.equal(plain.headers.get("etag"), (await get(serve.httpsPort, "/one/a")).answer.headers["etag"]);
    });
  }

  test("old versions and ciphers are not spoken, as openssl sees it", {
    skip: needsProgram("openssl", "openssl"),
  }, async () => {
    const ask = async (...args: readonly string[]): Promise<string> => {
      const at = ["s_client", "-connect", `127.0.0.1:${serve.httpsPort}`, "-servername", "localhost"];
      const { stdout, stderr } = await run("sh", ["-c", 'exec openssl "$@" </dev/null', "sh", ...at, ...args]);
      return `${stdout}${stderr}`;
    };
    const weak = ["-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"];
    for (const args of [
      ["-tls1", ...weak],
      ["-tls1_1", ...weak],
      ["-tls1_2", "-cipher", "kRSA:kDHE:@SECLEVEL=0"],
      ["-tls1_2", "-cipher", "AES128-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0"],
    ])
      assert.match(await ask(...args), /Cipher is \(NONE\)/, args.join(" "));
    assert.match(await ask("-tls1_2"), /TLSv1\.2, Cipher is ECDHE-ECDSA-AES/);
    const newest = await ask("-tls1_3");
    assert.match(newest, /TLSv1\.3, Cipher is TLS_/);
    assert.match(newest, /Compression: NONE/);
    const strict = await start({ leastVersion: "1.3" });
    assert.equal(await isRefused(strict.httpsPort, { maxVersion: "TLSv1.2" }), true);
    assert.equal(await isRefused(strict.httpsPort, {}), false);
    await strict.stop();
  });

  test("a client that renegotiates is not served on", { skip: needsProgram("openssl", "openssl") }, async () => {
    const at = `127.0.0.1:${serve.httpsPort}`;
    const { stdout, stderr } = await run("sh", [
      "-c",
      `(echo R; sleep 0.5; printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 0.5) | openssl s_client -tls1_2 -connect ${at}`,
    ]);
    assert.match(stderr, /RENEGOTIATING/);
    assert.doesNotMatch(stdout, /HTTP\/1\.1 200/);
  });

  test("a client that means another protocol or another host is refused in the handshake", async () => {
    for (const options of [{ ALPNProtocols: ["ftp"] }, { ALPNProtocols: ["h2"] }, { servername: "mail.example" }])
      await assert.rejects(handshake(serve.httpsPort, options), JSON.stringify(options));
    for (const options of [{ ALPNProtocols: ["h2", "http/1.1"] }, { servername: "LOCALHOST" }, {}])
      (await handshake(serve.httpsPort, options)).destroy();
  });

  test("clear text, of any protocol, gets no answer in clear", async () => {
    for (const bytes of [
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "USER anonymous\r\n",
      "\x16\x03\x01\xff\xff",
      "\x80\x2e\x01\x00\x02",
    ]) {
      const socket = connectRaw(serve.httpsPort, "127.0.0.1");
      socket.on("error", () => undefined);
      let heard = "";
      socket.on("data", (chunk: Buffer) => {
        heard += chunk.toString("latin1");
      });
      socket.end(Buffer.from(bytes, "latin1"));
      await closed(socket);
      assert.doesNotMatch(heard, /HTTP|<|\d{3} /);
    }
  });

  test("a certificate is exchanged while a download is under way: it ends whole, the next connection sees the new one", async () => {
    const slow = await handshake(serve.httpsPort);
    slow.pause();
    slow.write("GET /one/big HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n\r\n");
    const session = once(slow, "session") as Promise<[Buffer]>;
    await new Promise((resolve) => setTimeout(resolve, 100));
    const next = await makeCertificate(["localhost"], Date.now(), authority);
    serve.send({ kind: "identity", by: "https", identity: identityOf(next) });
    serve.send({ kind: "identity", by: "https", identity: { ...identityOf(own), key: next.key } });
    await serve.hear((answer) => answer.kind === "failed" && answer.code === "config.invalid");
    const { certificate } = await get(serve.httpsPort, "/one/a");
    assert.equal(certificate.fingerprint256, new X509Certificate(next.cert).fingerprint256);
    assert.equal(slow.getPeerCertificate().fingerprint256, new X509Certificate(own.cert).fingerprint256);
    const chunks: Buffer[] = [];
    for await (const chunk of slow) chunks.push(chunk as Buffer);
    assert.ok(readAnswer(Buffer.concat(chunks)).body.equals(big));
    // A ticket of before is worth nothing: its keys went with the certificate.
    const resumed = await handshake(serve.httpsPort, { session: (await session)[0] });
    assert.equal(resumed.isSessionReused(), false);
    const [again] = (await once(resumed, "session")) as [Buffer];
    resumed.destroy();
    const second = await handshake(serve.httpsPort, { session: again });
    assert.equal(second.isSessionReused(), true);
    second.destroy();
  });

  test("clients' certificates: asked for, judged, and named in the log", async () => {
    const client = await makeCertificate(["host-17"], Date.now(), authority);
    const stranger = await makeCertificate(["host-17"]);
    const expired = await makeCertificate(["host-18"], Date.now() - 10 * 86_400_000, authority);
    const shown = ({ cert, key }: TestCertificate): ConnectionOptions => ({ cert, key });
    for (const clients of ["required", "optional"] as const) {
      const mutual = await start(
        { clients, authorities: authority.cert },
        { logFields: ["cs-username", "cs-uri-stem", "sc-status"] },
      );
      for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
        const by = { maxVersion: version };
        assert.equal((await get(mutual.httpsPort, "/one/a", { ...shown(client), ...by })).answer.status, 200);
        assert.equal(await isRefused(mutual.httpsPort, { ...shown(stranger), ...by }), true);
        assert.equal(await isRefused(mutual.httpsPort, { ...shown(expired), ...by }), true);
        assert.equal(await isRefused(mutual.httpsPort, by), clients === "required");
      }
      // An authority that is ours no longer lets nobody in, by a ticket neither.
      const before = await handshake(mutual.httpsPort, shown(client));
      const [session] = (await once(before, "session")) as [Buffer];
      before.destroy();
      const other = await makeCertificate(["another authority"]);
      mutual.send({ kind: "identity", by: "https", identity: { ...identityOf(own), authorities: other.cert } });
      for (let i = 0; i < 100 && !(await isRefused(mutual.httpsPort, shown(client))); i++)
        await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(await isRefused(mutual.httpsPort, { ...shown(client), session }), true);
      await mutual.stop();
      const lines = mutual
        .log()
        .split("\n")
        .filter((line) => line !== "" && !line.startsWith("#"));
      assert.ok(lines.includes("host-17 /one/a 200"), lines.join("\n"));
      assert.equal(lines.includes("- /one/a 200"), clients === "optional");
      assert.doesNotMatch(lines.join("\n"), /host-18/);
    }
  });

  test("handshakes that never end are ended, and hold no more than their share", async () => {
    const walled = await start({}, { limits: { headerTimeout: 400, connectionsPerClient: 6, checkingInterval: 100 } });
    const open = async (): Promise<Socket> => {
      const socket = connectRaw(walled.httpsPort, "127.0.0.1");
      socket.on("error", () => undefined);
      socket.resume();
      await once(socket, "connect");
      return socket;
    };
    const began = performance.now();
    const sockets = await Promise.all(Array.from({ length: 40 }, open));
    // Half of a ClientHello, by one of them, a byte at a time.
    const drip = setInterval(() => sockets[0]?.write("\x16"), 50);
    const ends = sockets.map((socket) => closed(socket).then(() => performance.now() - began));
    const times = await Promise.all(ends);
    clearInterval(drip);
    assert.equal(times.filter((time) => time > 300).length <= 6, true, times.map(Math.round).join(" "));
    assert.equal(
      times.some((time) => time > 300),
      true,
    );
    assert.equal((await get(walled.httpsPort, "/one/a")).answer.status, 200);
    await walled.stop();
  });

  test("who finishes the handshake and no head, or says nothing more, is ended", async () => {
    const walled = await start({}, { limits: { headerTimeout: 400, keepAlive: 400, checkingInterval: 100 } });
    for (const bytes of [
      "GET /one/a HTTP/1.1\r\nHost: mirror\r\n",
      "",
      "GET /one/a HTTP/1.1\r\nHost: mirror\r\n\r\n",
    ]) {
      const socket = await handshake(walled.httpsPort);
      socket.resume();
      if (bytes !== "") socket.write(bytes);
      await closed(socket);
    }
    await walled.stop();
  });

  test("one client's handshakes have a budget, and plain HTTP is served all the while", async () => {
    const walled = await start({}, { limits: { handshakesPerMinute: 60 } });
    let done = 0;
    for (let i = 0; i < 30; i++) if (!(await isRefused(walled.httpsPort, {}))) done += 1;
    assert.ok(done >= 10 && done < 20, String(done));
    assert.equal((await fetch(`${walled.url}/one/a`)).status, 200);
    await walled.stop();
  });

  test("a reader of a byte a minute is cut under TLS too, and one that takes its time is not", async () => {
    const walled = await start({}, { limits: { leastRate: 20_000, leastRateWindow: 1_000, checkingInterval: 100 } });
    const stalled = await handshake(walled.httpsPort);
    stalled.pause();
    stalled.write("GET /one/big HTTP/1.1\r\nHost: mirror\r\n\r\n");
    const steady = await handshake(walled.httpsPort);
    let taken = 0;
    steady.pause();
    steady.write("GET /one/big HTTP/1.1\r\nHost: mirror\r\n\r\n");
    const sip = setInterval(() => {
      taken += (steady.read(64 * 1024) as Buffer | null)?.length ?? 0;
    }, 100);
    let steadyEnded = false;
    steady.once("close", () => {
      steadyEnded = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    assert.equal(steadyEnded, false);
    assert.ok(taken > 500_000, String(taken));
    clearInterval(sip);
    steady.destroy();
    // The stalled one has been cut: what it had taken comes, and then no more.
    let left = 0;
    stalled.on("data", (chunk: Buffer) => {
      left += chunk.length;
    });
    stalled.resume();
    await closed(stalled);
    assert.ok(left < big.length, String(left));
    await walled.stop();
  });

  test("what is no pair is not served at all, and says so", async () => {
    const none = ServeProcess.spawn(folder);
    const answer = await none.begin(folder, { https: { host: "127.0.0.1", port: 0, certificate: "x", key: "y" } });
    assert.equal(answer.kind === "failed" && answer.code, "config.invalid");
    await none.stop();
  });

  test("HTTPS alone, without plain HTTP", async () => {
    const alone = await start({}, { listen: null });
    assert.equal(alone.port, 0);
    assert.equal((await get(alone.httpsPort, "/one/a")).answer.status, 200);
    await alone.stop();
  });

  test("curl and wget", { skip: needsProgram("curl", "curl") || needsProgram("wget", "wget") }, async () => {
    const file = `${folder.root}/authority.pem`;
    await writeFile(file, authority.cert);
    const url = `https://localhost:${serve.httpsPort}/one/a`;
    for (const args of [["--http1.1"], ["--tls-max", "1.2"], ["--tlsv1.3"]])
      assert.equal((await run("curl", ["-sS", "-f", "-4", "--cacert", file, ...args, url])).stdout, "the file");
    assert.equal((await run("wget", ["-q", "-4", "-O", "-", `--ca-certificate=${file}`, url])).stdout, "the file");
    assert.notEqual((await run("curl", ["-sS", "-4", url])).code, 0);
  });
});
