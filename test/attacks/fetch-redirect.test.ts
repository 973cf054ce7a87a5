import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { LaneTransports } from "../../src/fetch/run-job.ts";
import { startHttpVendor } from "../upstream/http-vendor.ts";
import { fetchJob, type JobParts, patternBytes, runFetch } from "../upstream/run-fetch.ts";

/** Threat: a redirect that leads in circles, out of the scheme, or to what only we can reach. */
describe("attack: redirects", async () => {
  const vendor = await startHttpVendor({ files: new Map([["/b.bin", { body: patternBytes(10) }]]) });
  const other = await startHttpVendor({ files: new Map([["/b.bin", { body: patternBytes(20) }]]) });
  after(() => Promise.all([vendor.close(), other.close()]));

  async function redirectedTo(to: string, parts: JobParts = {}): ReturnType<typeof runFetch> {
    vendor.faults.set("/a.bin", { kind: "redirect", to });
    return await runFetch(fetchJob(`${vendor.url}/a.bin`, parts));
  }

  test("a redirect within the upstream is followed", async () => {
    const { end, head, bytes } = await redirectedTo("/b.bin#part");
    assert.deepEqual([end, head?.finalUrl, bytes.length], ["done", `${vendor.url}/b.bin`, 10]);
  });

  test("a circle ends at the cap", async () => {
    const before = vendor.requests.length;
    assert.equal((await redirectedTo("/a.bin", { caps: { redirects: 3 } })).end, "upstream.redirect-loop");
    assert.equal(vendor.requests.length - before, 4);
    assert.equal((await redirectedTo("/b.bin", { caps: { redirects: 0 } })).end, "upstream.redirect-loop");
  });

  test("no cap of a source is above the house's own", async () => {
    const before = vendor.requests.length;
    assert.equal((await redirectedTo("/a.bin", { caps: { redirects: 1_000 } })).end, "upstream.redirect-loop");
    assert.equal(vendor.requests.length - before, 11);
  });

  test("another scheme is refused, and never is anything but the web allowed", async () => {
    assert.equal((await redirectedTo("https://127.0.0.1/b.bin")).end, "upstream.redirect-scheme");
    for (const to of ["ftp://127.0.0.1/b.bin", "file:///etc/passwd", "data:,x", "gopher://127.0.0.1:6379/x"]) {
      const { end } = await redirectedTo(to, { network: { allowSchemeChange: true, allowInside: true } });
      assert.equal(end, "upstream.redirect-scheme", to);
    }
  });

  test("an inside address is refused, however it is written", async () => {
    const before = other.requests.length;
    const { port } = other;
    for (const to of [
      `${other.url}/b.bin`,
      `http://localhost:${port}/b.bin`,
      `http://[::1]:${port}/b.bin`,
      `http://[::ffff:127.0.0.1]:${port}/b.bin`,
      `http://2130706433:${port}/b.bin`,
      `http://0x7f.1:${port}/b.bin`,
      `http://0.0.0.0:${port}/b.bin`,
      `//127.0.0.1:${port}/b.bin`,
      "http://169.254.169.254/latest/meta-data/",
      "http://10.0.0.1/",
      "http://192.168.1.1/",
      "http://[fd00::1]/",
      "http://[fe80::1]/",
      "http://[64:ff9b::10.0.0.1]/",
    ]) {
      assert.equal((await redirectedTo(to)).end, "upstream.redirect-inside", to);
    }
    assert.equal(other.requests.length, before);
  });

  test("a second redirect is judged as the first", async () => {
    vendor.faults.set("/c.bin", { kind: "redirect", to: `${other.url}/b.bin` });
    assert.equal((await redirectedTo("/c.bin")).end, "upstream.redirect-inside");
  });

  test("an inside address is followed where the source allows it", async () => {
    const { end, bytes } = await redirectedTo(`${other.url}/b.bin`, { network: { allowInside: true } });
    assert.deepEqual([end, bytes.length], ["done", 20]);
  });

  test("a connection that was allowed inside is not used where it is not", async () => {
    const transports = new LaneTransports("Ringfort/test");
    vendor.faults.set("/a.bin", { kind: "redirect", to: `${other.url}/b.bin` });
    const allowed = fetchJob(`${vendor.url}/a.bin`, { network: { allowInside: true } });
    assert.equal((await runFetch(allowed, { transports })).end, "done");
    assert.equal((await runFetch(fetchJob(`${vendor.url}/a.bin`), { transports })).end, "upstream.redirect-inside");
    transports.close();
  });

  test("the login goes to the source's own origin only", async () => {
    const network = { allowInside: true, login: { user: "u", password: "p" } };
    await redirectedTo(`http://x:y@127.0.0.1:${other.port}/b.bin`, { network });
    assert.equal(vendor.requests.at(-1)?.headers.authorization, "Basic dTpw");
    assert.equal(other.requests.at(-1)?.headers.authorization, undefined);
  });
});
