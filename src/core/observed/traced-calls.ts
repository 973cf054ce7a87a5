import type { Capability } from "./capabilities.ts";

/** Calls that say which files are used, and how: where the path stands, and the folder that it is relative to. */
export interface PathUse {
  readonly act: "read" | "look" | "make" | "remove" | "write" | "execute";
  readonly path: number;
  /** The argument with the folder; `null`: the working folder. */
  readonly from: number | null;
}

const use = (act: PathUse["act"], path: number, from: number | null = null): PathUse => ({ act, path, from });
const at = (act: PathUse["act"]): PathUse => use(act, 1, 0);

/** What `open` and its kin do is in their flags. */
export const OPENS: Readonly<
  Record<string, { readonly path: number; readonly from: number | null; readonly flags: number | null }>
> = {
  open: { path: 0, from: null, flags: 1 },
  creat: { path: 0, from: null, flags: null },
  openat: { path: 1, from: 0, flags: 2 },
  openat2: { path: 1, from: 0, flags: 2 },
};

export const PATH_CALLS: Readonly<Record<string, readonly PathUse[]>> = {
  execve: [use("execute", 0)],
  execveat: [at("execute")],
  ...Object.fromEntries(
    ["stat", "lstat", "access", "readlink", "statfs", "chdir", "getxattr", "lgetxattr", "listxattr"].map((call) => [
      call,
      [use("look", 0)],
    ]),
  ),
  ...Object.fromEntries(
    ["newfstatat", "statx", "faccessat", "faccessat2", "readlinkat"].map((call) => [call, [at("look")]]),
  ),
  inotify_add_watch: [use("look", 1)],
  chroot: [use("look", 0)],
  mkdir: [use("make", 0)],
  mkdirat: [at("make")],
  mknod: [use("make", 0)],
  mknodat: [at("make")],
  symlink: [use("make", 1)],
  symlinkat: [use("make", 2, 1)],
  link: [use("read", 0), use("make", 1)],
  linkat: [at("read"), use("make", 3, 2)],
  rename: [use("remove", 0), use("make", 1)],
  renameat: [at("remove"), use("make", 3, 2)],
  renameat2: [at("remove"), use("make", 3, 2)],
  unlink: [use("remove", 0)],
  rmdir: [use("remove", 0)],
  unlinkat: [at("remove")],
  ...Object.fromEntries(
    ["chmod", "chown", "lchown", "truncate", "utime", "utimes", "setxattr", "lsetxattr"].map((call) => [
      call,
      [use("write", 0)],
    ]),
  ),
  ...Object.fromEntries(["fchmodat", "fchownat", "utimensat", "futimesat"].map((call) => [call, [at("write")]])),
};

const SOCKET_CALLS: readonly string[] = ["socket", "bind", "connect", "sendto", "sendmsg", "sendmmsg"];
const PROCESS_CALLS: readonly string[] = ["clone", "clone3", "fork", "vfork", "unshare", "setns", "kill", "fchdir"];
/** Memory that may be run: which of it was written is in the arguments. */
const MEMORY_CALLS: readonly string[] = ["mmap", "mprotect", "pkey_mprotect"];

const SYSTEM: readonly string[] = [
  "mount",
  "umount2",
  "pivot_root",
  "swapon",
  "swapoff",
  "sethostname",
  "setdomainname",
  "quotactl",
];

/** What root's calls need of root's power (capabilities(7)). Where it depends on arguments, `trace.ts` says when. */
export const NEEDED: Readonly<Record<string, Capability>> = {
  ...Object.fromEntries(["setuid", "setreuid", "setresuid", "setfsuid"].map((call) => [call, "CAP_SETUID"])),
  ...Object.fromEntries(
    ["setgid", "setregid", "setresgid", "setfsgid", "setgroups"].map((call) => [call, "CAP_SETGID"]),
  ),
  ...Object.fromEntries(["chown", "lchown", "fchown", "fchownat"].map((call) => [call, "CAP_CHOWN"])),
  ...Object.fromEntries([...SYSTEM, "setns"].map((call) => [call, "CAP_SYS_ADMIN"])),
  chroot: "CAP_SYS_CHROOT",
  ...Object.fromEntries(["settimeofday", "clock_settime"].map((call) => [call, "CAP_SYS_TIME"])),
  ...Object.fromEntries(["init_module", "finit_module", "delete_module"].map((call) => [call, "CAP_SYS_MODULE"])),
  ...Object.fromEntries(["iopl", "ioperm"].map((call) => [call, "CAP_SYS_RAWIO"])),
  reboot: "CAP_SYS_BOOT",
  bpf: "CAP_BPF",
  vhangup: "CAP_SYS_TTY_CONFIG",
  acct: "CAP_SYS_PACCT",
};

/**
 * Calls of systemd's groups @privileged, @resources, @clock, @mount, @debug, @module, @raw-io, @reboot, @swap, @keyring and a few more: a profile keeps
 * from a service what a film of it does not show. x86-64 and arm64 have them, or strace passes over the name.
 */
export const SELDOM: readonly string[] = [
  ...Object.keys(NEEDED),
  ...`capset acct fanotify_init fanotify_mark open_by_handle_at quotactl_fd _sysctl nfsservctl
    ioprio_set mbind migrate_pages move_pages nice sched_setaffinity sched_setattr sched_setparam
    sched_setscheduler set_mempolicy set_mempolicy_home_node setpriority setrlimit prlimit64 adjtimex clock_adjtime
    fsconfig fsmount fsopen fspick mount_setattr move_mount open_tree lookup_dcookie
    perf_event_open pidfd_getfd ptrace process_vm_readv process_vm_writev kcmp modify_ldt kexec_load
    kexec_file_load add_key keyctl request_key personality userfaultfd io_uring_setup ustat
    sysfs uselib seccomp memfd_create`.split(/\s+/),
];

/** Everything that a film is made of, as strace takes it: a name that this machine has not is passed over. */
export function tracedCalls(): string {
  const all = [
    ...Object.keys(OPENS),
    ...Object.keys(PATH_CALLS),
    ...SOCKET_CALLS,
    ...PROCESS_CALLS,
    ...MEMORY_CALLS,
    ...SELDOM,
  ];
  return [...new Set(all)].map((name) => `?${name}`).join(",");
}
