import assert from "node:assert/strict";
import { test } from "node:test";
import { ARCH_X64 } from "./call-rules.ts";
import { assembleRefusals, REFUSABLE } from "./refusals.ts";
import { decide } from "./seccomp.ts";

const SOCKET = 41;
const ask = (program: Uint8Array, number: number, ...args: readonly bigint[]) =>
  decide(program, { arch: ARCH_X64, number, args });

test("what is named is refused, by number and by family, and all else is let through", () => {
  const program = assembleRefusals(["mount", "connect", "no such call"], ["AF_UNIX", "AF_INET"]);
  assert.equal(ask(program, 165), "EPERM");
  assert.equal(ask(program, 42), "EPERM");
  assert.equal(ask(program, 0), "allow");
  assert.equal(ask(program, 59), "allow");
  assert.equal(ask(program, SOCKET, 1n), "allow");
  assert.equal(ask(program, SOCKET, 2n), "allow");
  assert.equal(ask(program, SOCKET, 10n), "EPERM", "refused with an error, whichever");
  assert.equal(ask(program, SOCKET, 17n), "EPERM");
  assert.equal(ask(program, 53, 1n), "allow", "a pair reaches nobody");
  const none = assembleRefusals([], []);
  assert.equal(ask(none, SOCKET, 1n), "EPERM");
  assert.equal(ask(none, 165), "allow");
  assert.equal(decide(program, { arch: 0x4000_0003, number: 165 }), "kill", "another machine's numbers");
  assert.equal(ask(program, 0x4000_0000 + SOCKET, 2n), "EPERM", "the other way to call");
  assert.ok(REFUSABLE.includes("ptrace"));
});
