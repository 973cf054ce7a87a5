import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { needsKernelWalls } from "../../test/confinement/run.ts";
import { confineHere } from "./confine-here.ts";

const LAUNCHER = fileURLToPath(new URL("launch.ts", import.meta.url));
const skip = needsKernelWalls();

/** Runs a command through the launcher. `descriptors` that are not there make a step of it fail. */
function launched(landlock: number, descriptors: number, script: string) {
  const policy = { reads: ["/"], writes: [], sockets: "none", descriptors };
  const quiet = "--disable-warning=ExperimentalWarning";
  const command = [process.execPath, quiet, "--input-type=module", "-e", script];
  const args = [quiet, LAUNCHER, JSON.stringify(policy), String(landlock), ...command];
  return spawnSync(process.execPath, args, { encoding: "utf8", env: {}, cwd: "/" });
}

const REPORT = `
  const { confineHere } = await import(${JSON.stringify(new URL("confine-here.ts", import.meta.url).href)});
  try { confineHere("kernel", "x"); } catch (error) { console.log(error.code); }
  console.log(confineHere("flags", "x").level);`;

test("where the kernel gives its walls they are taken", { skip }, () => {
  const { level, confine, levelOf } = confineHere("kernel", LAUNCHER);
  assert.equal(level, "kernel");
  const jail = { role: "r", program: ["/a"], reads: [], network: "none" } as const;
  assert.ok(confine(jail, ["node", "x.ts"], 4).includes(LAUNCHER));
  // This process is under no filter, and is not said to be.
  assert.equal(levelOf(process.pid), "flags");
});

test("where it does not, that is said, and a start below the least is refused", { skip }, () => {
  // A process under a filter of ours is refused Landlock and another filter: to it this kernel has neither.
  const { stdout, stderr } = launched(0, 3, REPORT);
  assert.deepEqual(stdout.split("\n"), ["confinement.too-weak", "flags", ""], stderr);
});

test("a launcher of which one step fails runs nothing", { skip }, () => {
  assert.equal(launched(7, 3, "console.log('ran')").stdout, "ran\n");
  const { status, stdout } = launched(7, 64, "console.log('ran')");
  assert.deepEqual([status, stdout], [71, ""]);
});
