import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { startTestDaemon } from "../fixtures/daemon.ts";
import { addFolderSource } from "../fixtures/mirrored-file.ts";

const ringfortd = path.resolve(import.meta.dirname, "../../src/main/ringfortd.ts");

test("a run of the mirror stands in the system log", async (t) => {
  const receiver = createSocket("udp4").bind(0, "127.0.0.1");
  t.after(() => receiver.close());
  await once(receiver, "listening");
  const came: string[] = [];
  receiver.on("message", (message) => came.push(message.toString("utf8")));
  const address = `udp://127.0.0.1:${receiver.address().port}`;
  const daemon = await startTestDaemon({ config: { systemLog: { to: "syslog", address, facility: "local0" } } });
  t.after(() => daemon.end());
  await addFolderSource(daemon, "a");
  await daemon.sync("files");
  await daemon.stop();
  for (let tries = 0; tries < 100 && !came.some((text) => text.includes(" daemon.stopped ")); tries += 1)
    await wait(50);
  const named = came.map((text) => / ringfortd \d+ (\S+) /.exec(text)?.[1]);
  for (const name of ["daemon.started", "sync.ended", "channel.moved", "daemon.stopped"])
    assert.equal(named.filter((each) => each === name).length, 1, `${name} in ${named.join(" ")}`);
  assert.ok(!named.includes("sync.started"), "not everything is sent");
  // local0.notice: 16 * 8 + 5
  assert.match(came.find((text) => text.includes(" sync.ended ")) ?? "", /^<133>1 .* outcome="new-revision"/);
});

/** Runs the daemon with standard error in a file until that, or its socket, shows that it is up; then stops it. */
async function standardError(t: TestContext, to: string, journal: boolean): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-journal-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const config = path.join(folder, "ringfort.yaml");
  const channels = { staging: { listen: "127.0.0.1:0" } };
  await writeFile(config, JSON.stringify({ data: path.join(folder, "data"), channels, systemLog: { to } }));
  const file = path.join(folder, "stderr");
  const fd = openSync(file, "a");
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const env = { ...process.env, TMPDIR: folder, JOURNAL_STREAM: journal ? `${dev}:${ino}` : `${dev}:1` };
  const child: ChildProcess = spawn(process.execPath, [ringfortd, "--config", config], {
    stdio: ["ignore", "ignore", fd],
    env,
  });
  closeSync(fd);
  const gone = once(child, "exit");
  const log = path.join(folder, "data", "logs", "events.log");
  for (let tries = 0; tries < 400 && !textOf(log).includes("daemon.started"); tries += 1) await wait(50);
  child.kill("SIGTERM");
  await gone;
  return readFileSync(file, "utf8");
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

test("under the journal each line says how much it weighs; elsewhere none does, and off is silent", async (t) => {
  assert.match(await standardError(t, "stderr", true), /^<5>\{"at":"[^"]+","event":"daemon\.started"/m);
  assert.match(await standardError(t, "stderr", false), /^\{"at":"[^"]+","event":"daemon\.started"/m);
  assert.equal(await standardError(t, "off", false), "");
});
