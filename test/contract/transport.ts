import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { Failure } from "../../src/core/kernel/errors.ts";
import { LaneTransports } from "../../src/fetch/run-job.ts";
import type { FetchJob } from "../../src/wire/jobs.ts";
import { fetchJob, type JobParts, patternBytes, runFetch } from "../upstream/run-fetch.ts";

/** An upstream that a transport is tried against. */
export interface TriedUpstream {
  /** Puts a file at a path such as "folder/name.bin". `lastModified`: an HTTP date. */
  put(path: string, body: Uint8Array, lastModified: string): Promise<void>;
  /** The whole address of a path. */
  url(path: string): string;
  readonly network?: Partial<FetchJob["network"]>;
  readonly close: () => Promise<void>;
}

function jobFor(upstream: TriedUpstream, path: string, parts: JobParts = {}): FetchJob {
  return fetchJob(upstream.url(path), { ...parts, network: upstream.network ?? {} });
}

const MONDAY = "Mon, 23 Nov 2026 16:40:00 GMT";
const TUESDAY = "Tue, 24 Nov 2026 16:40:00 GMT";

/** What every transport must do. */
export function transportContract(name: string, start: () => Promise<TriedUpstream>): void {
  describe(`transport contract: ${name}`, () => {
    const started = start();
    after(async () => (await started).close());

    test("brings a whole file, its size and its validators", async () => {
      const upstream = await started;
      const body = patternBytes(1_500_000);
      await upstream.put("whole.bin", body, MONDAY);
      const { end, head, bytes } = await runFetch(jobFor(upstream, "whole.bin"));
      assert.equal(end, "done");
      assert.deepEqual(Buffer.from(bytes), Buffer.from(body));
      assert.equal(head?.offset, 0);
      assert.equal(head?.size, body.length);
      assert.equal(head?.dialect, null);
      assert.equal(head?.validators.lastModified, MONDAY);
    });

    test("brings an empty file", async () => {
      const upstream = await started;
      await upstream.put("empty.bin", new Uint8Array(0), MONDAY);
      const { end, head, bytes } = await runFetch(jobFor(upstream, "empty.bin"));
      assert.deepEqual([end, head?.size, bytes.length], ["done", 0, 0]);
    });

    test("says that a file is missing", async () => {
      const { answer } = await runFetch(jobFor(await started, "missing.bin"));
      assert.equal(answer.kind === "failed" && `${answer.code} ${answer.retry}`, "upstream.not-found never");
    });

    test("does many jobs on one lane, also after a missing file", async () => {
      const upstream = await started;
      const transports = new LaneTransports("Ringfort/test");
      for (let index = 0; index < 20; index++) {
        await upstream.put(`many-${index}.bin`, patternBytes(1_000 + index, index + 1), MONDAY);
      }
      for (let index = 0; index < 20; index++) {
        const missing = await runFetch(jobFor(upstream, "missing.bin"), { transports });
        assert.equal(missing.end, "upstream.not-found");
        const { end, bytes } = await runFetch(jobFor(upstream, `many-${index}.bin`), { transports });
        assert.equal(end, "done");
        assert.deepEqual(Buffer.from(bytes), Buffer.from(patternBytes(1_000 + index, index + 1)));
      }
      transports.close();
    });

    test("resumes where it stopped", async () => {
      const upstream = await started;
      const body = patternBytes(400_000);
      await upstream.put("resumed.bin", body, MONDAY);
      const whole = await runFetch(jobFor(upstream, "resumed.bin"));
      assert.ok(whole.head);
      const resume = { offset: 150_000, validators: whole.head.validators };
      const rest = await runFetch(jobFor(upstream, "resumed.bin", { resume }));
      assert.deepEqual([rest.end, rest.head?.offset, rest.head?.size], ["done", 150_000, 400_000]);
      assert.deepEqual(Buffer.from(rest.bytes), Buffer.from(body.subarray(150_000)));
    });

    test("begins again when the file has changed since", async () => {
      const upstream = await started;
      await upstream.put("moved.bin", patternBytes(300_000, 1), MONDAY);
      const first = await runFetch(jobFor(upstream, "moved.bin"));
      assert.ok(first.head);
      await upstream.put("moved.bin", patternBytes(310_000, 2), TUESDAY);
      const resume = { offset: 100_000, validators: first.head.validators };
      const second = await runFetch(jobFor(upstream, "moved.bin", { resume }));
      assert.deepEqual([second.end, second.head?.offset], ["done", 0]);
      assert.deepEqual(Buffer.from(second.bytes), Buffer.from(patternBytes(310_000, 2)));
    });

    test("brings nothing when nothing has changed, and all when something has", async () => {
      const upstream = await started;
      await upstream.put("asked.bin", patternBytes(5_000, 1), MONDAY);
      const first = await runFetch(jobFor(upstream, "asked.bin"));
      assert.ok(first.head);
      const unless = first.head.validators;
      const second = await runFetch(jobFor(upstream, "asked.bin", { unless }));
      assert.deepEqual([second.end, second.head, second.bytes.length], ["not-modified", null, 0]);
      await upstream.put("asked.bin", patternBytes(6_000, 2), TUESDAY);
      const third = await runFetch(jobFor(upstream, "asked.bin", { unless }));
      assert.deepEqual([third.end, third.bytes.length], ["done", 6_000]);
    });

    test("brings only the first bytes when only they are wanted, whatever the size of the file", async () => {
      const upstream = await started;
      await upstream.put("header.bin", patternBytes(700_000), MONDAY);
      const job = jobFor(upstream, "header.bin", { first: 512, caps: { bytes: 512 } });
      const { end, bytes } = await runFetch(job);
      assert.equal(end, "done");
      assert.deepEqual(Buffer.from(bytes), Buffer.from(patternBytes(700_000).subarray(0, 512)));
    });

    test("brings a file shorter than the first bytes that are wanted", async () => {
      const upstream = await started;
      await upstream.put("short.bin", patternBytes(100), MONDAY);
      await upstream.put("none.bin", new Uint8Array(0), MONDAY);
      const short = await runFetch(jobFor(upstream, "short.bin", { first: 512 }));
      assert.deepEqual([short.end, short.bytes.length], ["done", 100]);
      const none = await runFetch(jobFor(upstream, "none.bin", { first: 512 }));
      assert.deepEqual([none.end, none.bytes.length], ["done", 0]);
    });

    test("takes a file of exactly the cap and refuses one byte more before its body", async () => {
      const upstream = await started;
      await upstream.put("capped.bin", patternBytes(10_000), MONDAY);
      assert.equal((await runFetch(jobFor(upstream, "capped.bin", { caps: { bytes: 10_000 } }))).end, "done");
      const over = await runFetch(jobFor(upstream, "capped.bin", { caps: { bytes: 9_999 } }));
      assert.deepEqual([over.end, over.head, over.bytes.length], ["upstream.over-cap", null, 0]);
    });

    test("waits for a slow reader and never touches bytes that are still on their way", async () => {
      const upstream = await started;
      const body = patternBytes(1_500_000);
      await upstream.put("slowly.bin", body, MONDAY);
      const transports = new LaneTransports("Ringfort/test");
      for (let round = 0; round < 2; round++) {
        const { end, bytes } = await runFetch(jobFor(upstream, "slowly.bin"), { slow: 3, transports });
        assert.equal(end, "done");
        assert.ok(Buffer.from(bytes).equals(Buffer.from(body)), "bytes differ");
      }
      transports.close();
    });

    test("does not blame the upstream for a slow reader", async () => {
      const upstream = await started;
      await upstream.put("blame.bin", patternBytes(600_000), MONDAY);
      const caps = { leastRate: 10_000_000, leastRateWindow: 200 };
      const { end } = await runFetch(jobFor(upstream, "blame.bin", { caps }), { slow: 150, slowPieces: 2 });
      assert.equal(end, "done");
    });

    test("stops when it is cancelled, and the lane takes the next job", async () => {
      const upstream = await started;
      await upstream.put("cancelled.bin", patternBytes(3_000_000), MONDAY);
      const transports = new LaneTransports("Ringfort/test");
      const cancel = new AbortController();
      const stop = (): void => cancel.abort(new Failure("upstream.cut-off", "cancelled", { retry: "later" }));
      const options = { transports, cancel: cancel.signal, slow: 5, onData: stop };
      const stopped = await runFetch(jobFor(upstream, "cancelled.bin"), options);
      assert.equal(stopped.end, "upstream.cut-off");
      const again = await runFetch(jobFor(upstream, "cancelled.bin"), { transports });
      assert.deepEqual([again.end, again.bytes.length], ["done", 3_000_000]);
      transports.close();
    });

    test("takes names with spaces, percent signs and letters of any script", async () => {
      const upstream = await started;
      for (const path of ["a folder/ä b.bin", "100%.bin", "ж.bin"]) {
        await upstream.put(path, patternBytes(77), MONDAY);
        const { end, bytes } = await runFetch(jobFor(upstream, path));
        assert.deepEqual([path, end, bytes.length], [path, "done", 77]);
      }
    });

    test("lists a folder in its dialect", async () => {
      const upstream = await started;
      await upstream.put("listed/one.bin", patternBytes(11), MONDAY);
      await upstream.put("listed/two.bin", patternBytes(22), MONDAY);
      const { end, head, bytes } = await runFetch(jobFor(upstream, "listed/", { list: true }));
      assert.equal(end, "done");
      assert.notEqual(head?.dialect, null);
      const text = Buffer.from(bytes).toString("utf8");
      assert.match(text, /one\.bin/);
      assert.match(text, /two\.bin/);
      const missing = await runFetch(jobFor(upstream, "no-such-folder/", { list: true }));
      assert.equal(missing.end, "upstream.not-found");
    });
  });
}
