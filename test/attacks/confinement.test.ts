import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LEAST_ABI } from "../../src/confine/landlock.ts";
import { attack, layersOf, needsKernelWalls, ROLES } from "../confinement/run.ts";

/** As `npm run prove:confinement`, which also prints the figures of each wall alone. */
const LEAST_ATTEMPTS = 40;

describe("a process that was taken over", { skip: needsKernelWalls() }, () => {
  for (const role of ROLES) {
    for (const layers of layersOf(role).filter((each) => each !== "flags")) {
      test(`${role}, behind ${layers === "both" ? "both walls" : "the kernel's wall alone"}`, async () => {
        const { attempts, worked } = await attack(role, layers);
        assert.ok(attempts.length >= LEAST_ATTEMPTS);
        assert.deepEqual(
          attempts.filter(({ refused }) => !refused),
          [],
        );
        assert.deepEqual(
          Object.entries(worked).filter(([, went]) => !went),
          [],
        );
      });
    }
  }

  // As on Debian 12's own kernel. The keeper's wall asks for more.
  for (const role of ["fetch", "serve", "signer"] as const)
    test(`${role}, behind the least Landlock that is used`, async () => {
      const { attempts, worked } = await attack(role, "kernel", true, { landlock: LEAST_ABI, seccomp: true });
      assert.deepEqual([attempts.filter(({ refused }) => !refused), Object.values(worked).every(Boolean)], [[], true]);
    });

  test("the attempts are real: Node's flags alone let some through", async () => {
    const { attempts } = await attack("serve", "flags");
    const through = attempts.filter(({ answer }) => answer === "succeeded").map(({ kind }) => kind);
    for (const kind of ["sqlite", "signal", "symlink", "connect", "bind"]) assert.ok(through.includes(kind), kind);
  });
});
