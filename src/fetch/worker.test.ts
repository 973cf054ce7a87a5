import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { startFtpVendor } from "../../test/upstream/ftp-vendor.ts";
import { startHttpVendor } from "../../test/upstream/http-vendor.ts";
import { fetchJob, patternBytes } from "../../test/upstream/run-fetch.ts";
import { type FetchAnswer, type FetchJob, fetchAnswer } from "../wire/jobs.ts";
import type { Lane } from "../wire/lane.ts";
import { lanePair } from "../wire/lane-pair.ts";

const app = fileURLToPath(new URL("../..", import.meta.url));
const entry = path.join(app, "src/main/fetch-worker.ts");

/** One lane of a worker, as the daemon holds it. */
class Client {
  lane: Lane | null = null;
  readonly answers: FetchAnswer[] = [];
  bytes: Buffer[] = [];
  #wake: (() => void) | null = null;

  readonly handler = {
    message: (value: unknown): void => {
      this.answers.push(fetchAnswer.parse(value));
      this.#wake?.();
    },
    data: (piece: Uint8Array): void => {
      this.bytes.push(Buffer.from(piece));
    },
  };

  start(job: FetchJob): void {
    this.answers.length = 0;
    this.bytes = [];
    this.lane?.send(job);
  }

  async run(job: FetchJob): Promise<string> {
    this.start(job);
    return await this.closing();
  }

  async closing(): Promise<string> {
    for (;;) {
      const last = this.answers.at(-1);
      if (last !== undefined && last.kind !== "head") return last.kind === "failed" ? last.code : last.kind;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
  }
}

interface Worker {
  readonly clients: readonly Client[];
  readonly exit: Promise<number | null>;
  close(): void;
}

/** The real process, under the permission flags that the daemon gives it. */
async function startWorker(lanes: number, flags: readonly string[]): Promise<Worker> {
  const clients = Array.from({ length: lanes }, () => new Client());
  const pairs = await Promise.all(clients.map(({ handler }) => lanePair(handler)));
  const confined = ["--permission", `--allow-fs-read=${app}`, ...flags, "--disable-warning=ExperimentalWarning"];
  const child = spawn(process.execPath, [...confined, entry, String(lanes), "9.9.9"], {
    env: {},
    cwd: "/",
    stdio: ["ignore", "inherit", "inherit", ...pairs.map(({ theirs }) => theirs)],
  });
  for (const [index, { ours, theirs }] of pairs.entries()) {
    theirs.destroy();
    const client = clients[index];
    if (client !== undefined) client.lane = ours;
    ours.onClose(() => {});
  }
  const { promise: exit, resolve } = Promise.withResolvers<number | null>();
  child.once("exit", resolve);
  return { clients, exit, close: () => pairs.forEach(({ ours }) => ours.close()) };
}

describe("the fetch process, confined", async () => {
  const body = patternBytes(3_000_000);
  const files = new Map([["/a.bin", { body, etag: '"a"' }]]);
  const vendor = await startHttpVendor({ files });
  const ftp = await startFtpVendor({ files: new Map([["a.bin", { body }]]) });
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-worker-"));
  await writeFile(path.join(folder, "a.bin"), body);
  after(async () => {
    await Promise.all([vendor.close(), ftp.close()]);
    await rm(folder, { recursive: true });
  });
  const url = `${vendor.url}/a.bin`;
  const fileUrl = pathToFileURL(path.join(folder, "a.bin")).href;

  const networked = await startWorker(3, ["--allow-net"]);
  const [first, second, third] = networked.clients;
  assert.ok(first && second && third);

  test("does jobs side by side with the network and no files", async () => {
    const ends = await Promise.all([
      first.run(fetchJob(url)),
      second.run(fetchJob(`${ftp.url}/a.bin`)),
      third.run(fetchJob(`${vendor.url}/missing`)),
    ]);
    assert.deepEqual(ends, ["done", "done", "upstream.not-found"]);
    for (const client of [first, second]) assert.ok(Buffer.concat(client.bytes).equals(Buffer.from(body)));
    assert.equal(vendor.requests[0]?.headers["user-agent"], "Ringfort/9.9.9");
    const [head] = first.answers;
    assert.deepEqual(head, {
      kind: "head",
      offset: 0,
      size: body.length,
      validators: { etag: '"a"', lastModified: null },
      finalUrl: url,
      dialect: null,
    });
    assert.equal(await first.run(fetchJob(fileUrl)), "upstream.unreachable");
  });

  test("reads the one folder without the network, and nothing else", async () => {
    const worker = await startWorker(1, [`--allow-fs-read=${folder}`]);
    const [client] = worker.clients;
    assert.ok(client);
    assert.equal(await client.run(fetchJob(fileUrl)), "done");
    assert.ok(Buffer.concat(client.bytes).equals(Buffer.from(body)));
    assert.equal(await client.run(fetchJob(pathToFileURL(`${folder}/`).href, { list: true })), "done");
    assert.match(Buffer.concat(client.bytes).toString(), /^\{"name":"a\.bin","size":3000000,/);
    for (const address of [
      "file:///etc/passwd",
      url,
      "http://vendor.invalid/a",
      `${ftp.url}/a.bin`,
      "https://127.0.0.1/a",
    ]) {
      assert.equal(await client.run(fetchJob(address)), "upstream.unreachable", address);
    }
    worker.close();
    assert.equal(await worker.exit, 0);
  });

  test("stops a job that is cancelled, takes the next, and lets a late cancel pass", async () => {
    vendor.faults.set("/a.bin", { kind: "stall", after: 1_000 });
    first.start(fetchJob(url));
    first.lane?.send({ kind: "cancel" });
    assert.equal(await first.closing(), "upstream.cut-off");
    vendor.faults.clear();
    first.lane?.send({ kind: "cancel" });
    assert.equal(await first.run(fetchJob(url)), "done");
  });

  test("waits when the daemon does not read, and takes no more than the buffers between us hold", async () => {
    const before = vendor.sent();
    const endless = fetchJob(url, { caps: { bytes: 200_000_000 } });
    vendor.faults.set("/a.bin", { kind: "endless", announced: false });
    first.start(endless);
    first.lane?.pause();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const stuck = vendor.sent() - before;
    assert.ok(stuck < 30_000_000, `${stuck} bytes were taken while nobody read`);
    vendor.faults.clear();
    first.lane?.resume();
    first.lane?.send({ kind: "cancel" });
    assert.equal(await first.closing(), "upstream.cut-off");
  });

  test("ends when a lane closes", async () => {
    networked.close();
    assert.equal(await networked.exit, 0);
  });

  test("ends when what comes is no fetch job", async () => {
    const worker = await startWorker(1, ["--allow-net"]);
    worker.clients[0]?.lane?.send({ kind: "fetch", url: "x" });
    assert.equal(await worker.exit, 1);
    worker.close();
  });
});
