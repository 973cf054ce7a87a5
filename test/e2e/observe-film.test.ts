import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { readFilm } from "../../src/core/observed/film.ts";
import { needsKernelWalls } from "../confinement/run.ts";
import { run } from "../fixtures/daemon.ts";
import { lastingFolder } from "../fixtures/lasting-folder.ts";
import { needs, needsFile, needsProgram } from "../fixtures/needs.ts";

const RINGFORT = path.join(import.meta.dirname, "../../src/main/ringfort.ts");
const TRACED = needs(needsProgram("strace", "strace"), needsFile("/bin/bash", "bash"));

interface Place {
  readonly folder: string;
  /** `ringfort observe` in it: the exit code, and what --json printed. */
  readonly observe: (...args: readonly string[]) => Promise<{ readonly code: number | null; readonly told: Told }>;
}
interface Told {
  readonly acts: readonly { readonly did: Readonly<Record<string, unknown>>; readonly failed: string | null }[];
  readonly refused: readonly { readonly did: Readonly<Record<string, unknown>>; readonly why: string }[];
  readonly exit: number | null;
  readonly by: string;
  readonly unit: string;
  readonly error: { readonly code: string };
}

async function place(t: TestContext): Promise<Place> {
  const folder = await lastingFolder(t);
  await mkdir(path.join(folder, "in"));
  await mkdir(path.join(folder, "out"));
  await mkdir(path.join(folder, "elsewhere"));
  await writeFile(path.join(folder, "in/data"), "content\n");
  await writeFile(path.join(folder, "secret"), "secret\n");
  return {
    folder,
    observe: async (...args) => {
      const { code, stdout } = await run(process.execPath, [RINGFORT, "--json", "observe", ...args], { cwd: folder });
      return { code, told: JSON.parse(stdout) as Told };
    },
  };
}

test("a film holds what a command and its children did, under names that hold anything, and ends when told", {
  skip: TRACED,
}, async (t) => {
  const { folder, observe } = await place(t);
  const odd = path.join(folder, "out", 'a\n"]}) = 3 <é>\\');
  const file = path.join(folder, "a.film");
  const { code, told } = await observe(
    "--film",
    "--output",
    file,
    "--",
    "/bin/bash",
    "-c",
    'cat in/data > "$1"; cat nowhere; exit 3',
    "x",
    odd,
  );
  assert.equal(code, 0);
  const did = (act: string, name: string) =>
    told.acts.filter((each) => each.did["act"] === act && each.did["path"] === name);
  assert.equal(did("make", odd.replaceAll("\\", "\\x5c")).length, 1);
  assert.ok(did("read", path.join(folder, "in/data")).some(({ failed }) => failed === null));
  assert.ok(did("read", path.join(folder, "nowhere")).some(({ failed }) => failed === "ENOENT"));
  assert.ok(told.acts.some(({ did: { act, path: program } }) => act === "execute" && String(program).endsWith("/cat")));
  const kept = readFilm(await readFile(file, "utf8"));
  assert.ok(
    typeof kept !== "string" && kept.broken === 0 && kept.unread === 0 && kept.acts.length === told.acts.length,
  );

  const began = Date.now();
  const stopped = await observe("--film", "300ms", "--", "/bin/sleep", "600");
  assert.equal(stopped.code, 0);
  assert.ok(Date.now() - began < 60_000, "it was told to end");
});

test("processes that run are filmed with the children that they have, and go on when that ends", {
  skip: TRACED,
}, async (t) => {
  const { folder, observe } = await place(t);
  // Its child does the work: strace alone would follow only children that are still to come.
  const script = "while :; do cat in/data >/dev/null; sleep 0.05; done & wait";
  const running = spawn("/bin/bash", ["-c", script], { cwd: folder, stdio: "ignore", detached: true });
  t.after(() => process.kill(-(running.pid ?? 0), "SIGKILL"));
  await once(running, "spawn");
  const { code, told } = await observe("--film", "1s", "--pid", String(running.pid));
  assert.equal(code, 0);
  assert.ok(told.acts.some(({ did }) => did["act"] === "read" && did["path"] === path.join(folder, "in/data")));
  assert.equal(running.exitCode, null);
  assert.equal(running.signalCode, null);
});

test("without a trace a film is made by looking again and again, and says so", {
  skip: process.platform !== "linux",
}, async (t) => {
  const { folder, observe } = await place(t);
  const { told } = await observe("--film", "--poll", "20ms", "--", "/bin/sh", "-c", "exec 3> out/held; sleep 0.4");
  assert.ok(told.acts.some(({ did }) => did["act"] === "write" && did["path"] === path.join(folder, "out/held")));
  assert.ok(JSON.stringify(told).includes('"method":"poll"'));
});

test("a profile lets through what the film shows, and refuses what was not in it", {
  skip: needs(TRACED, needsKernelWalls()),
}, async (t) => {
  const { folder, observe } = await place(t);
  const server = createServer((socket) => socket.end()).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const work = "cat in/data > out/copy";
  const file = path.join(folder, "a.film");
  await observe("--film", "--output", file, "--", "/bin/bash", "-c", work);
  await rm(path.join(folder, "out/copy"));

  const good = await observe("--profile", file, "--try", "--", "/bin/bash", "-c", work);
  assert.deepEqual(good.told.refused, []);
  assert.equal(good.code, 0);
  assert.equal(good.told.exit, 0);
  assert.equal(await readFile(path.join(folder, "out/copy"), "utf8"), "content\n");

  const deviations = [
    work,
    `read -r line < ${folder}/secret && echo "$line" > out/stolen`,
    "echo x > elsewhere/file",
    `exec 3<>/dev/tcp/127.0.0.1/${address.port} && echo x > out/connected`,
    "/usr/bin/id > out/ran",
    "true",
  ];
  const bad = await observe("--profile", file, "--try", "--", "/bin/bash", "-c", deviations.join("; "));
  assert.equal(bad.code, 3);
  const refused = bad.told.refused.map(
    ({ did, why }) => `${why} ${String(did["act"])} ${String(did["path"] ?? did["name"] ?? did["address"])}`,
  );
  for (const wanted of [
    `new read ${folder}/secret`,
    `new make ${folder}/elsewhere/file`,
    "new socket AF_INET",
    "new execute /usr/bin/id",
  ])
    assert.ok(refused.includes(wanted), `${wanted} is among ${refused.join(", ")}`);
  for (const name of ["out/stolen", "out/connected", "elsewhere/file"])
    await assert.rejects(readFile(path.join(folder, name)), { code: "ENOENT" });
});

test("what is no film is refused, and a command that is not there", { skip: TRACED }, async (t) => {
  const { folder, observe } = await place(t);
  const { code, told } = await observe("--profile", path.join(folder, "in/data"));
  assert.equal(code, 1);
  assert.equal(told.error.code, "film.unreadable");
  assert.equal((await observe("--film", "--", "/nowhere/at/all")).told.error.code, "film.failed");
  const kept = path.join(folder, "in/data");
  const asked = await observe("--film", "--pid", "4194304", "--output", kept);
  assert.equal(asked.told.error.code, "process.unknown");
  assert.equal(await readFile(kept, "utf8"), "content\n", "a film that was there is");
});
