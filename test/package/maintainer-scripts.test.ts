import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";

const SCRIPTS = path.resolve(import.meta.dirname, "../../deploy/debian");

interface Machine {
  /** Its root. */
  readonly folder: string;
  /** Runs a maintainer's script, as dpkg does; resolves to its exit code. */
  readonly script: (name: string, ...args: readonly string[]) => number | null;
  /** Puts a program in the place of one of the machine's. */
  readonly program: (name: string, text: string) => Promise<void>;
  /** What systemctl was asked for. */
  readonly asked: () => Promise<string>;
}

/** The scripts with all their places in a folder, and a systemctl that only takes notes. */
async function machine(t: TestContext): Promise<Machine> {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-scripts-"));
  t.after(() => rm(folder, { recursive: true }));
  const places = [
    "bin",
    "run/systemd/system",
    "usr/share/debconf",
    "usr/lib/systemd/system",
    "usr/lib/ringfort",
    "var/lib/ringfort",
  ];
  for (const place of places) await mkdir(path.join(folder, place), { recursive: true });
  await writeFile(path.join(folder, "usr/share/debconf/confmodule"), "db_stop() { :; }\n");
  await writeFile(path.join(folder, "usr/lib/systemd/system/ringfort.service"), "");
  await writeFile(path.join(folder, "notes"), "");
  const program = (name: string, text: string): Promise<void> =>
    writeFile(path.join(folder, "bin", name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  await program("systemctl", `echo "$*" >>${folder}/notes`);
  const script = (name: string, ...args: readonly string[]): number | null => {
    const text = readFileSync(path.join(SCRIPTS, name), "utf8")
      .replaceAll(/\/(?=(?:var\/lib|usr\/lib|usr\/share\/debconf|run\/systemd)\/)/g, `${folder}/`)
      .replaceAll("@SCHEMA@", "1");
    const env = { PATH: `${folder}/bin:/usr/bin:/bin` };
    return spawnSync("/bin/sh", ["-s", "-", ...args], { input: text, env, stdio: ["pipe", "ignore", "ignore"] }).status;
  };
  return { folder, script, program, asked: () => readFile(path.join(folder, "notes"), "utf8") };
}

test("an upgrade that cannot keep what was before leaves the daemon running", async (t) => {
  const { folder, script, program, asked } = await machine(t);
  // No room: each copy fails.
  await program("cp", "exit 1");
  assert.notEqual(script("preinst", "upgrade", "0.0.9"), 0);
  // What dpkg calls then: the package of before stays.
  assert.equal(script("postinst", "abort-upgrade", "0.1.0"), 0);
  const [last] = (await asked()).trim().split("\n").toReversed();
  assert.equal(last, "start ringfort.service");
  assert.deepEqual(await readdir(path.join(folder, "var/lib")), ["ringfort"]);
});

test("where not even a folder can be made, nothing was stopped", async (t) => {
  const { script, program, asked } = await machine(t);
  await program("mkdir", "exit 1");
  assert.notEqual(script("preinst", "upgrade", "0.0.9"), 0);
  assert.ok(!(await asked()).includes("stop"));
});
