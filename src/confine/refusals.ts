import { ARCH_X64 } from "./call-rules.ts";
import { encode, give, type Instruction, load, skipUnless } from "./seccomp.ts";

/** Numbers of calls that services seldom need, on x86-64 (arch/x86/entry/syscalls/syscall_64.tbl). */
const SELDOM_X64: Readonly<Record<string, number>> = {
  connect: 42,
  chown: 92,
  fchown: 93,
  lchown: 94,
  fchownat: 260,
  ptrace: 101,
  capset: 126,
  personality: 135,
  setuid: 105,
  setgid: 106,
  setreuid: 113,
  setregid: 114,
  setgroups: 116,
  setresuid: 117,
  setresgid: 119,
  setfsuid: 122,
  setfsgid: 123,
  uselib: 134,
  ustat: 136,
  sysfs: 139,
  setpriority: 141,
  sched_setparam: 142,
  sched_setscheduler: 144,
  vhangup: 153,
  modify_ldt: 154,
  pivot_root: 155,
  _sysctl: 156,
  adjtimex: 159,
  setrlimit: 160,
  chroot: 161,
  acct: 163,
  settimeofday: 164,
  mount: 165,
  umount2: 166,
  swapon: 167,
  swapoff: 168,
  reboot: 169,
  sethostname: 170,
  setdomainname: 171,
  iopl: 172,
  ioperm: 173,
  init_module: 175,
  delete_module: 176,
  quotactl: 179,
  nfsservctl: 180,
  sched_setaffinity: 203,
  lookup_dcookie: 212,
  clock_settime: 227,
  mbind: 237,
  set_mempolicy: 238,
  kexec_load: 246,
  add_key: 248,
  request_key: 249,
  keyctl: 250,
  ioprio_set: 251,
  migrate_pages: 256,
  unshare: 272,
  move_pages: 279,
  perf_event_open: 298,
  fanotify_init: 300,
  fanotify_mark: 301,
  open_by_handle_at: 304,
  clock_adjtime: 305,
  setns: 308,
  process_vm_readv: 310,
  process_vm_writev: 311,
  kcmp: 312,
  finit_module: 313,
  sched_setattr: 314,
  kexec_file_load: 320,
  bpf: 321,
  userfaultfd: 323,
  io_uring_setup: 425,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  fspick: 433,
  pidfd_getfd: 438,
  mount_setattr: 442,
  quotactl_fd: 443,
  set_mempolicy_home_node: 450,
};

const FAMILIES: Readonly<Record<string, number>> = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
  AF_PACKET: 17,
};

const SOCKET = 41;
const SOCKET_PAIR = 53;
const FAMILY_AT = 16;
const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const EPERM = 0x0005_0001;
const EAFNOSUPPORT = 0x0005_0061;
const X32 = 0x4000_0000;

/**
 * A filter that lets everything through but what it names: for a trial of a program of somebody else, of which nobody has written
 * down what it asks of the kernel. Weaker than what our own roles get, and said to be.
 */
export function assembleRefusals(calls: readonly string[], families: readonly string[]): Uint8Array {
  const known = families.flatMap((family) => FAMILIES[family] ?? []);
  const program: Instruction[] = [
    load(4),
    skipUnless(ARCH_X64, 1),
    { code: 0x05, jt: 0, jf: 0, k: 1 },
    give(KILL_PROCESS),
    load(0),
    { code: 0x35, jt: 0, jf: 1, k: X32 },
    give(EPERM),
    ...calls.flatMap((call) => {
      const number = SELDOM_X64[call];
      return number === undefined ? [] : [skipUnless(number, 1), give(EPERM)];
    }),
    // A pair of local sockets reaches nobody else.
    skipUnless(SOCKET_PAIR, 1),
    give(ALLOW),
    skipUnless(SOCKET, known.length * 2 + 2),
    load(FAMILY_AT),
    ...known.flatMap((family) => [skipUnless(family, 1), give(ALLOW)]),
    give(EAFNOSUPPORT),
    give(ALLOW),
  ];
  return encode(program);
}

/** The calls that can be refused here. */
export const REFUSABLE: readonly string[] = Object.keys(SELDOM_X64);
