import assert from "node:assert/strict";
import { test } from "node:test";
import { describeJail, type Jail, permissionFlagsOnly } from "./jails.ts";

const flagsOf = (changes: Partial<Jail>) =>
  permissionFlagsOnly({ role: "r", program: [], reads: [], network: "none", ...changes }, ["node", "x.ts", "1"], 5);

test("the flags of level 0 leave a role what its jail names, and nothing else", () => {
  const flags = flagsOf({ program: ["/a"], reads: ["/b"] });
  assert.deepEqual(flags.slice(0, 4), ["node", "--permission", "--allow-fs-read=/a", "--allow-fs-read=/b"]);
  assert.deepEqual(flags.slice(-2), ["x.ts", "1"]);
  assert.deepEqual(
    flags.filter((flag) => flag.startsWith("--allow") && !flag.startsWith("--allow-fs-read=")),
    [],
  );
});

test("only a role with a network may use it, and none may write or start a process", () => {
  for (const network of ["connect", "listen"] as const)
    assert.deepEqual(
      flagsOf({ network }).filter((flag) => flag.startsWith("--allow")),
      ["--allow-net"],
    );
});

test("a person reads what a role may do", () => {
  assert.equal(
    describeJail({ role: "r", program: ["/p"], reads: ["/a"], network: "none" }),
    "no network; reads its program, /a; writes nothing",
  );
  assert.match(
    describeJail({ role: "r", program: [], reads: [], network: "connect" }),
    /connects outside; reads its program; writes nothing/,
  );
});
