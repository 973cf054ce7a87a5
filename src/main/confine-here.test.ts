import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { needsKernelWalls } from "../../test/confinement/run.ts";
import { LEAST_ABI } from "../confine/landlock.ts";
import type { Level } from "../daemon/jails.ts";
import { ROLES } from "../daemon/roles.ts";
import { confineHere } from "./confine-here.ts";

const LAUNCHER = fileURLToPath(new URL("launch.ts", import.meta.url));
const skip = needsKernelWalls();

/** Runs a command through the launcher. `descriptors` that are not there make a step of it fail. */
function launched(landlock: number, descriptors: number, script: string, writes: readonly string[] = []) {
  const policy = { reads: ["/"], writes, sockets: "none", descriptors };
  const quiet = "--disable-warning=ExperimentalWarning";
  const command = [process.execPath, quiet, "--input-type=module", "-e", script];
  const args = [quiet, LAUNCHER, JSON.stringify(policy), String(landlock), ...command];
  return spawnSync(process.execPath, args, { encoding: "utf8", env: {}, cwd: "/" });
}

const REPORT = `
  const { confineHere } = await import(${JSON.stringify(new URL("confine-here.ts", import.meta.url).href)});
  const at = (least) => confineHere({ data: "/d", confinement: { least, roles: "/nowhere" } });
  try { at("kernel"); } catch (error) { console.log(error.code); }
  console.log(at("flags").level);`;

test("where the kernel gives its walls they are taken; users of their own only where systemd listens for every role", {
  skip,
}, async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-roles-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const at = (least: Level, roles = folder, data = folder) => confineHere({ data, confinement: { least, roles } });
  assert.equal(at("kernel").level, "kernel");
  for (const role of Object.keys(ROLES).slice(1)) await writeFile(path.join(folder, `${role}.sock`), "");
  assert.equal(at("kernel").level, "kernel");
  assert.throws(() => at("users"), { code: "confinement.too-weak" });
  await writeFile(path.join(folder, "fetch.sock"), "");
  assert.equal(at("users").level, "users");
  // The package's units know their one data folder.
  assert.throws(() => at("users", "/run/ringfort/roles"), { code: "confinement.too-weak" });
});

test("where it does not, that is said, and a start below the least is refused", { skip }, () => {
  // A process under a filter of ours is refused Landlock and another filter: to it this kernel has neither.
  const { stdout, stderr } = launched(0, 3, REPORT);
  assert.deepEqual(stdout.split("\n"), ["confinement.too-weak", "flags", ""], stderr);
});

test("under the least Landlock, too, who may write in one folder cuts no file short in another", {
  skip,
}, async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-short-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [read, own] = [path.join(folder, "read"), path.join(folder, "own")];
  await mkdir(own);
  await writeFile(read, "whole");
  await writeFile(path.join(own, "file"), "whole");
  const script = `
    import { constants, openSync, readFileSync } from "node:fs";
    const { O_RDONLY, O_RDWR, O_TRUNC } = constants;
    for (const [file, flags] of [["read", O_RDONLY | O_TRUNC], ["read", O_RDWR | O_TRUNC], ["own/file", O_RDWR | O_TRUNC]])
      try { openSync(${JSON.stringify(folder)} + "/" + file, flags); console.log("cut"); } catch (error) { console.log(error.code); }`;
  assert.equal(launched(LEAST_ABI, 3, script, [own]).stdout, "EPERM\nEACCES\ncut\n");
  assert.equal(await readFile(read, "utf8"), "whole");
});

test("a launcher of which one step fails runs nothing", { skip }, () => {
  assert.equal(launched(7, 3, "console.log('ran')").stdout, "ran\n");
  const { status, stdout } = launched(7, 64, "console.log('ran')");
  assert.deepEqual([status, stdout], [71, ""]);
});
