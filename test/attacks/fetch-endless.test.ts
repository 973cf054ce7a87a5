import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { startFtpVendor } from "../upstream/ftp-vendor.ts";
import { type HttpFault, startHttpVendor } from "../upstream/http-vendor.ts";
import { fetchJob, patternBytes, runFetch } from "../upstream/run-fetch.ts";

/** Threat: an upstream, or who poses as one, sends without end, or more than it announced, or hardly anything. */
describe("attack: bodies that do not end", async () => {
  const vendor = await startHttpVendor();
  const url = `${vendor.url}/a.bin`;
  const body = patternBytes(100_000);
  after(() => vendor.close());

  async function under(fault: HttpFault, job = fetchJob(url)): ReturnType<typeof runFetch> {
    vendor.files.set("/a.bin", { body, etag: '"a"' });
    vendor.faults.clear();
    vendor.faults.set("/a.bin", fault);
    return await runFetch(job);
  }

  test("an endless chunked body stops at the cap", async () => {
    const before = vendor.sent();
    const { end, bytes } = await under(
      { kind: "endless", announced: false },
      fetchJob(url, { caps: { bytes: 3_000_000 } }),
    );
    assert.equal(end, "upstream.over-cap");
    assert.ok(bytes.length <= 3_000_000, `${bytes.length} bytes came through`);
    assert.ok(bytes.length >= 3_000_000 - 256 * 1024, "the cap was not used");
    // What the network's own buffers swallow comes on top of what we have read.
    assert.ok(vendor.sent() - before < 3_000_000 + 16 * 1024 * 1024, "the vendor was heard for long after");
  });

  test("an endless body that announces a petabyte is not even begun", async () => {
    const { end, head, bytes } = await under({ kind: "endless", announced: true });
    assert.deepEqual([end, head, bytes.length], ["upstream.over-cap", null, 0]);
  });

  test("the first bytes of an endless body are all that is read of it", async () => {
    const { end, bytes } = await under({ kind: "endless", announced: false }, fetchJob(url, { first: 512 }));
    assert.deepEqual([end, bytes.length], ["done", 512]);
  });

  test("a resumed body counts against the cap from where it began", async () => {
    const resume = { offset: 60_000, validators: { etag: '"a"', lastModified: null } };
    const job = fetchJob(url, { resume, caps: { bytes: 99_999 } });
    assert.equal((await under({ kind: "drip", bytes: 50_000, every: 0 }, job)).end, "upstream.over-cap");
  });

  test("a length that promises more than comes is a cut-off", async () => {
    const { answer } = await under({ kind: "lying-length", says: 100_001 });
    assert.equal(answer.kind === "failed" && `${answer.code} ${answer.retry}`, "upstream.cut-off later");
  });

  test("what comes after a length that promised less is never taken for the next answer", async () => {
    const hidden = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL";
    const shown = `HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nGOOD${hidden}`;
    const { LaneTransports } = await import("../../src/fetch/run-job.ts");
    const transports = new LaneTransports("Ringfort/test");
    vendor.files.set("/b.bin", { body: Buffer.from("TRUE") });
    vendor.faults.set("/a.bin", { kind: "raw", bytes: shown, open: true });
    const first = await runFetch(fetchJob(url), { transports });
    assert.deepEqual([first.end, Buffer.from(first.bytes).toString()], ["done", "GOOD"]);
    const second = await runFetch(fetchJob(`${vendor.url}/b.bin`), { transports });
    assert.deepEqual([second.end, Buffer.from(second.bytes).toString()], ["done", "TRUE"]);
    transports.close();
  });

  test("a connection cut in the middle is a cut-off", async () => {
    const { end, bytes } = await under({ kind: "cut", after: 50_000 });
    assert.deepEqual([end, bytes.length], ["upstream.cut-off", 50_000]);
  });

  test("a slow drip is left", async () => {
    const caps = { leastRate: 10_000, leastRateWindow: 200 };
    const { answer } = await under({ kind: "drip", bytes: 10, every: 10 }, fetchJob(url, { caps }));
    assert.equal(answer.kind === "failed" && `${answer.code} ${answer.retry}`, "upstream.stalled later");
  });

  test("a fast start does not buy time for a drip", async () => {
    const caps = { leastRate: 50_000, leastRateWindow: 200 };
    const { end } = await under({ kind: "stall", after: 90_000 }, fetchJob(url, { caps }));
    assert.equal(end, "upstream.stalled");
  });

  test("a drip fast enough for the rate meets the wall time", async () => {
    const { end } = await under({ kind: "drip", bytes: 1_000, every: 20 }, fetchJob(url, { caps: { wallTime: 300 } }));
    assert.equal(end, "upstream.timeout");
  });

  test("a server that accepts and says nothing is left", async () => {
    const { end } = await under({ kind: "stall", after: -1 }, fetchJob(url, { caps: { leastRateWindow: 150 } }));
    assert.equal(end, "upstream.timeout");
  });

  test("a connection that ends without an answer is a cut-off", async () => {
    assert.equal((await under({ kind: "drop" })).end, "upstream.cut-off");
  });

  test("an endless RETR stops at the cap", async () => {
    const ftp = await startFtpVendor({ files: new Map([["a.bin", { body }]]), faults: { endless: true } });
    const job = fetchJob(`${ftp.url}/a.bin`, { caps: { bytes: 3_000_000 } });
    const { end, bytes } = await runFetch(job);
    await ftp.close();
    assert.equal(end, "upstream.over-cap");
    assert.equal(bytes.length, 3_000_000);
  });
});
