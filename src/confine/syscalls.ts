import process from "node:process";

/** Numbers of the system calls that are named here, on x86-64 (arch/x86/entry/syscalls/syscall_64.tbl). */
const X64 = {
  close: 3,
  fcntl: 72,
  socket: 41,
  bind: 49,
  listen: 50,
  getsockname: 51,
  setsockopt: 54,
  getsockopt: 55,
} as const;

export type Syscall = keyof typeof X64;

/** The numbers of this machine, or `null` where nobody has written them down. */
export function syscalls(): Readonly<Record<Syscall, number>> | null {
  return process.platform === "linux" && process.arch === "x64" ? X64 : null;
}
