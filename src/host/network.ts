import { type Fact, known, type Listener, unknown, withFact } from "../core/machine/facts.ts";
import { runHere } from "./programs.ts";
import type { Root } from "./root.ts";

/** States of proc_net_tcp(5) in which something waits: TCP_LISTEN, and for UDP an unconnected socket. */
export const WAITING = { tcp: "0A", udp: "07" } as const;

export function listeners(root: Root): Fact<readonly Listener[]> {
  const found: Listener[] = [];
  for (const [file, protocol] of [
    ["tcp", "tcp"],
    ["tcp6", "tcp"],
    ["udp", "udp"],
    ["udp6", "udp"],
  ] as const) {
    const text = root.text(`proc/net/${file}`, 64 * 1_024 * 1_024);
    if ("unknown" in text) {
      // A kernel without IPv6 has no such file, and no such listeners.
      if (file.endsWith("6") && text.unknown.endsWith(" ENOENT")) continue;
      return text;
    }
    found.push(...socketsIn(text.is, protocol).filter(({ state }) => state === WAITING[protocol]));
  }
  return known(found.map(({ protocol, address, port }) => ({ protocol, address, port })));
}

export interface SocketRow extends Listener {
  readonly state: string;
  readonly inode: string;
  readonly peer: string;
}

/** Rows of proc/net/tcp, tcp6, udp, udp6. */
export function socketsIn(text: string, protocol: "tcp" | "udp"): readonly SocketRow[] {
  return text.split("\n").flatMap((line) => {
    const [, local, localPort, remote, remotePort, state, inode] =
      /^\s*\d+: ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) ([0-9A-F]{2}) \S+ \S+ \S+ +\d+ +\d+ (\d+)/.exec(
        line,
      ) ?? [];
    if (local === undefined || remote === undefined || state === undefined || inode === undefined) return [];
    return [
      {
        protocol,
        address: addressOf(local),
        port: Number.parseInt(localPort ?? "0", 16),
        state,
        inode,
        peer: `${addressOf(remote)}:${Number.parseInt(remotePort ?? "0", 16)}`,
      },
    ];
  });
}

/** Words of 32 bits in the machine's order, which is little-endian on all that we run on. */
export function addressOf(hexadecimal: string): string {
  const words = hexadecimal.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) => (word.match(/../g) ?? []).toReversed());
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join(".");
  return shortIpv6(bytes.join(""));
}

function shortIpv6(digits: string): string {
  const long = (digits.match(/.{4}/g) ?? []).join(":");
  const host = new URL(`http://[${long}]/`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host) ?? [];
  if (high === undefined || low === undefined) return host;
  const mapped = (Number.parseInt(high, 16) << 16) | Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (mapped >>> shift) & 255).join(".");
}

/** Interfaces that packets take which have no better way: proc/net/route and ipv6_route. */
export function defaultInterfaces(root: Root): Fact<readonly string[]> {
  return withFact(root.text("proc/net/route"), (four) => {
    const six = root.text("proc/net/ipv6_route");
    const names = [
      ...rows(four).flatMap(([name, to, , flags, , , , mask]) =>
        to === "00000000" && mask === "00000000" && isUp(flags) ? [name ?? ""] : [],
      ),
      ...("is" in six ? rows(six.is) : []).flatMap((row) => {
        const [to, bits, , , gateway, , , , flags, name] = row;
        // The kernel's own entry that rejects what has no way stands on lo.
        const isDefault = /^0+$/.test(to ?? "") && bits === "00" && !/^0+$/.test(gateway ?? "0");
        return isDefault && isUp(flags) && name !== "lo" ? [name ?? ""] : [];
      }),
    ];
    return known([...new Set(names)].filter((name) => name !== ""));
  });
}

const isUp = (flags: string | undefined): boolean => (Number.parseInt(flags ?? "0", 16) & 1) === 1;
const rows = (text: string): readonly (readonly string[])[] => text.split("\n").map((line) => line.trim().split(/\s+/));

export function interfaces(root: Root): Fact<readonly string[]> {
  return withFact(root.names("proc/sys/net/ipv4/conf"), (names) =>
    known(names.filter((name) => name !== "all" && name !== "default" && name !== "lo")),
  );
}

/** Addresses of some interfaces: the machine's own of IPv4 (fib_trie) that lie in a network of theirs, and if_inet6. */
export function addressesOn(root: Root, names: readonly string[]): Fact<readonly string[]> {
  return withFact(root.text("proc/net/fib_trie", 16 * 1_024 * 1_024), (trie) =>
    withFact(root.text("proc/net/route"), (table) => {
      const networks = rows(table).flatMap(([name, to, , , , , , mask]) =>
        name !== undefined && names.includes(name) && to !== undefined && to !== "00000000" && mask !== undefined
          ? [{ network: Number.parseInt(to, 16), mask: Number.parseInt(mask, 16) }]
          : [],
      );
      const own = [...trie.matchAll(/\|-- (\d+\.\d+\.\d+\.\d+)\n\s+\/32 host LOCAL/g)].map((match) => match[1] ?? "");
      const four = own.filter((address) => {
        // As the table writes them: the first byte lowest.
        const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
        const word = ((d << 24) | (c << 16) | (b << 8) | a) >>> 0;
        return networks.some(({ network, mask }) => (word & mask) >>> 0 === network >>> 0);
      });
      const six = root.text("proc/net/if_inet6");
      const sixes = ("is" in six ? rows(six.is) : []).flatMap(([digits, , , , , name]) =>
        name !== undefined && names.includes(name) && digits !== undefined ? [shortIpv6(digits)] : [],
      );
      return known([...new Set([...four, ...sixes])]);
    }),
  );
}

/** The packet filter: of this machine by asking nft, of an image the file nft.json in its root. */
export function packetFilter(root: Root): Fact<unknown> {
  const text = root.isHere
    ? runHere(["/usr/sbin/nft", "/sbin/nft"], ["-j", "list", "ruleset"])
    : root.text("nft.json", 16 * 1_024 * 1_024);
  return withFact(text, (json): Fact<unknown> => {
    try {
      return known(JSON.parse(json) as unknown);
    } catch {
      return unknown("the packet filter is not shown as JSON");
    }
  });
}

/** Settings of the kernel that checks ask for. */
export function sysctls(root: Root, on: Fact<readonly string[]>): Readonly<Record<string, Fact<string>>> {
  const names = [
    "fs.suid_dumpable",
    "fs.protected_symlinks",
    "fs.protected_hardlinks",
    "kernel.kptr_restrict",
    "kernel.dmesg_restrict",
    "kernel.unprivileged_bpf_disabled",
    "kernel.randomize_va_space",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
  ];
  const settings: Record<string, Fact<string>> = {};
  const read = (name: string, file: string): void => {
    settings[name] = withFact(root.text(`proc/sys/${file}`, 4_096), (text) => known(text.trim()));
  };
  for (const name of names) read(name, name.replaceAll(".", "/"));
  // An interface's name may hold a dot.
  for (const each of ["all", "default", ...("is" in on ? on.is : [])])
    for (const family of ["ipv4", "ipv6"])
      for (const setting of ["accept_redirects", "send_redirects", "accept_source_route", "rp_filter"])
        read(`net.${family}.conf.${each}.${setting}`, `net/${family}/conf/${each}/${setting}`);
  return settings;
}
