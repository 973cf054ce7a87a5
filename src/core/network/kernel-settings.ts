import type { NetworkPlan } from "./network-plan.ts";

/** One setting below /proc/sys: its path there, and its value. */
export interface KernelSetting {
  readonly path: string;
  readonly value: string;
}

/** Of one interface, IPv4. What the kernel does is the OR (redirects, source routes) or the larger (rp_filter) of `all` and the interface's own. */
const IPV4 = {
  accept_redirects: "0",
  secure_redirects: "0",
  send_redirects: "0",
  accept_source_route: "0",
  rp_filter: "1",
  // The weak host model of ARP: it answers for an address on the interface that has it, and asks in its name alone.
  arp_ignore: "1",
  arp_announce: "2",
} as const;

const IPV6 = { accept_redirects: "0", accept_source_route: "0", accept_ra: "0", autoconf: "0" } as const;

/** The kernel's settings of a dual-homed host, in the order in which they must be written. */
export function kernelSettings({
  outside,
  inside,
}: Pick<NetworkPlan, "inside"> & { readonly outside: string | null }): readonly KernelSetting[] {
  const of = (version: 4 | 6, settings: Readonly<Record<string, string>>): readonly KernelSetting[] =>
    ["all", "default", ...[...(outside === null ? [] : [outside]), ...inside].toSorted()].flatMap((name) =>
      Object.entries(settings).map(([key, value]) => ({ path: `net/ipv${version}/conf/${name}/${key}`, value })),
    );
  return [
    // First: writing it sets others of an interface back (Documentation/networking/ip-sysctl).
    { path: "net/ipv4/ip_forward", value: "0" },
    { path: "net/ipv6/conf/all/forwarding", value: "0" },
    { path: "net/ipv4/tcp_syncookies", value: "1" },
    { path: "net/ipv4/tcp_max_syn_backlog", value: "4096" },
    { path: "net/ipv4/tcp_synack_retries", value: "3" },
    { path: "net/ipv4/tcp_rfc1337", value: "1" },
    // Of what a client does not read, the kernel otherwise takes a megabyte for each: a thousand fill its memory for TCP.
    { path: "net/ipv4/tcp_notsent_lowat", value: "131072" },
    { path: "net/ipv4/icmp_echo_ignore_broadcasts", value: "1" },
    { path: "net/ipv4/icmp_ignore_bogus_error_responses", value: "1" },
    ...of(4, IPV4),
    ...of(6, IPV6),
  ];
}

/** Keys that only a host with two sides can bear: any other may be a router, or have its own addresses from one. */
const TWO_SIDED = /forward|accept_ra$|autoconf$|arp_/;

/** Of these settings, those that every host may have that serves something: what the package brings. */
export function settingsOfAnyHost(): readonly KernelSetting[] {
  return kernelSettings({ outside: null, inside: [] }).filter(({ path }) => !TWO_SIDED.test(path));
}

/**
 * What the audit asks of any machine beside its network (KRN-01 to KRN-05, PRIV-07). These are the whole kernel's, a container's host's too:
 * they stand in a file of their own, and `harden network` neither writes nor compares them.
 */
export function settingsOfTheMachine(): readonly KernelSetting[] {
  return [
    { path: "kernel/kptr_restrict", value: "2" },
    { path: "kernel/dmesg_restrict", value: "1" },
    { path: "kernel/unprivileged_bpf_disabled", value: "1" },
    { path: "kernel/randomize_va_space", value: "2" },
    { path: "fs/protected_symlinks", value: "1" },
    { path: "fs/protected_hardlinks", value: "1" },
    { path: "fs/suid_dumpable", value: "0" },
  ];
}

/** As sysctl.d(5) reads it. Paths with slashes, because an interface's name may hold a dot. */
export function writeSysctl(settings: readonly KernelSetting[]): string {
  const lines = settings.map(({ path, value }) => `${path} = ${value}\n`).join("");
  return `# Made by \`ringfort harden network\`: make it again rather than edit it.\n${lines}`;
}
