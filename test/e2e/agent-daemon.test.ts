import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { RECALL_FILE, RECALL_MOUNT } from "../../src/core/model/recall.ts";
import { type AgentMachine, makeMachine } from "../fixtures/agent.ts";
import { makeAgentVendor } from "../fixtures/agent-vendor.ts";
import { startTestDaemon } from "../fixtures/daemon.ts";
import { startHttpVendor } from "../upstream/http-vendor.ts";
import { LiveupdateVendor } from "../upstream/liveupdate-vendor.ts";

const PRODUCT = "definitions";

test("a real mirror: staging first, production after the release, back after a rollback and its recall", async () => {
  const vendor = new LiveupdateVendor();
  const keys = makeAgentVendor();
  const upstream = await startHttpVendor();
  vendor.attach(upstream.files, "/lu/");
  const daemon = await startTestDaemon({ config: { session: { idle: "0s", most: "0s" } } });
  const tree = await mkdtemp(path.join(tmpdir(), "ringfort-recalls-"));
  const machines: Partial<Record<"staging" | "production", AgentMachine>> = {};
  try {
    for (const channel of ["staging", "production"] as const) {
      const hosts = [{ type: "http", address: await daemon.url(channel) }] as const;
      machines[channel] = await makeMachine({
        vendor: { trust: vendor.trust(), recallKey: keys.recallKey },
        hosts,
        channel,
      });
    }
    const run = async (channel: "staging" | "production"): Promise<readonly unknown[]> => {
      const { result } = (await machines[channel]?.result()) ?? {};
      return [result?.result, result?.to, result?.code];
    };
    const move = { source: "liveupdate", channel: "production", revision: null, reason: "test", by: "test" } as const;
    await daemon.addSource(vendor.source("liveupdate", [`${upstream.url}/lu/`]));
    await daemon.sync("liveupdate");
    const [first] = [vendor.sequence(PRODUCT)];
    assert.deepEqual(await run("staging"), ["updated", first, null]);
    assert.equal((await run("production"))[0], "failed", "production shows nothing yet");
    await daemon.must({ verb: "promote", ...move });
    assert.deepEqual(await run("production"), ["updated", first, null]);

    vendor.advance();
    const second = vendor.sequence(PRODUCT);
    await daemon.sync("liveupdate");
    assert.deepEqual(await run("staging"), ["updated", second, null]);
    assert.deepEqual(await run("production"), ["nothing-new", first, null]);
    await daemon.must({ verb: "promote", ...move });
    assert.deepEqual(await run("production"), ["updated", second, null]);

    await daemon.must({ verb: "rollback", ...move });
    assert.deepEqual(await run("production"), ["nothing-new", second, "feed.older-than-held"]);
    await publishRecall(tree, keys, second, first);
    await daemon.addSource({
      name: "ringfort-recalls",
      mount: RECALL_MOUNT,
      feed: { format: "directory", list: { kind: "checksums", file: "SHA256SUMS" } },
      addresses: [pathToFileURL(`${tree}/`).href],
      trust: { kind: "minisign", keys: [keys.recallKey] },
      schedule: "manual",
    });
    await daemon.sync("ringfort-recalls");
    await daemon.must({ verb: "promote", ...move, source: "ringfort-recalls" });
    assert.deepEqual(await run("production"), ["back", first, null]);
    assert.deepEqual(await run("production"), ["nothing-new", first, null]);
    assert.deepEqual(await run("staging"), ["nothing-new", second, null], "staging's clients are not recalled");
    const log = await reports(daemon.data, "production");
    assert.match(log, /\/\.ringfort\/report.*result=back/);
  } finally {
    await daemon.end();
    await upstream.close();
    await rm(tree, { recursive: true, force: true });
    for (const machine of Object.values(machines)) await machine.remove();
  }
});

async function publishRecall(
  tree: string,
  keys: ReturnType<typeof makeAgentVendor>,
  bad: number,
  good: number,
): Promise<void> {
  const files = new Map(
    [...keys.recalls([{ serial: 1, from: bad, until: bad, to: good }])].map(([name, bytes]) => [
      path.basename(name),
      bytes,
    ]),
  );
  const list = [...files]
    .map(([name, bytes]) => `${createHash("sha256").update(bytes).digest("hex")}  ${name}\n`)
    .join("");
  files.set("SHA256SUMS", Buffer.from(list));
  files.set("SHA256SUMS.minisig", keys.minisign(Buffer.from(list), "SHA256SUMS"));
  assert.ok(files.has(RECALL_FILE));
  for (const [name, bytes] of files) await writeFile(path.join(tree, name), bytes);
}

async function reports(data: string, channel: string): Promise<string> {
  const names = (await readdir(data, { recursive: true })).filter(
    (name) => name.includes(channel) && name.endsWith(".log"),
  );
  return (await Promise.all(names.map((name) => readFile(path.join(data, name), "utf8")))).join("");
}

test("two runs at once: the second says that it is busy; a dead run's lock is taken over", async () => {
  const vendor = makeAgentVendor();
  const machine = await makeMachine({ vendor, hosts: [{ type: "http", address: "http://127.0.0.1:9/" }] });
  try {
    await mkdir(machine.state, { recursive: true });
    const lock = path.join(machine.state, "agent.lock");
    const start = (await readFile(`/proc/${process.pid}/stat`, "utf8")).split(") ")[1]?.split(" ")[19];
    await writeFile(lock, `${process.pid} ${start}\n`);
    const busy = await machine.agent("--json");
    assert.deepEqual([busy.code, JSON.parse(busy.stdout).error.code], [4, "store.busy"]);
    // Whoever reads or makes the memory before the lock undoes what the other run has learnt meanwhile.
    await assert.rejects(readFile(path.join(machine.state, "state.json")));
    // The number lives, and another process has it now.
    await writeFile(lock, `${process.pid} 1\n`);
    assert.equal((await machine.result()).result.code, "upstream.unreachable");
    await writeFile(lock, "not ours\n");
    assert.equal((await machine.result()).code, 4);
    await assert.rejects(readFile(lock), "the lock is let go");
  } finally {
    await machine.remove();
  }
});

test("a daemon looks again and again, takes a new host file, and ends on SIGTERM", async () => {
  const vendor = makeAgentVendor();
  vendor.publish(1, [{ name: "a.dat", bytes: Buffer.from("one") }]);
  const mirror = await startHttpVendor();
  for (const [name, body] of vendor.files) mirror.files.set(`/liveupdate/${name}`, { body });
  const config = { every: "100ms", jitter: "20ms" };
  const machine = await makeMachine({ vendor, hosts: [{ type: "http", address: "http://127.0.0.1:9/" }], config });
  const [program, ...args] = machine.argv;
  const child = spawn(program, [...args, "--daemon", "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const until = async (sign: string): Promise<void> => {
    for (const limit = Date.now() + 15_000; !said.includes(sign); ) {
      assert.ok(Date.now() < limit, `${sign} was not said:\n${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  try {
    await until("upstream.unreachable");
    await machine.setHosts([{ type: "http", address: `${mirror.url}/` }]);
    await until('"updated"');
    await until('"nothing-new"');
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await gone, [0, null]);
    assert.equal((await machine.installed())?.sequence, 1);
  } finally {
    child.kill("SIGKILL");
    await mirror.close();
    await machine.remove();
  }
});

test("what is wrong with the configuration is said with its line, and the exit code is 4", async () => {
  const machine = await makeMachine({ vendor: makeAgentVendor(), hosts: [], config: { evrey: "1h" } });
  try {
    const run = await machine.agent();
    assert.equal(run.code, 4);
    assert.match(run.stderr, /agent\.json:1:\d+.*`evrey`.*`every`/);
    const silent = await machine.agent("--silent");
    assert.deepEqual([silent.code, silent.stdout, silent.stderr], [4, "", ""]);
    assert.match((await machine.agent("--help")).stdout, /Exit codes: 0/);
  } finally {
    await machine.remove();
  }
});

test("the agent is a program of its own: nothing of the mirror's is in what it loads", async () => {
  const seen = new Set<string>();
  const walk = async (file: string): Promise<void> => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, name = ""] of (await readFile(file, "utf8")).matchAll(
      /^(?:import|export) (?!type )[^;]*?from "([^"]+)";/gms,
    ))
      if (name.startsWith(".")) await walk(path.resolve(path.dirname(file), name));
      else
        assert.ok(
          ["yaml", "zod", "pkijs", "asn1js"].includes(name) || name.startsWith("node:"),
          `${file} imports ${name}`,
        );
  };
  const source = path.resolve(import.meta.dirname, "../../src");
  await walk(path.join(source, "main/ringfort-agent.ts"));
  const folders = new Set([...seen].map((file) => path.relative(source, file).split(path.sep)[0] ?? ""));
  assert.deepEqual(
    [...folders].toSorted((a, b) => a.localeCompare(b)),
    ["cli", "client", "core", "fetch", "formats", "main"],
  );
  const ofCli = [...seen]
    .filter((file) => file.startsWith(path.join(source, "cli/")))
    .map((file) => path.basename(file));
  assert.ok(!ofCli.includes("program.ts") && ofCli.length <= 6, ofCli.join());
});
