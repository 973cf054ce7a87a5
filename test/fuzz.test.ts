import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";
import { execute } from "./fuzz/execute.ts";
import { runFuzzPool } from "./fuzz/pool.ts";
import type { FuzzTarget } from "./fuzz/target.ts";
import { TARGETS } from "./fuzz/targets.ts";

const SEED = 20_261_125;
const BOUNDS = { slow: 1_000, memory: 2 ** 31 };

function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "fuzz-"));
  return work(folder).finally(() => rmSync(folder, { recursive: true, force: true }));
}

/** `npm run fuzz` makes a million; what it would find in the first thousands is found here. */
for (const [name, make] of Object.entries(TARGETS)) {
  const to = name === "cms" ? 1_000 : 2_000;
  test(`${name}: ${to} inputs, no crash, nothing that cannot be`, () =>
    inFolder(async (folder) => {
      const range = { name, seed: SEED, from: 0, to, bounds: BOUNDS, folder, before: (): void => {} };
      const { executions, accepted, refused, faults } = await execute(await make(), range);
      assert.deepEqual(faults, []);
      assert.equal(executions, to);
      // Inputs that are all refused, or all taken, would go by one road only.
      assert.ok(accepted > to / 100 && refused > to / 4, `${accepted} accepted, ${refused} refused`);
    }));
}

const inert: FuzzTarget = { input: (dice) => dice.bytes(3), run: async () => true };

test("what a target throws, and what takes long, is a fault with its input", () =>
  inFolder(async (folder) => {
    let number = 0;
    const target: FuzzTarget = {
      ...inert,
      async run(input): Promise<boolean> {
        number += 1;
        if (number === 3) throw new TypeError("of undefined");
        // Its own time, which is what is measured: on a busy machine it gets little of it.
        const began = process.cpuUsage();
        while (input[0] === 7 && process.cpuUsage(began).user < 40_000);
        return true;
      },
    };
    const range = { name: "any", seed: SEED, from: 0, to: 2_000, folder, before: (): void => {} };
    const { executions, faults } = await execute(target, { ...range, bounds: { slow: 20, memory: 2 ** 31 } });
    const crash = faults.find(({ kind }) => kind === "crash");
    assert.ok(crash !== undefined && crash.detail.includes("of undefined") && crash.at === 2);
    assert.equal(readFileSync(crash.file).length, 3);
    const slow = faults.filter(({ kind }) => kind === "slow");
    assert.ok(slow.length > 0 && slow.every(({ file }) => readFileSync(file)[0] === 7));
    assert.ok(executions > 2);
    const { faults: over } = await execute(inert, { ...range, bounds: { slow: 1_000, memory: 1 } });
    assert.deepEqual(
      over.map(({ kind }) => kind),
      ["memory"],
    );
  }));

test("a child that hangs or dies is killed, its input kept, and its job goes on", () =>
  inFolder(async (folder) => {
    const script = path.join(folder, "child.ts");
    const pool = pathToFileURL(path.join(import.meta.dirname, "fuzz/pool.ts")).href;
    writeFileSync(
      script,
      `import { serveFuzzChild } from ${JSON.stringify(pool)};
let at = 0;
const target = (act) => async () => ({ input: () => Buffer.from([at++]), run: async () => act(at) });
await serveFuzzChild({
  hangs: target((number) => { while (number === 5); return true; }),
  dies: target((number) => { if (number === 4) process.kill(process.pid, "SIGKILL"); return true; }),
  waits: target(() => new Promise(() => {})),
});`,
    );
    const jobs = [
      { target: "hangs", from: 100, to: 107 },
      { target: "dies", from: 100, to: 104 },
      { target: "waits", from: 100, to: 101 },
    ];
    const run = { script, jobs, processes: 2, seed: SEED, bounds: BOUNDS, hang: 700, folder };
    const sums = await runFuzzPool(run);
    const seen = (name: string): unknown => {
      const sum = sums.get(name);
      return [sum?.executions, sum?.faults.map(({ kind, at, file }) => [kind, at, [...readFileSync(file)]])];
    };
    assert.deepEqual(seen("hangs"), [7, [["hang", 104, [4]]]]);
    assert.deepEqual(seen("dies"), [4, [["died", 103, [3]]]]);
    assert.deepEqual(seen("waits"), [1, [["died", 100, [0]]]]);
  }));
