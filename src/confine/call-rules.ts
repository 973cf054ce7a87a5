import type { KernelPolicy } from "./policy.ts";
import type { CallRule, Check, FilterPlan } from "./seccomp.ts";
import { type Syscall, X64 } from "./syscalls.ts";

/**
 * What Node asks of the kernel when it computes, reads files and waits: memory, threads, time, events. Nothing here makes a
 * process, changes who we are, touches another process, or names a socket. io_uring is not among them: what is queued
 * there passes by every filter.
 */
export const COMPUTING: readonly Syscall[] = [
  // The most frequent first: the kernel walks the list where it has no bitmap of it.
  ...(["futex", "read", "write", "epoll_wait", "epoll_pwait", "epoll_ctl", "writev", "accept4"] as const),
  ...(["clock_gettime", "madvise", "mmap", "munmap", "mprotect", "mremap", "brk", "readv", "close"] as const),
  ...(["epoll_pwait2", "epoll_create1", "eventfd2", "pipe2", "poll", "ppoll", "dup", "dup2", "dup3"] as const),
  ...(["gettimeofday", "time", "times", "clock_getres", "clock_nanosleep", "nanosleep", "restart_syscall"] as const),
  ...(["rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack"] as const),
  ...(["sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "getcpu"] as const),
  ...(["set_robust_list", "set_tid_address", "rseq", "membarrier", "gettid", "arch_prctl"] as const),
  ...(["pkey_alloc", "pkey_free", "pkey_mprotect", "getrandom", "exit", "exit_group", "close_range"] as const),
  ...(["getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "capget", "umask"] as const),
  ...(["uname", "sysinfo", "getrusage", "getrlimit"] as const),
];

/** Looking at files. Landlock says which may be opened; what may be looked at, with `stat`, it does not say. */
export const READING: readonly Syscall[] = [
  ...(["stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "lseek"] as const),
  ...(["pread64", "preadv", "readahead", "fadvise64", "getdents", "getdents64", "getcwd"] as const),
  ...(["access", "faccessat", "faccessat2", "readlink", "readlinkat"] as const),
];

export const WRITING: readonly Syscall[] = [
  ...(["pwrite64", "ftruncate", "fsync", "fdatasync", "mkdir"] as const),
  ...(["rename", "renameat", "renameat2", "unlink", "unlinkat"] as const),
];

/** What one does with a connection that is there. */
export const CONNECTED: readonly Syscall[] = ["shutdown", "getsockname", "getpeername", "getsockopt"];
/** What a resolver and a client use besides. */
export const CALLING: readonly Syscall[] = ["connect", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg"];

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_TYPE_MASK = 0xf;

/** Where the descriptor is what matters, and nothing is made: O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, __O_TMPFILE unset. */
const OPENS_FOR_READING = 0o1 | 0o2 | 0o100 | 0o1_000 | 0o20_000_000;
/** O_ACCMODE, O_WRONLY, O_RDWR, O_TRUNC. */
const ACCESS = 0o3;
const TO_WRITE = 0o1;
const TO_READ_AND_WRITE = 0o2;
const CUTS_SHORT = 0o1_000;

/**
 * How whoever writes opens a file: one that is cut short is opened for writing, which Landlock looks at. `O_RDONLY | O_TRUNC` cuts
 * it short too, and before its version 3 Landlock takes that for reading.
 */
export function opensInSight(arg: number): readonly (readonly Check[])[] {
  return [
    [{ arg, mask: CUTS_SHORT, is: 0 }],
    [{ arg, mask: ACCESS, is: TO_WRITE }],
    [{ arg, mask: ACCESS, is: TO_READ_AND_WRITE }],
  ];
}

const CLONE_THREAD = 0x1_0000;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, and CLONE_VFORK. */
const CLONE_OTHER = 0x7e02_4000;

/** By these one waits for what comes, or has a descriptor under another number. `pread64` and its kin are not for sockets. */
const WAITING_OR_COPYING: readonly Syscall[] = ["read", "readv", "recvfrom", "recvmsg", "dup", "dup2", "dup3"];

const F_DUPFD = 0;
const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_DUPFD_CLOEXEC = 1_030;

const PR_SET_NAME = 15;
const PR_GET_NAME = 16;
const PR_SET_VMA = 0x5356_4d41;

/** FIONBIO, FIOCLEX, FIONCLEX, FIONREAD, and what asks whether standard error is a terminal: TCGETS, TIOCGWINSZ. */
export const IOCTLS = [0x5421, 0x5451, 0x5450, 0x541b, 0x5401, 0x5413];

const SOL_SOCKET = 1;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;
/** SO_REUSEADDR, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE, SO_LINGER: none that attaches a program or passes a credential. */
const SOCKET_OPTIONS = [2, 7, 8, 9, 13];
/** TCP_NODELAY, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_QUICKACK, TCP_USER_TIMEOUT. */
const TCP_OPTIONS = [1, 3, 4, 5, 6, 12, 18];
const IPV6_V6ONLY = 26;

/** AUDIT_ARCH_X86_64. */
export const ARCH_X64 = 0xc000_003e;
/** __X32_SYSCALL_BIT: the same kernel, called with other numbers. */
export const X32 = 0x4000_0000;

/** What lets one `execve` through: two words in arguments that the call does not have, known to nobody afterwards. */
export interface ExecKey {
  readonly fourth: bigint;
  readonly fifth: bigint;
}

/** The filter of a policy. `pid` is the process that will run under it: it may signal itself, and nobody else. */
export function planFilter(policy: KernelPolicy, pid: number, key: ExecKey): FilterPlan {
  const { sockets, writes } = policy;
  const plain = [...COMPUTING, ...READING, ...(writes.length > 0 ? WRITING : [])];
  const network = {
    none: CONNECTED,
    accept: [...CONNECTED, "listen"],
    connect: [...CONNECTED, ...CALLING],
    "call-back": [...CONNECTED, "listen", "bind", "connect"],
    any: [...CONNECTED, "listen", "bind", "connect"],
  } as const satisfies Record<KernelPolicy["sockets"], readonly Syscall[]>;
  const accepts = sockets === "accept" || sockets === "call-back" || sockets === "any";
  const always = [...plain, ...network[sockets]].filter((call) => accepts || call !== "accept4");
  return {
    arch: ARCH_X64,
    below: X32,
    rules: [...always.map((call): CallRule => ({ call: X64[call], when: [] })), ...conditional(policy, pid, key)],
    unimplemented: [X64.clone3, X64.openat2],
    ignored: ignored(policy),
  };
}

/**
 * How a process could keep itself alive when the keeper ends it (`DescriptorDoor.dieBy`). It could take O_ASYNC back: Node sets flags once,
 * those of its standard streams when it ends, and would abort at a "no"; libuv uses FIONBIO. Or it could wait in a reading call
 * on that connection: for as long as one does the kernel signals nobody (SOCKWQ_ASYNC_WAITDATA, net/socket.c: sock_wake_async).
 */
function ignored({ tether }: KernelPolicy): readonly CallRule[] {
  const flags: readonly Check[] = [{ arg: 1, isOneOf: [F_SETFL] }];
  if (tether === undefined) return [{ call: X64.fcntl, when: [flags] }];
  // The kernel takes the low half for the descriptor, whatever the high one is.
  const ofTether: Check = { arg: 0, mask: 0xffff_ffff, is: tether };
  return [
    ...WAITING_OR_COPYING.map((call): CallRule => ({ call: X64[call], when: [[ofTether]] })),
    { call: X64.fcntl, when: [flags, [ofTether, { arg: 1, isOneOf: [F_DUPFD, F_DUPFD_CLOEXEC] }]] },
  ];
}

export function rule(call: Syscall, ...when: readonly (readonly Check[])[]): CallRule {
  return { call: X64[call], when };
}

function conditional({ sockets, writes }: KernelPolicy, pid: number, key: ExecKey): readonly CallRule[] {
  const opening = (arg: number): readonly (readonly Check[])[] =>
    writes.length > 0 ? opensInSight(arg) : [[{ arg, mask: OPENS_FOR_READING, is: 0 }]];
  const itself: readonly Check[] = [{ arg: 0, isOneOf: [pid] }];
  return [
    rule("openat", ...opening(2)),
    rule("open", ...opening(1)),
    rule("fcntl", [{ arg: 1, isOneOf: [F_GETFL, F_GETFD, F_SETFD, F_DUPFD, F_DUPFD_CLOEXEC] }]),
    rule("ioctl", [{ arg: 1, isOneOf: IOCTLS }]),
    rule("setsockopt", ...options(sockets)),
    rule("clone", [{ arg: 0, mask: CLONE_THREAD | CLONE_OTHER, is: CLONE_THREAD }]),
    rule("prctl", [{ arg: 0, isOneOf: [PR_SET_NAME, PR_GET_NAME, PR_SET_VMA] }]),
    rule("prlimit64", [{ arg: 0, isOneOf: [0, pid] }]),
    rule("kill", itself),
    rule("tgkill", itself),
    ...making(sockets).map((when) => rule("socket", ...when)),
    rule("execve", [
      { arg: 3, isWord: key.fourth },
      { arg: 4, isWord: key.fifth },
    ]),
  ];
}

function options(sockets: KernelPolicy["sockets"]): readonly (readonly Check[])[] {
  return [
    [
      { arg: 1, isOneOf: [SOL_SOCKET] },
      { arg: 2, isOneOf: SOCKET_OPTIONS },
    ],
    [
      { arg: 1, isOneOf: [IPPROTO_TCP] },
      { arg: 2, isOneOf: TCP_OPTIONS },
    ],
    // An IPv6 socket that is bound says first whether it also takes IPv4.
    ...(sockets === "any" || sockets === "call-back"
      ? [
          [
            { arg: 1, isOneOf: [IPPROTO_IPV6] },
            { arg: 2, isOneOf: [IPV6_V6ONLY] },
          ],
        ]
      : []),
  ];
}

function type(is: number): Check {
  return { arg: 1, mask: SOCK_TYPE_MASK, is };
}

/** The sockets that may be made; an empty list: none at all. */
function making(sockets: KernelPolicy["sockets"]): readonly (readonly (readonly Check[])[])[] {
  if (sockets === "none" || sockets === "accept") return [];
  const internet: Check = { arg: 0, isOneOf: [AF_INET, AF_INET6] };
  if (sockets === "connect")
    return [
      [
        [internet, type(SOCK_STREAM)],
        [internet, type(SOCK_DGRAM)],
      ],
    ];
  // The keeper's control socket is a local one: a server that strangers reach must not be able to speak to it.
  if (sockets === "call-back") return [[[internet, type(SOCK_STREAM)]]];
  return [
    [
      [internet, type(SOCK_STREAM)],
      [{ arg: 0, isOneOf: [AF_UNIX] }, type(SOCK_STREAM)],
    ],
  ];
}
