import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { startHttpVendor } from "../upstream/http-vendor.ts";
import { fetchJob, patternBytes, runFetch } from "../upstream/run-fetch.ts";

/** Threat: two versions of a file glued into one, by a truncation and a change between two tries. */
describe("attack: a file that changes under a resume", async () => {
  const vendor = await startHttpVendor();
  const url = `${vendor.url}/a.bin`;
  const body = patternBytes(100_000);
  const resume = { offset: 40_000, validators: { etag: '"one"', lastModified: null } };
  after(() => vendor.close());

  /** A server that answers the resume with these bytes, whatever was asked. */
  async function answering(head: string, tail = "x".repeat(10), job = fetchJob(url, { resume })): Promise<string> {
    vendor.faults.set("/a.bin", { kind: "raw", bytes: `${head.trimStart().replaceAll("\n", "\r\n")}\r\n\r\n${tail}` });
    const { end } = await runFetch(job);
    vendor.faults.clear();
    return end;
  }

  test("a changed tag makes an honest server begin again", async () => {
    vendor.files.set("/a.bin", { body, etag: '"two"' });
    const { end, head, bytes } = await runFetch(fetchJob(url, { resume }));
    assert.deepEqual([end, head?.offset, bytes.length], ["done", 0, 100_000]);
  });

  test("content that changes at every request never comes together from parts", async () => {
    vendor.files.set("/a.bin", { body });
    vendor.faults.set("/a.bin", { kind: "changing" });
    const first = await runFetch(fetchJob(url));
    assert.ok(first.head);
    const second = await runFetch(fetchJob(url, { resume: { offset: 10, validators: first.head.validators } }));
    vendor.faults.clear();
    assert.deepEqual([second.end, second.head?.offset], ["done", 0]);
    assert.notEqual(second.bytes[0], first.bytes[0]);
  });

  test("a file that has become shorter than what is held has changed", async () => {
    vendor.files.set("/a.bin", { body: body.subarray(0, 30_000), etag: '"one"' });
    const { answer } = await runFetch(fetchJob(url, { resume }));
    assert.equal(answer.kind === "failed" && `${answer.code} ${answer.retry}`, "upstream.changed later");
  });

  test("a part with another tag has changed", async () => {
    const end = await answering(`
HTTP/1.1 206 Part
ETag: "two"
Content-Length: 10
Content-Range: bytes 40000-40009/40010`);
    assert.equal(end, "upstream.changed");
  });

  test("a part from another place, or without one, is malformed", async () => {
    for (const range of [
      "bytes 0-9/10",
      "bytes 39999-40009/40010",
      "bytes 40000-40008/40010",
      "bytes */40010",
      "40000-",
    ]) {
      const end = await answering(`HTTP/1.1 206 Part\nETag: "one"\nContent-Range: ${range}\nContent-Length: 10`);
      assert.equal(end, "upstream.malformed", range);
    }
    assert.equal(await answering("HTTP/1.1 206 Part\nContent-Length: 10"), "upstream.malformed");
  });

  test("a part of another length than its range is malformed or cut off", async () => {
    const range = "Content-Range: bytes 40000-40009/40010";
    assert.equal(
      await answering(`HTTP/1.1 206 Part\n${range}\nContent-Length: 11`, "x".repeat(11)),
      "upstream.malformed",
    );
    assert.equal(await answering(`HTTP/1.1 206 Part\n${range}`, "x".repeat(11)), "upstream.malformed");
    assert.equal(await answering(`HTTP/1.1 206 Part\n${range}`, "x".repeat(9)), "upstream.cut-off");
    assert.equal(await answering(`HTTP/1.1 206 Part\n${range}`, "x".repeat(10)), "done");
  });

  test("a part that nobody asked for is malformed", async () => {
    const head = "HTTP/1.1 206 Part\nContent-Range: bytes 0-9/10\nContent-Length: 10";
    assert.equal(await answering(head, "x".repeat(10), fetchJob(url)), "upstream.malformed");
  });

  test("a weak tag alone is no ground to resume on", async () => {
    vendor.files.set("/a.bin", { body, etag: 'W/"one"' });
    const weak = { offset: 40_000, validators: { etag: 'W/"one"', lastModified: null } };
    const { end, head } = await runFetch(fetchJob(url, { resume: weak }));
    assert.deepEqual([end, head?.offset], ["done", 0]);
    assert.equal(vendor.requests.at(-1)?.headers.range, undefined);
  });
});
