import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { makeCertificate } from "../../../test/upstream/certificate.ts";
import { startHttpProxy } from "../../../test/upstream/http-proxy.ts";
import { startHttpVendor } from "../../../test/upstream/http-vendor.ts";
import { fetchJob, type JobParts, patternBytes, runFetch } from "../../../test/upstream/run-fetch.ts";
import { dial } from "../dial.ts";
import { LaneTransports } from "../run-job.ts";

const body = patternBytes(2_000_000);
const files = (): Map<string, { body: Uint8Array; etag: string }> => new Map([["/a.bin", { body, etag: '"a"' }]]);

describe("http", async () => {
  const vendor = await startHttpVendor({ files: files() });
  after(() => vendor.close());
  const url = `${vendor.url}/a.bin`;

  test("one connection carries job after job", async () => {
    const transports = new LaneTransports("Ringfort/test");
    vendor.requests.length = 0;
    for (let index = 0; index < 3; index++) assert.equal((await runFetch(fetchJob(url), { transports })).end, "done");
    transports.close();
    assert.deepEqual(new Set(vendor.requests.map(({ connection }) => connection)).size, 1);
    assert.equal(vendor.requests[0]?.headers["accept-encoding"], "identity");
    assert.equal(vendor.requests[0]?.headers["user-agent"], "Ringfort/test");
  });

  test("a kept connection that dies is replaced once, and only a kept one", async () => {
    const transports = new LaneTransports("Ringfort/test");
    await runFetch(fetchJob(url), { transports });
    vendor.faults.set("/a.bin", { kind: "drop", times: 1 });
    assert.equal((await runFetch(fetchJob(url), { transports })).end, "done");
    vendor.faults.set("/a.bin", { kind: "drop", times: 2 });
    assert.equal((await runFetch(fetchJob(url), { transports })).end, "upstream.cut-off");
    transports.close();
    vendor.faults.set("/a.bin", { kind: "drop", times: 1 });
    assert.equal((await runFetch(fetchJob(url))).end, "upstream.cut-off");
    vendor.faults.clear();
  });

  test("each status has its meaning", async () => {
    const meanings = { 404: "upstream.not-found never", 410: "upstream.not-found never", 401: "upstream.login never" };
    const others = { 403: "upstream.status never", 429: "upstream.status later", 503: "upstream.status later" };
    for (const [status, meaning] of Object.entries({ ...meanings, ...others, 418: "upstream.status never" })) {
      vendor.faults.set("/a.bin", { kind: "status", status: Number(status) });
      const { answer } = await runFetch(fetchJob(url));
      assert.equal(answer.kind === "failed" && `${answer.code} ${answer.retry}`, meaning, status);
    }
    vendor.faults.clear();
  });

  test("a login is sent, and a wrong one is refused", async () => {
    const guarded = await startHttpVendor({ files: files(), login: { user: "ü", password: "p:w" } });
    const at = `${guarded.url}/a.bin`;
    assert.equal((await runFetch(fetchJob(at))).end, "upstream.login");
    const login = { user: "ü", password: "p:w" };
    assert.equal((await runFetch(fetchJob(at, { network: { login } }))).end, "done");
    await guarded.close();
  });

  test("validators that are none are not sent on", async () => {
    vendor.requests.length = 0;
    const unless = { etag: '"a"\r\nX-Evil: 1', lastModified: "yesterday\r\nX-Evil: 1" };
    assert.equal((await runFetch(fetchJob(url, { unless }))).end, "done");
    assert.equal(vendor.requests[0]?.headers["x-evil"], undefined);
    assert.equal(vendor.requests[0]?.headers["if-none-match"], undefined);
  });

  test("no connection and no name have their codes", async () => {
    const dead = await startHttpVendor();
    await dead.close();
    const { answer } = await runFetch(fetchJob(dead.url));
    assert.equal(answer.kind === "failed" && `${answer.code} ${answer.retry}`, "upstream.unreachable later");
    assert.equal((await runFetch(fetchJob("http://vendor.invalid/a"))).end, "upstream.name-unknown");
  });

  test("what was judged is what is dialled: a name with addresses is not looked up again", async () => {
    const addresses = [{ address: "127.0.0.1", family: 4 }];
    const to = { host: "vendor.invalid", port: vendor.port, addresses };
    const socket = await dial(to, new AbortController().signal);
    assert.equal(socket.raw.remoteAddress, "127.0.0.1");
    socket.destroy();
  });
});

describe("https", async () => {
  const own = await makeCertificate(["localhost"]);
  const vendor = await startHttpVendor({ files: files(), tls: own });
  const proxy = await startHttpProxy();
  const guarded = await startHttpProxy({ login: "u:p" });
  after(() => Promise.all([vendor.close(), proxy.close(), guarded.close()]));
  const url = `${vendor.url}/a.bin`;
  const authorities = [own.cert];
  const through = (port: number): JobParts["network"] => ({
    authorities,
    proxy: { host: "127.0.0.1", port, login: null },
  });

  test("a certificate of the source's own authority is accepted, kept connections and slow readers included", async () => {
    const transports = new LaneTransports("Ringfort/test");
    for (const slow of [2, 2]) {
      const { end, bytes } = await runFetch(fetchJob(url, { network: { authorities } }), { transports, slow });
      assert.equal(end, "done");
      assert.ok(Buffer.from(bytes).equals(Buffer.from(body)), "bytes differ");
    }
    transports.close();
    assert.equal(new Set(vendor.requests.map(({ connection }) => connection)).size, 1);
  });

  test("a certificate that nobody vouches for is not", async () => {
    const { answer } = await runFetch(fetchJob(url));
    assert.equal(answer.kind === "failed" && `${answer.code} ${answer.retry}`, "upstream.tls never");
  });

  test("a certificate for another name is not", async () => {
    const other = await startHttpVendor({ files: files(), tls: await makeCertificate(["other.example"]) });
    const network = { authorities: [own.cert] };
    assert.equal((await runFetch(fetchJob(`${other.url}/a.bin`, { network }))).end, "upstream.tls");
    await other.close();
  });

  test("an authority that is no certificate is refused", async () => {
    assert.equal((await runFetch(fetchJob(url, { network: { authorities: ["no PEM"] } }))).end, "upstream.tls");
  });

  test("a server that speaks no TLS is refused", async () => {
    const plain = await startHttpVendor({ files: files() });
    const { end } = await runFetch(fetchJob(`https://localhost:${plain.port}/a.bin`, { network: { authorities } }));
    assert.equal(end, "upstream.tls");
    await plain.close();
  });

  test("a proxy carries a tunnel, with job after job in it", async () => {
    const transports = new LaneTransports("Ringfort/test");
    for (const slow of [2, 2]) {
      const { end, bytes } = await runFetch(fetchJob(url, { network: through(proxy.port) ?? {} }), {
        transports,
        slow,
      });
      assert.equal(end, "done");
      assert.ok(Buffer.from(bytes).equals(Buffer.from(body)), "bytes differ");
    }
    transports.close();
    assert.deepEqual(proxy.requests, [`CONNECT localhost:${vendor.port}`]);
  });

  test("a tunnel is no reason to trust a certificate", async () => {
    const network = { ...through(proxy.port), authorities: [] };
    assert.equal((await runFetch(fetchJob(url, { network }))).end, "upstream.tls");
  });

  test("a proxy carries plain http", async () => {
    const plain = await startHttpVendor({ files: files() });
    const { end } = await runFetch(fetchJob(`${plain.url}/a.bin`, { network: through(proxy.port) ?? {} }));
    await plain.close();
    assert.equal(end, "done");
    assert.equal(proxy.requests.at(-1), `GET ${plain.url}/a.bin`);
  });

  test("a proxy's login is the proxy's, and a missing one has its code", async () => {
    const login = { user: "u", password: "p" };
    for (const address of [url, `http://127.0.0.1:${vendor.port}/a.bin`]) {
      const { answer } = await runFetch(fetchJob(address, { network: through(guarded.port) ?? {} }));
      assert.equal(answer.kind === "failed" && `${answer.code} ${answer.retry}`, "upstream.proxy never");
    }
    const network = { authorities, proxy: { host: "127.0.0.1", port: guarded.port, login } };
    assert.equal((await runFetch(fetchJob(url, { network }))).end, "done");
    assert.equal(vendor.requests.at(-1)?.headers["proxy-authorization"], undefined);
  });

  test("a proxy that refuses, is not there, or speaks into the tunnel has its code", async () => {
    for (const options of [{ refuses: 503 }, { refuses: 403 }, { speaksFirst: "x" }]) {
      const bad = await startHttpProxy(options);
      const { end } = await runFetch(fetchJob(url, { network: through(bad.port) ?? {} }));
      await bad.close();
      assert.equal(end, "upstream.proxy", JSON.stringify(options));
      assert.equal((await runFetch(fetchJob(url, { network: through(bad.port) ?? {} }))).end, "upstream.proxy");
    }
  });
});
