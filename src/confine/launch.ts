import { randomBytes } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import process from "node:process";
import { planFilter } from "./call-rules.ts";
import { planKeeperFilter } from "./keeper-rules.ts";
import { LEAST_ABI, type PathUse, rulesetOf } from "./landlock.ts";
import { allowPath, type Must, mustCall, takeFilter } from "./launch-steps.ts";
import { type Libc, libc } from "./libc.ts";
import { KEEPER_READS, KEEPER_WRITES, MACHINE_READS, STARTING_READS } from "./machine-files.ts";
import type { KernelPolicy } from "./policy.ts";
import { assemble } from "./seccomp.ts";
import { syscalls, X64 } from "./syscalls.ts";

const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAPBSET_DROP = 24;
/** The highest number that the kernel's sets have room for (capability.h). */
const LAST_CAPABILITY = 63;
const CAP_NET_BIND_SERVICE = 10;
const LANDLOCK_CREATE_RULESET_VERSION = 1;
const F_SETFD = 2;

/** What the kernel of this machine gives. */
export interface KernelWalls {
  /** The version of Landlock's interface; 0: none. */
  readonly landlock: number;
  readonly seccomp: boolean;
}

const NO_WALLS: KernelWalls = { landlock: 0, seccomp: false };

/** Asks the kernel what it has, and changes nothing. */
export function probeKernel(): KernelWalls {
  const numbers = syscalls();
  if (numbers === null) return NO_WALLS;
  const answer = libc().syscall(numbers.landlock_create_ruleset, 0, 0, LANDLOCK_CREATE_RULESET_VERSION);
  // SECCOMP_GET_ACTION_AVAIL for SECCOMP_RET_KILL_PROCESS.
  const action = Buffer.alloc(4);
  action.writeUInt32LE(0x8000_0000);
  const seccomp = "value" in libc().syscall(numbers.seccomp, 2, 0, action);
  return { landlock: "value" in answer && answer.value >= LEAST_ABI ? answer.value : 0, seccomp };
}

/**
 * Puts this process under a policy for good and becomes the command. Throws when any step fails: a process that is less
 * confined than was said must not run. Landlock and the filter belong to the thread; the others end when the command begins.
 */
export function launch(
  policy: KernelPolicy,
  landlock: number,
  command: readonly string[],
  environment: readonly string[] = [],
): never {
  const [program = ""] = command;
  const must = mustCall();
  const image = executable(libc(), command, environment);
  if (policy.starts === true) dropCapabilities();
  must("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (landlock > 0) restrictFiles(must, policy, landlock, program);
  // Node marks everything that it inherited as not to be inherited further.
  for (let fd = 0; fd < policy.descriptors; fd += 1) must("fcntl", fd, F_SETFD, 0);
  const key = { fourth: randomWord(), fifth: randomWord() };
  const filter = assemble(
    policy.starts === true ? planKeeperFilter(process.pid) : planFilter(policy, process.pid, key),
  );
  takeFilter(must, filter);
  must("execve", image.path, image.args, image.env, key.fourth, key.fifth);
  // The filter's bytes and the command's must live until here: the kernel was given their addresses alone.
  throw new Error(`execve returned over ${filter.length + image.kept.length} bytes`);
}

/**
 * Takes from the program that comes all of root's power, should root have started it, but for low ports. Nobody else has any to lose, and is
 * answered with a "no" that changes nothing.
 */
function dropCapabilities(): void {
  for (let capability = 0; capability <= LAST_CAPABILITY; capability += 1)
    if (capability !== CAP_NET_BIND_SERVICE) libc().syscall(X64.prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
}

function randomWord(): bigint {
  return randomBytes(8).readBigUInt64LE();
}

/** What execve(2) is given; `kept` must live until it has begun. */
interface Image {
  readonly path: Uint8Array;
  readonly args: Uint8Array;
  readonly env: Uint8Array;
  readonly kept: readonly Uint8Array[];
}

/** The arguments of execve(2); the environment is empty unless it is given, as NAME=VALUE. */
export function executable({ address }: Libc, command: readonly string[], environment: readonly string[] = []): Image {
  const vector = (texts: readonly string[]) => {
    const kept = texts.map((text) => Buffer.from(`${text}\0`));
    const pointers = Buffer.alloc(8 * (kept.length + 1));
    for (const [index, text] of kept.entries()) pointers.writeBigUInt64LE(address(text), 8 * index);
    return { kept, pointers };
  };
  const [args, env] = [vector(command), vector(environment)];
  return {
    path: args.kept[0] ?? Buffer.alloc(1),
    args: args.pointers,
    env: env.pointers,
    kept: [...args.kept, ...env.kept],
  };
}

function restrictFiles(must: Must, policy: KernelPolicy, abi: number, program: string): void {
  const attributes = rulesetOf(abi, policy.sockets);
  const ruleset = must("landlock_create_ruleset", attributes, attributes.length, 0);
  const allow = (file: string, use: PathUse): void => allowPath(must, ruleset, abi, file, use);
  for (const file of policy.reads) allow(file, "read");
  for (const file of policy.writes) allow(file, policy.starts === true ? "all" : "write");
  if (policy.starts === true) {
    for (const file of KEEPER_READS) allow(file, "read");
    for (const file of KEEPER_WRITES) allow(file, "write");
  }
  if (policy.sockets === "connect" || policy.starts === true) for (const file of MACHINE_READS) allow(file, "read");
  const mapped = mappedFiles();
  for (const file of [...STARTING_READS, ...mapped]) allow(file, "read");
  // To become the command the kernel opens it and its loader for execution; the filter lets that happen once.
  allow(program, "execute");
  for (const file of mapped) if (/\/ld-linux[^/]*$|\/ld-[^/]*\.so[^/]*$/.test(file)) allow(file, "execute");
  must("landlock_restrict_self", ruleset, 0);
}

/** The program and the libraries of this process, which the command needs too, for it is the same program. */
function mappedFiles(): readonly string[] {
  const files = readFileSync("/proc/self/maps", "utf8").matchAll(/ (\/\S+)$/gm);
  return [...new Set([...files].map(([, file = ""]) => realpathSync(file)))];
}
