import {
  ARCH_X64,
  CALLING,
  COMPUTING,
  CONNECTED,
  IOCTLS,
  opensInSight,
  READING,
  rule,
  WRITING,
  X32,
} from "./call-rules.ts";
import type { CallRule, FilterPlan } from "./seccomp.ts";
import { type Syscall, X64 } from "./syscalls.ts";

/** Keeping a store: durable writes, links and moves among folders, which Landlock bounds. Modes and times by descriptor alone. */
const KEEPING: readonly Syscall[] = [
  ...(["rmdir", "link", "linkat", "symlink", "symlinkat", "mkdirat", "fchmod", "fallocate", "flock"] as const),
  ...(["copy_file_range", "sendfile", "msync", "sync_file_range", "pwritev", "preadv2", "pwritev2"] as const),
];

/** Starting processes, and putting walls around them. Landlock says what may be executed, and who may be signalled. */
const STARTING: readonly Syscall[] = [
  ...(["fork", "vfork", "execve", "wait4", "waitid", "setsid", "chdir", "fchdir", "tgkill"] as const),
  ...(["seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"] as const),
];

/** Listeners are opened here, and lanes meet here. */
const LISTENING: readonly Syscall[] = ["bind", "listen", "setsockopt"];

/** CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const CLONE_NAMESPACES = 0x7e02_0080;
/** All that Node, SQLite and libuv use: not F_SETOWN and F_SETSIG, by which the kernel signals others. */
const FCNTLS = [0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1_030];
/** PR_SET_PDEATHSIG, PR_SET_NAME, PR_GET_NAME, PR_SET_NO_NEW_PRIVS, PR_SET_VMA. */
const PRCTLS = [1, 15, 16, 38, 0x5356_4d41];
const AF_UNIX = 1;
const SOCK_TYPE_MASK = 0xf;

/**
 * The keeper's filter. Filters add up, so it lets through all that any of its workers needs; what no process of the house ever needs, none can
 * do: tracing, name spaces, mounts, modules, programs for the kernel, other users, raw packets, io_uring.
 */
export function planKeeperFilter(pid: number): FilterPlan {
  const plain = [...COMPUTING, ...READING, ...WRITING, ...CONNECTED, ...CALLING, ...LISTENING, ...KEEPING, ...STARTING];
  const stream = { arg: 1, mask: SOCK_TYPE_MASK, is: 1 } as const;
  const datagram = { arg: 1, mask: SOCK_TYPE_MASK, is: 2 } as const;
  const internet = { arg: 0, isOneOf: [2, 10] } as const;
  const local = { arg: 0, isOneOf: [AF_UNIX] } as const;
  const conditional: readonly CallRule[] = [
    rule("openat", ...opensInSight(2)),
    rule("open", ...opensInSight(1)),
    rule("fcntl", [{ arg: 1, isOneOf: FCNTLS }]),
    rule("ioctl", [{ arg: 1, isOneOf: IOCTLS }]),
    rule("clone", [{ arg: 0, mask: CLONE_NAMESPACES, is: 0 }]),
    rule("prctl", [{ arg: 0, isOneOf: PRCTLS }]),
    // Of its own limits alone; a child asks for its own by 0.
    rule("prlimit64", [{ arg: 0, isOneOf: [0, pid] }]),
    // Of one process, never of a group or of everybody: Landlock says which, from Linux 6.12 on.
    rule("kill", [{ arg: 0, mask: 0x8000_0000, is: 0 }]),
    // A null path: the times of what is open.
    rule("utimensat", [{ arg: 1, isWord: 0n }]),
    rule("socketpair", [local]),
    rule("socket", [internet, stream], [internet, datagram], [local, stream], [local, datagram]),
  ];
  return {
    arch: ARCH_X64,
    below: X32,
    rules: [...new Set(plain)].map((call): CallRule => ({ call: X64[call], when: [] })).concat(conditional),
    unimplemented: [X64.clone3, X64.openat2],
    // 0 is the group that it is in, and whoever started it may be in it too.
    ignored: [{ call: X64.kill, when: [[{ arg: 0, mask: 0xffff_ffff, is: 0 }]] }],
  };
}
