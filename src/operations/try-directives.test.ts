import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { UnitLine } from "../core/units/copy-unit.ts";
import { DIRECTIVES, type Directive } from "../core/units/directives.ts";
import { tryDirectives } from "./try-directives.ts";

const TRIABLE = DIRECTIVES.filter(({ triable }) => triable);
const wide = TRIABLE.filter(({ values: [first] }) => !first.startsWith("~"));

/** A daemon that does not work under some values, and is started as often as is counted. */
function daemon(breaks: ReadonlySet<string>) {
  let runs = 0;
  const tryOut = async (lines: readonly UnitLine[]) => {
    runs += 1;
    const at = lines.find(({ name, value }) => breaks.has(`${name}=${value}`));
    return { works: at === undefined, why: at === undefined ? "" : `${at.name} breaks it` };
  };
  return { tryOut, runs: () => runs };
}

const always = async () => true;
const key = ({ name }: Directive, value: string): string => `${name}=${value}`;

test("whatever breaks a daemon is found and left out, and all the rest is kept", async () => {
  await fc.assert(
    fc.asyncProperty(fc.subarray([...wide]), async (culprits) => {
      const breaks = new Set(culprits.flatMap((each) => each.values.map((value) => key(each, value))));
      const { kept, left } = await tryDirectives(wide, daemon(breaks).tryOut, always);
      assert.deepEqual(new Set(left.map(({ directive }) => directive)), new Set(culprits));
      assert.equal(kept.length + left.length, wide.length);
      for (const { directive, why } of left) assert.equal(why, `${directive.name} breaks it`);
    }),
    { numRuns: 60 },
  );
});

test("where the strongest value breaks it, the next one is kept", async () => {
  const broken = new Set(["ProtectSystem=strict", "RestrictAddressFamilies=none", "RestrictAddressFamilies=AF_UNIX"]);
  const { kept, left } = await tryDirectives(wide, daemon(broken).tryOut, always);
  const chosen = new Map(kept.map(({ directive, value }) => [directive.name, value]));
  assert.equal(chosen.get("ProtectSystem"), "full");
  assert.equal(chosen.get("RestrictAddressFamilies"), "AF_UNIX AF_INET AF_INET6");
  assert.deepEqual(left, []);
});

test("what seldom breaks anything costs one run when it breaks nothing", async () => {
  const seldom = wide.filter(({ breaksOften }) => !breaksOften);
  const one = daemon(new Set());
  const { runs } = await tryDirectives(seldom, one.tryOut, always);
  assert.deepEqual([runs, one.runs()], [1, 1]);
});

test("a narrow directive is tried only where it still takes something away", async () => {
  const brings = async (kept: readonly { readonly directive: Directive }[], more: Directive) =>
    !kept.some(({ directive }) => directive.name === more.name);
  const broken = new Set(["CapabilityBoundingSet=", "CapabilityBoundingSet=~CAP_KILL"]);
  const { kept, left } = await tryDirectives(TRIABLE, daemon(broken).tryOut, brings);
  assert.ok(!kept.some(({ directive, value }) => directive.name === "SystemCallFilter" && value.startsWith("~")));
  assert.ok(kept.filter(({ directive }) => directive.name === "CapabilityBoundingSet").length > 20);
  assert.deepEqual(
    left.map(({ directive }) => key(directive, directive.values[0])),
    ["CapabilityBoundingSet=", "CapabilityBoundingSet=~CAP_KILL"],
  );
});
