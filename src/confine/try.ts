import { statSync } from "node:fs";
import process from "node:process";
import { SERVICE_ENVIRONMENT } from "../core/observed/service-environment.ts";
import type { TrialPolicy } from "../core/observed/trial-policy.ts";
import { BIND_TCP, CONNECT_TCP, type PathUse, pathRule, portRule, rulesetWith } from "./landlock.ts";
import { executable, probeKernel } from "./launch.ts";
import { type Argument, libc } from "./libc.ts";
import { assembleRefusals } from "./refusals.ts";
import { type Syscall, syscalls } from "./syscalls.ts";

const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const RULE_PATH_BENEATH = 1;
const RULE_NET_PORT = 2;
const AT_FDCWD = -100;
const O_PATH_CLOEXEC = 0o12_000_000;

/** Puts this process under a trial's policy for good, and becomes the command. Throws when a step fails: a trial without its walls tells nothing. */
export function launchTrial(policy: TrialPolicy, command: readonly string[]): never {
  const numbers = syscalls();
  if (numbers === null) throw new Error("this machine's system calls are not written down");
  const { landlock } = probeKernel();
  if (landlock === 0) throw new Error("this kernel has no Landlock");
  const must = (call: Syscall, ...args: readonly Argument[]): number => {
    const answer = libc().syscall(numbers[call], ...args);
    if ("errno" in answer) throw new Error(`${call}: ${answer.errno}`);
    return answer.value;
  };
  const image = executable(
    libc(),
    command,
    Object.entries(SERVICE_ENVIRONMENT).map((pair) => pair.join("=")),
  );
  // Only root has any to give up.
  if (process.geteuid?.() === 0)
    for (const bit of policy.droppedCapabilities) must("prctl", PR_CAPBSET_DROP, bit, 0, 0, 0);
  must("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const network = CONNECT_TCP | (policy.binds === null ? 0n : BIND_TCP);
  const attributes = rulesetWith(landlock, network);
  const ruleset = must("landlock_create_ruleset", attributes, attributes.length, 0);
  const allow = (file: string, use: PathUse): void => {
    const isFolder = statSync(file, { throwIfNoEntry: false })?.isDirectory();
    if (isFolder === undefined) return;
    const fd = must("openat", AT_FDCWD, Buffer.from(`${file}\0`), O_PATH_CLOEXEC, 0);
    must("landlock_add_rule", ruleset, RULE_PATH_BENEATH, pathRule(landlock, use, isFolder, fd), 0);
    must("close", fd);
  };
  for (const file of policy.reads) allow(file, "read");
  for (const file of policy.writes) allow(file, "all");
  for (const file of policy.executes) allow(file, "execute");
  if (landlock >= 4) {
    for (const port of policy.binds ?? [])
      must("landlock_add_rule", ruleset, RULE_NET_PORT, portRule(BIND_TCP, port), 0);
    for (const port of policy.connects)
      must("landlock_add_rule", ruleset, RULE_NET_PORT, portRule(CONNECT_TCP, port), 0);
  }
  must("landlock_restrict_self", ruleset, 0);
  const filter = assembleRefusals(policy.refusedCalls, policy.families);
  const head = Buffer.alloc(16);
  head.writeUInt16LE(filter.length / 8, 0);
  head.writeBigUInt64LE(libc().address(filter), 8);
  must("seccomp", 1, 0, head);
  must("execve", image.path, image.args, image.env);
  // The filter's bytes and the command's must live until here: the kernel was given their addresses alone.
  throw new Error(`execve returned over ${filter.length + image.kept.length} bytes`);
}
