import { familyOf } from "./listen-address.ts";
import type { Egress, Family, NetworkPlan, Service } from "./network-plan.ts";

/** The table that holds every rule of ours; others of the host's stay as they are, and can only take more away. */
export const TABLE = "ringfort";

/** Of a connection whose handshake has been paid for from its client's share. */
const PAID = "0x40000000";

/**
 * The packet filter of a dual-homed host, as `nft -f` reads it. The same plan gives the same text. Every value in it has
 * been through `familyOf`, is a number, or is a name that the configuration's schema lets through: nothing can end a line.
 */
export function writeRuleSet(plan: NetworkPlan): string {
  const sets = networkSets(plan.services);
  return `#!/usr/sbin/nft -f
# Made by \`ringfort harden network\`: make it again rather than edit it. \`ringfort harden network --check\` compares.

# First there, then gone, then new: all in one transaction, so that the host is never without it.
table inet ${TABLE}
delete table inet ${TABLE}

table inet ${TABLE} {
${sets.text}${dynamicSet("share4", "ipv4_addr", "1m")}${dynamicSet("share6", "ipv6_addr", "1m")}${dynamicSet("ftp4", "ipv4_addr", "2h")}${dynamicSet("ftp6", "ipv6_addr", "2h")}
${chain("input", [...inputRules(plan), ...plan.services.flatMap((service) => serviceRules(service, sets.nameOf))], "input")}
${chain("share", shareRules(plan.newConnections))}
${chain("forward", [], "forward")}
${chain("output", [...OUTPUT, ...plan.services.flatMap(callBackRules(sets.nameOf)), ...plan.egress.flatMap((each) => egressRules(each, plan.outside))], "output")}}
`;
}

/** What comes in before it is asked for which service. */
function inputRules({ outside, inside }: NetworkPlan): readonly string[] {
  return [
    'iifname "lo" accept',
    // An answer to what this host has asked is all that comes in outside.
    "ct state invalid drop",
    'fib daddr . iif type != { local, broadcast, multicast } drop comment "weak host"',
    // The kernel has rp_filter for IPv4 alone. An address that is not there yet (RFC 4862 section 5.4.2) has no way back.
    'meta nfproto ipv4 fib saddr . iif oif missing drop comment "spoofed source"',
    'ip6 saddr != :: fib saddr . iif oif missing drop comment "spoofed source"',
    "tcp flags & (fin | syn | rst | ack) != syn ct state new drop",
    // Segments of a few bytes make the sender's work large for the asker's small (CVE-2019-11479).
    "tcp flags syn tcp option maxseg size 1-535 drop",
    "ct state established ct direction reply accept",
    `ct state related icmp type { destination-unreachable, time-exceeded, parameter-problem } accept`,
    `ct state related icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept`,
    // RFC 4890 section 4.4.1: without these IPv6 has no neighbours; a hop limit of 255 says that no router passed them on.
    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept",
    "icmpv6 type mld-listener-query ip6 hoplimit 1 ip6 saddr fe80::/10 accept",
    `iifname ${quoted(outside)} drop comment "nothing outside"`,
    `ct state established ct direction original ct mark & ${PAID} == ${PAID} accept`,
    ...(inside.length === 0
      ? []
      : [`iifname ${among(inside.map(quoted))} ct state established ct direction original jump share`]),
  ];
}

/**
 * One client's share of new connections, taken when its handshake ends: a SYN with somebody else's address takes nothing from
 * them. There is no sum over all clients, which whoever can send SYNs would use to shut everybody out.
 */
function shareRules(perSecond: number): readonly string[] {
  const over = `limit rate over ${perSecond}/second burst ${perSecond * 5} packets`;
  return [
    `add @share4 { ip saddr ${over} } drop`,
    // Whoever has one address of a /64 has all of them.
    `add @share6 { ip6 saddr & ffff:ffff:ffff:ffff:: ${over} } drop`,
    `ct mark set ct mark | ${PAID} accept`,
  ];
}

function serviceRules(service: Service, nameOf: SetName): readonly string[] {
  const clients = clientsOf(service, "saddr", nameOf);
  if (clients === null) return [];
  const at =
    service.address === null
      ? `meta nfproto ${service.family === "ip" ? "ipv4" : "ipv6"}`
      : `${service.family} daddr ${service.address}`;
  const ports = among(service.ports.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)));
  return [
    `iifname ${quoted(service.interface)} ${at} ${clients}tcp dport ${ports} ct state new accept comment ${quoted(service.name)}`,
  ];
}

function callBackRules(nameOf: SetName): (service: Service) => readonly string[] {
  return (service) => {
    const clients = clientsOf(service, "daddr", nameOf);
    if (!service.callsBack || clients === null || service.address === null) return [];
    return [
      `oifname ${quoted(service.interface)} ${service.family} saddr ${service.address} ${clients}tcp dport 1024-65535 ct state new accept comment ${quoted(`${service.name} active`)}`,
    ];
  };
}

const OUTPUT = [
  'oifname "lo" accept',
  "ct state invalid drop",
  "ct state established accept",
  // ICMP and ICMPv6 by number: their names stand in /etc/protocols, which a small system has not.
  "ct state related meta l4proto { 1, 58 } accept",
  "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept",
  "icmpv6 type mld2-listener-report ip6 hoplimit 1 accept",
] as const;

function egressRules({ name, user, protocol, port, to, ftp }: Egress, outside: string): readonly string[] {
  const family = to === null ? null : familyOf(to);
  // A host's name may lead inside, by mistake or by a hostile answer; an address that somebody wrote down may not.
  const way = family === null ? `oifname ${quoted(outside)}` : `${family} daddr ${to}`;
  const who = user === null ? "" : `meta skuid ${user} `;
  const called = comment(name);
  if (!ftp) return [`${who}${way} ${protocol} dport ${port} ct state new accept ${called}`];
  return (["ip", "ip6"] as const)
    .filter((each) => family === null || family === each)
    .flatMap((each) => {
      const peers = each === "ip" ? "ftp4" : "ftp6";
      return [
        `${who}${way} tcp dport ${port} ct state new update @${peers} { ${each} daddr } accept ${called}`,
        `${who}${way} ${each} daddr @${peers} tcp dport 1024-65535 ct state new accept ${comment(`${name} data`)}`,
      ];
    });
}

type SetName = (networks: readonly string[], family: Family) => string | null;

/** The part of a rule that asks who the client is; `null` where no client of this version of IP may be one. */
function clientsOf({ clients, family }: Service, end: "saddr" | "daddr", nameOf: SetName): string | null {
  const asked = clients.filter((networks) => networks.length > 0).map((networks) => nameOf(networks, family));
  return asked.includes(null) ? null : asked.map((name) => `${family} ${end} @${name} `).join("");
}

/** Each list of networks is a set, once for each version of IP. The kernel merges what overlaps. */
function networkSets(services: readonly Service[]): { readonly text: string; readonly nameOf: SetName } {
  const names = new Map<string, string>();
  const texts: string[] = [];
  const nameOf: SetName = (networks, family) => {
    const own = [...new Set(networks.map((each) => each.toLowerCase()))].filter((each) => familyOf(each) === family);
    if (own.length === 0) return null;
    const elements = own.toSorted().join(", ");
    const known = names.get(elements);
    if (known !== undefined) return known;
    const name = `clients${names.size + 1}`;
    names.set(elements, name);
    const type = family === "ip" ? "ipv4_addr" : "ipv6_addr";
    texts.push(
      `  set ${name} {\n    type ${type}\n    flags interval\n    auto-merge\n    elements = { ${elements} }\n  }\n`,
    );
    return name;
  };
  for (const { clients, family } of services)
    for (const networks of clients) if (networks.length > 0) nameOf(networks, family);
  return { text: texts.join(""), nameOf };
}

/** A full set lets through what it cannot count: a flood of addresses shuts nobody out. */
function dynamicSet(name: string, type: string, timeout: string): string {
  return `  set ${name} {\n    type ${type}\n    size 65535\n    flags dynamic, timeout\n    timeout ${timeout}\n  }\n`;
}

function chain(name: string, rules: readonly string[], hook?: string): string {
  const head = hook === undefined ? "" : `    type filter hook ${hook} priority filter; policy drop;\n`;
  return `  chain ${name} {\n${head}${rules.map((rule) => `    ${rule}\n`).join("")}  }\n`;
}

function among(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? "") : `{ ${values.join(", ")} }`;
}

/** A name of ours or of an interface, between quotation marks; nothing that a schema lets through holds one. */
function quoted(text: string): string {
  if (!/^[A-Za-z0-9 ._:@-]+$/.test(text)) throw new Error("a name that no schema lets through stands in a rule");
  return `"${text}"`;
}

function comment(text: string): string {
  return `comment ${quoted(text)}`;
}
