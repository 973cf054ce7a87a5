/** In the order of their bits (linux/capability.h). */
export const CAPABILITIES = [
  ...(["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL"] as const),
  ...(["CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE"] as const),
  ...(["CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER"] as const),
  ...(["CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT"] as const),
  ...(["CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME"] as const),
  ...(["CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL"] as const),
  ...(["CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM"] as const),
  ...(["CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"] as const),
] as const;

/** The names of a set as /proc shows it, in hexadecimal digits; a bit that nobody has named yet is told by its number. */
export function capabilityNames(digits: string): readonly string[] | null {
  if (!/^[0-9a-f]{1,16}$/.test(digits)) return null;
  const set = BigInt(`0x${digits}`);
  return Array.from({ length: 64 }, (_, bit) => bit)
    .filter((bit) => ((set >> BigInt(bit)) & 1n) === 1n)
    .map((bit) => CAPABILITIES[bit] ?? `CAP_${bit}`);
}

/** For people: a full set is said in one word. */
export function fewCapabilities(names: readonly string[]): string {
  if (names.length === 0) return "none";
  const missing = CAPABILITIES.filter((name) => !names.includes(name));
  if (missing.length === 0) return "all";
  return missing.length < 6 ? `all but ${missing.join(", ")}` : names.join(", ");
}

export type Capability = (typeof CAPABILITIES)[number];
