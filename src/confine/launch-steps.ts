import { statSync } from "node:fs";
import { type PathUse, pathRule } from "./landlock.ts";
import { type Argument, libc } from "./libc.ts";
import { type Syscall, syscalls } from "./syscalls.ts";

const SECCOMP_SET_MODE_FILTER = 1;
const LANDLOCK_RULE_PATH_BENEATH = 1;
const AT_FDCWD = -100;
const O_PATH = 0o10_000_000;
const O_CLOEXEC = 0o2_000_000;

/** A call that must succeed; its answer. Throws and names it where the kernel refuses. */
export type Must = (call: Syscall, ...args: readonly Argument[]) => number;

/** Throws where nobody has written down this machine's calls. */
export function mustCall(): Must {
  const numbers = syscalls();
  if (numbers === null) throw new Error("this machine's system calls are not written down");
  return (call, ...args) => {
    const answer = libc().syscall(numbers[call], ...args);
    if ("errno" in answer) throw new Error(`${call}: ${answer.errno}`);
    return answer.value;
  };
}

/** Adds what a path may be used for to a ruleset of Landlock; a path that is not there gets no rule. */
export function allowPath(must: Must, ruleset: number, abi: number, file: string, use: PathUse): void {
  const isFolder = statSync(file, { throwIfNoEntry: false })?.isDirectory();
  if (isFolder === undefined) return;
  const fd = must("openat", AT_FDCWD, Buffer.from(`${file}\0`), O_PATH | O_CLOEXEC, 0);
  must("landlock_add_rule", ruleset, LANDLOCK_RULE_PATH_BENEATH, pathRule(abi, use, isFolder, fd), 0);
  must("close", fd);
}

/** Puts this thread under a filter. Its bytes, whose address is all that the kernel is given, must outlive the call: the caller holds them. */
export function takeFilter(must: Must, filter: Uint8Array): void {
  const head = Buffer.alloc(16);
  head.writeUInt16LE(filter.length / 8, 0);
  head.writeBigUInt64LE(libc().address(filter), 8);
  must("seccomp", SECCOMP_SET_MODE_FILTER, 0, head);
}
