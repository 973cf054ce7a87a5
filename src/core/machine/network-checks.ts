import { type Check, fail, few, notApplicable, ON_BASTIONS, ON_SERVERS, over, pass, type Verdict } from "./check.ts";
import type { HostFacts, Listener } from "./facts.ts";
import { type Fate, fateOf, globalLevers, inputFilters, readRuleset } from "./ruleset.ts";
import { SYSCTL_NETWORK_CHECKS } from "./sysctl-checks.ts";

const isWildcard = (address: string): boolean => address === "0.0.0.0" || address === "::";
const isLoopback = (address: string): boolean =>
  address.startsWith("127.") || address === "::1" || address === "::ffff:127.0.0.1";

interface Ours {
  /** Whether a port is one of a channel's, whatever its address. */
  readonly port: (port: number) => boolean;
  readonly ports: readonly number[];
  readonly hosts: ReadonlySet<string>;
}

function oursOf({ configured: { channels } }: HostFacts): Ours {
  const listens = channels.flatMap((each) => each.listens);
  const ranges = channels.flatMap(({ passive }) => (passive === null || passive.from === 0 ? [] : [passive]));
  const ports = [...new Set(listens.map(({ port }) => port))].filter((port) => port !== 0);
  return {
    ports: [...ports, ...ranges.map(({ from }) => from)],
    port: (port) => ports.includes(port) || ranges.some(({ from, to }) => port >= from && port <= to),
    hosts: new Set(listens.map(({ host }) => host)),
  };
}

const shown = ({ protocol, address, port }: Listener): string =>
  `${protocol} ${address.includes(":") ? `[${address}]` : address}:${port}`;

/** NET: what can be reached, from where, and what the kernel believes. */
export const NETWORK_CHECKS: readonly Check[] = [
  {
    id: "NET-01",
    severity: "critical",
    title: "channels listen on inside addresses alone",
    means: "a channel on every address, or on an outside one, is served to the Internet",
    fix: "channels.NAME.listen: 10.20.0.10:80 in ringfort.yaml, an inside address each",
    origin: "paper 5.2.2",
    profiles: ON_SERVERS,
    judge: onInsideAlone,
  },
  {
    id: "NET-02",
    severity: "high",
    title: "nothing listens that is not expected",
    means: "every further service is a further way in",
    fix: "ss -ltnup shows whose it is: systemctl disable --now UNIT, or ringfort audit --expect ADDRESS:PORT",
    origin: "paper 3.1.1; ANSSI R62, R80",
    profiles: ON_SERVERS,
    judge: onlyExpected,
  },
  {
    id: "NET-03",
    severity: "high",
    title: "the packet filter drops what it does not know",
    means: "with a policy of accept every mistake in a rule is a hole",
    fix: "nft chain inet filter input '{ policy drop; }', after rules for what is wanted (docs/hardening.md)",
    origin: "paper 5.4.3; ANSSI R80",
    profiles: ON_SERVERS,
    judge: (facts) =>
      over(facts.ruleset, (value) => {
        const chains = readRuleset(value);
        if (chains === null) return { kind: "unknown", said: "the rule set could not be read" };
        const families = new Set(
          inputFilters(chains)
            .filter(({ policy }) => policy === "drop")
            .map(({ family }) => family),
        );
        const both = families.has("inet") || (families.has("ip") && families.has("ip6"));
        return both ? pass("input: policy drop") : fail("no input chain with the policy drop for IPv4 and IPv6");
      }),
  },
  {
    id: "NET-04",
    severity: "critical",
    title: "the outside cannot reach a channel's ports",
    means: "Linux answers for an inside address on the outside interface too: binding does not keep anybody out",
    fix: "nft insert rule inet filter input iifname OUTSIDE tcp dport '{ 21, 80, 443 }' drop",
    origin: "paper 5.4.3",
    profiles: ON_BASTIONS,
    judge: outsideIsDropped,
  },
  {
    id: "NET-05",
    severity: "high",
    title: "no limit is shared by all clients",
    means: "under a flood a limit on all connections together keeps everybody else out: the limit is the outage",
    fix: "count for each source: add @conns { ip saddr ct count over 32 } drop, with a dynamic set",
    origin: "docs/hardening.md",
    profiles: ON_SERVERS,
    judge: (facts) =>
      over(facts.ruleset, (value) => {
        const chains = readRuleset(value);
        if (chains === null) return { kind: "unknown", said: "the rule set could not be read" };
        const levers = globalLevers(chains);
        return levers.length === 0 ? pass("none is") : fail(few(levers));
      }),
  },
  ...SYSCTL_NETWORK_CHECKS,
  {
    id: "NET-12",
    severity: "high",
    title: "each channel has an address of its own",
    means: "a firewall tells staging from production by their addresses",
    fix: "channels.NAME.listen in ringfort.yaml: another address for each channel",
    origin: "paper 6.3.1",
    profiles: ON_SERVERS,
    judge: ({ configured: { channels } }) => {
      if (channels.length < 2) return notApplicable("there is one channel");
      const holders = new Map<string, Set<string>>();
      for (const { name, listens } of channels)
        for (const { host } of listens) holders.set(host, (holders.get(host) ?? new Set()).add(name));
      const shared = [...holders].filter(([, names]) => names.size > 1);
      if (shared.length === 0) return pass("each has");
      return fail(shared.map(([host, names]) => `${host}: ${[...names].join(", ")}`).join("; "));
    },
  },
  {
    id: "NET-13",
    severity: "high",
    title: "each channel is bound to its interface",
    means: "a rule set can be flushed; a socket that is bound to its interface answers on no other",
    fix: "channels.NAME.interface: INSIDE in ringfort.yaml",
    origin: "docs/hardening.md",
    profiles: ON_BASTIONS,
    judge: ({ configured: { channels } }) => {
      const loose = channels.filter(
        (each) => each.interface === null && !each.listens.every(({ host }) => isLoopback(host)),
      );
      return loose.length === 0 ? pass("each is") : fail(loose.map(({ name }) => name).join(", "));
    },
  },
];

function onInsideAlone(facts: HostFacts): Verdict {
  return over(facts.listeners, (listeners) => {
    const ours = oursOf(facts);
    const those = listeners.filter(({ protocol, port }) => protocol === "tcp" && ours.port(port));
    const wild = those.filter(({ address }) => isWildcard(address));
    if (wild.length > 0) return fail(few(wild.map(shown)));
    if (those.every(({ address }) => isLoopback(address)))
      return those.length === 0 ? { kind: "unknown", said: "no channel listens" } : pass("on the loopback alone");
    return over(facts.outsideAddresses, (outside) => {
      const exposed = those.filter(({ address }) => outside.includes(address));
      return exposed.length === 0 ? pass(few(those.map(shown))) : fail(few(exposed.map(shown)));
    });
  });
}

function onlyExpected(facts: HostFacts): Verdict {
  return over(facts.listeners, (listeners) => {
    const ours = oursOf(facts);
    const expected = new Set(facts.expected);
    const outside = "is" in facts.outsideAddresses ? facts.outsideAddresses.is : [];
    const strange = listeners.filter(({ protocol, address, port }) => {
      if (isLoopback(address)) return false;
      // On another address than its own it is NET-01's.
      const isOurs = isWildcard(address) || ours.hosts.has(address) || outside.includes(address);
      if (protocol === "tcp" && ours.port(port) && isOurs) return false;
      const host = address.includes(":") ? `[${address}]` : address;
      return !expected.has(`${host}:${port}`) && !expected.has(`*:${port}`);
    });
    return strange.length === 0 ? pass("nothing does") : fail(few(strange.map(shown), 8));
  });
}

function outsideIsDropped(facts: HostFacts): Verdict {
  return over(facts.outside, (outside) => {
    if (outside.length === 0) return notApplicable("no interface leads outside");
    return over(facts.ruleset, (value) => {
      const chains = readRuleset(value);
      if (chains === null) return { kind: "unknown", said: "the rule set could not be read" };
      const fates = new Map<Fate, string[]>();
      for (const name of outside)
        for (const port of oursOf(facts).ports)
          for (const family of ["ip", "ip6"] as const) {
            const fate = fateOf(chains, { family, interface: name, port });
            fates.set(fate, [...(fates.get(fate) ?? []), `${name} ${family} ${port}`]);
          }
      const open = fates.get("accepted");
      if (open !== undefined) return fail(few(open));
      const doubtful = fates.get("perhaps");
      if (doubtful !== undefined)
        return { kind: "unknown", said: `it hangs on rules that were not understood: ${few(doubtful)}` };
      return pass(few(outside));
    });
  });
}
