import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { makeMinisignVendor, signMinisign } from "../../test/upstream/signing.ts";
import { type InspectAnswer, type InspectRequest, inspectAnswer, type QuarantinedFile } from "../wire/jobs.ts";
import { Lane } from "../wire/lane.ts";

const app = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const minisign = makeMinisignVendor();
const list = Buffer.from(`${"a".repeat(64)}  a.zip\n`);
let folder: string;
let quarantine: string;
let blobs: string;

/** The flags that the daemon starts it with. */
const jailed = (): readonly string[] => [
  "--permission",
  `--allow-fs-read=${app}`,
  `--allow-fs-read=${quarantine}`,
  `--allow-fs-read=${blobs}`,
];

before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "inspect-"));
  quarantine = path.join(folder, "quarantine");
  blobs = path.join(folder, "blobs");
  mkdirSync(quarantine);
  mkdirSync(blobs);
  writeFileSync(path.join(folder, "outside"), "secret");
});
after(() => rmSync(folder, { recursive: true }));

/** A worker process with one lane, as the daemon sees it. */
class Worker implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly #lane: Lane;
  readonly #answers: unknown[] = [];
  #wake: () => void = () => {};
  closed = false;

  private constructor(process: ChildProcess, lane: (handler: Parameters<typeof Lane.connect>[1]) => Lane) {
    this.process = process;
    this.#lane = lane({
      message: (value) => {
        this.#answers.push(value);
        this.#wake();
      },
      data: () => {},
    });
    this.#lane.onClose(() => {
      this.closed = true;
      this.#wake();
    });
  }

  static async start(): Promise<Worker> {
    const socketPath = path.join(folder, `lane-${process.hrtime.bigint()}`);
    const server = net.createServer({ pauseOnConnect: true }).listen(socketPath);
    await once(server, "listening");
    const accepted = new Promise<net.Socket>((resolve) => server.once("connection", resolve));
    let forward: Parameters<typeof Lane.connect>[1] = { message: () => {}, data: () => {} };
    const lane = await Lane.connect(socketPath, {
      message: (value) => forward.message(value),
      data: (piece) => forward.data(piece),
    });
    const socket = await accepted;
    const child = spawn(
      process.execPath,
      [...jailed(), path.join(app, "src/main/inspect-worker.ts"), "1", quarantine, blobs],
      { stdio: ["ignore", "ignore", "pipe", socket] },
    );
    // The child has its own copy of the descriptor; ours would keep the lane open behind its back.
    socket.destroy();
    server.close();
    return new Worker(child, (handler) => {
      forward = handler;
      return lane;
    });
  }

  async ask(request: InspectRequest): Promise<InspectAnswer> {
    this.#lane.send(request);
    return inspectAnswer.parse(await this.next());
  }

  send(message: unknown): void {
    this.#lane.send(message);
  }

  close(): void {
    this.#lane.close();
  }

  async next(): Promise<unknown> {
    while (this.#answers.length === 0) {
      if (this.closed) throw new Error("the lane is closed");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#answers.shift();
  }

  /** Its exit code, once the lane is closed. */
  async exit(): Promise<number | null> {
    this.#lane.close();
    if (this.process.exitCode === null) await once(this.process, "exit");
    return this.process.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.exit();
  }
}

function lay(
  feedPath: string,
  bytes: Uint8Array | string,
  file = `${Math.abs(Buffer.from(feedPath).readInt8())}-${feedPath.length}.part`,
): QuarantinedFile {
  writeFileSync(path.join(quarantine, file), bytes);
  return { path: feedPath, file, size: bytes.length, partial: false, dialect: null, lastModified: null, absent: false };
}

const readFeed = (
  files: QuarantinedFile[],
  feedList: object = { kind: "checksums", file: "SHA256SUMS" },
  trust: unknown = { kind: "minisign", keys: [minisign.publicKey] },
): InspectRequest => ({
  kind: "read-feed",
  feed: { format: "directory", list: feedList },
  trust,
  now: Date.UTC(2026, 10, 1),
  files,
});

test("a jailed process reads a signed feed over its lane, round by round, and ends with its lane", {
  timeout: 20_000,
}, async () => {
  await using worker = await Worker.start();
  const first = await worker.ask(readFeed([]));
  assert.deepEqual(first.kind === "needs" ? first.files.map((file) => file.path) : first, [
    "SHA256SUMS",
    "SHA256SUMS.minisig",
  ]);
  const signature = signMinisign(minisign, list, { signedAt: Date.UTC(2026, 9, 1) });
  const second = await worker.ask(readFeed([lay("SHA256SUMS", list), lay("SHA256SUMS.minisig", signature)]));
  assert.equal(second.kind, "listing");
  if (second.kind === "listing") {
    assert.deepEqual(
      second.listing.artifacts.map((artifact) => artifact.path),
      ["a.zip", "SHA256SUMS", "SHA256SUMS.minisig"],
    );
    assert.equal(second.findings.signatures[0]?.status, "good");
  }
  assert.equal(await worker.exit(), 0);
});

test("a breakage of the world, and a listing that fits into no message, are answered, and the worker goes on", {
  timeout: 20_000,
}, async () => {
  await using worker = await Worker.start();
  const missing = { ...lay("SHA256SUMS", list), file: "gone.part" };
  const failed = async (request: InspectRequest) => {
    const answer = await worker.ask(request);
    return answer.kind === "failed" ? answer.code : answer.kind;
  };
  assert.equal(await failed(readFeed([missing], undefined, { kind: "none" })), "store.io");
  assert.equal(await failed(readFeed([], undefined, { kind: "minisign", keys: ["nonsense"] })), "source.invalid");
  assert.equal(
    await failed(
      readFeed([lay("SHA256SUMS", list)], undefined, { kind: "openpgp", keys: ["nonsense"], signature: "x" }),
    ),
    "needs",
  );
  assert.equal(
    await failed(
      readFeed([lay("SHA256SUMS", list), { ...lay("x", "y") }], undefined, {
        kind: "openpgp",
        keys: ["nonsense"],
        signature: "x",
      }),
    ),
    "source.invalid",
  );
  assert.equal(
    await failed(readFeed([{ ...lay("SHA256SUMS", list), file: "../outside" }], undefined, { kind: "none" })),
    "worker.protocol",
  );
  // A control character is three bytes on the page and six in JSON.
  const page = Array.from({ length: 12_000 }, (_, at) => `<a href="${at}${"%01".repeat(1_000)}">`).join("");
  const answer = await worker.ask(
    readFeed([{ ...lay("", page, "page.part"), dialect: "html" }], { kind: "listing" }, { kind: "none" }),
  );
  assert.equal(answer.kind, "listing");
  if (answer.kind === "listing") assert.match(answer.findings.malformed ?? "", /too many files for one message: 12000/);
  assert.equal(await failed(readFeed([])), "needs");
});

test("a message that is no job closes the lane, and the worker ends", { timeout: 20_000 }, async () => {
  await using worker = await Worker.start();
  worker.send({ ...readFeed([]), more: 1 });
  await assert.rejects(worker.next());
  assert.equal(await worker.exit(), 0);
});

test("a bug ends the process: it is neither caught nor answered", { timeout: 20_000 }, async () => {
  await using worker = await Worker.start();
  const artifact = {
    path: "a.zip",
    size: null,
    digests: {},
    series: null,
    version: null,
    optional: false,
    immutable: false,
    companion: null,
    inspect: true,
  };
  worker.send({
    ...readFeed([]),
    kind: "inspect-artifact",
    files: undefined,
    artifact,
    file: lay("a.zip", "x"),
    companion: null,
    caps: { expandedBytes: 1 },
  });
  await assert.rejects(worker.next());
  assert.notEqual(await worker.exit(), 0);
});

test("its jail: nothing outside is read, nothing is written, no connection is made, no process started", () => {
  const attempts: Readonly<Record<string, string>> = {
    "reading outside": `fs.readFileSync(${JSON.stringify(path.join(folder, "outside"))})`,
    "writing into the quarantine": `fs.writeFileSync(${JSON.stringify(path.join(quarantine, "new"))}, "x")`,
    "writing into the program": `fs.writeFileSync(${JSON.stringify(path.join(app, "new"))}, "x")`,
    "a connection": `await new Promise((_, reject) => net.connect(1, "127.0.0.1").on("error", reject))`,
    "a listening socket": `await new Promise((resolve, reject) => net.createServer().on("error", reject).listen(0, "127.0.0.1", resolve))`,
    "a process": `child.execFileSync("true")`,
  };
  for (const [name, attempt] of Object.entries(attempts)) {
    const program = `import fs from "node:fs"; import net from "node:net"; import child from "node:child_process";
      const end = (word) => { console.log(word); process.exit() };
      process.on("uncaughtException", (cause) => end(cause.code));
      try { ${attempt}; end("done") } catch (cause) { end(cause.code) }`;
    const { stdout } = spawnSync(process.execPath, [...jailed(), "--input-type=module", "--eval", program], {
      encoding: "utf8",
    });
    assert.equal(stdout.trim(), "ERR_ACCESS_DENIED", name);
  }
});

test("it says what a blob means, opened by its digest alone", async () => {
  const rules = Buffer.from('alert tcp any any -> any any (msg:"one"; sid:1; rev:2;)\n');
  const sha256 = createHash("sha256").update(rules).digest("hex");
  mkdirSync(path.join(blobs, "sha256", sha256.slice(0, 2)), { recursive: true });
  writeFileSync(path.join(blobs, "sha256", sha256.slice(0, 2), sha256), rules);
  await using worker = await Worker.start();
  const job = { kind: "summarize", summary: "suricata", path: "a.rules", caps: { expandedBytes: 1_000_000 } } as const;
  const answer = await worker.ask({ ...job, sha256, size: rules.length });
  assert.ok(answer.kind === "summary");
  assert.deepEqual(
    answer.summary.items.map(([name]) => name),
    ["1"],
  );
  const missing = await worker.ask({ ...job, sha256: "0".repeat(64), size: 1 });
  assert.ok(missing.kind === "failed" && missing.code === "store.io");
});
