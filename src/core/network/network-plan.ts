import type { Config } from "../config.ts";
import { channelServices } from "./channel-services.ts";
import { splitListen } from "./listen-address.ts";

/** One version of IP, as nftables and sysctl name it. */
export type Family = "ip" | "ip6";

/** A use of this host's address by clients: what they may connect to, and where they must come from. */
export interface Service {
  readonly name: string;
  readonly family: Family;
  readonly interface: string;
  /** `null`: whichever address of the interface. */
  readonly address: string | null;
  /** TCP ports, each `from` not above `to`. */
  readonly ports: readonly (readonly [from: number, to: number])[];
  /** A client must be in one network of each list; an empty list asks nothing. */
  readonly clients: readonly (readonly string[])[];
  /** FTP's active mode: the server calls its clients' high ports. */
  readonly callsBack: boolean;
}

/** A way out of this host. */
export interface Egress {
  readonly name: string;
  /** `null`: whoever asks, on this host. */
  readonly user: string | number | null;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  /** An address, on whatever interface; a host's name, or `null` for any host: outside alone. */
  readonly to: string | null;
  /** FTP: high ports of whom port 21 was called on. */
  readonly ftp: boolean;
}

export interface NetworkPlan {
  readonly outside: string;
  /** All inside interfaces, sorted. */
  readonly inside: readonly string[];
  readonly services: readonly Service[];
  readonly egress: readonly Egress[];
  /** New connections a second of one client. */
  readonly newConnections: number;
}

/** Where one source's files come from: its addresses, and the proxy that stands between. */
export interface SourceRoute {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly proxy: string | null;
}

/** What the configuration lacks for a rule set; each names the key. */
export interface Underdescribed {
  readonly kind: "underdescribed";
  readonly faults: readonly string[];
}

/** All that may come in and go out, from the configuration and the sources: `writeRuleSet` puts it into words of nftables. */
export function planNetwork(config: Config, sources: readonly SourceRoute[]): NetworkPlan | Underdescribed {
  const { outside, inside, newConnections } = config.host;
  const faults: string[] = [];
  if (outside === undefined) faults.push("host.outside: the interface towards the internet");
  const services = Object.entries(config.channels).flatMap(([name, channel]) =>
    channelServices(name, channel, inside, (fault) => faults.push(fault)),
  );
  const interfaces = new Set([...services.map((each) => each.interface), ...(inside === undefined ? [] : [inside])]);
  if (outside !== undefined && interfaces.has(outside))
    faults.push(`host.outside: ${outside} is also an inside interface; the host has two sides`);
  const admin = adminServices(config, (fault) => faults.push(fault));
  const egress = [...sourceEgress(sources, usersOf(config).fetch, (fault) => faults.push(fault)), ...ownEgress(config)];
  if (faults.length > 0 || outside === undefined) return { kind: "underdescribed", faults: [...new Set(faults)] };
  return {
    outside,
    inside: [...interfaces].toSorted(),
    services: [...services, ...admin],
    egress: onlyOnce(egress),
    newConnections,
  };
}

/** The host's own services, for its administrators alone: who names none has none. */
function adminServices({ host, console: api }: Config, fault: (text: string) => void): readonly Service[] {
  const { inside, admins, adminPorts } = host;
  if (admins.length === 0) return [];
  if (inside === undefined) {
    fault("host.inside: the interface on which administrators come in");
    return [];
  }
  const each = { interface: inside, clients: [admins], callsBack: false } as const;
  const ports = adminPorts.map((port) => [port, port] as const);
  const families: readonly Family[] = ["ip", "ip6"];
  const own =
    ports.length === 0 ? [] : families.map((family) => ({ ...each, name: "admin", family, address: null, ports }));
  const at = api === undefined ? null : splitListen(api.listen);
  if (at === null || at.loopback) return own;
  return [
    ...own,
    { ...each, name: "api", family: at.family, address: at.any ? null : at.host, ports: [[at.port, at.port]] },
  ];
}

const PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443, "ftp:": 21, "smtp:": 25, "smtps:": 465 };

/** Who connects outside: each role's own user where systemd gives it one, else the daemon's for all. */
function usersOf({
  confinement,
  host: { user },
}: Config): Readonly<Record<"fetch" | "notify" | "login", string | number>> {
  return confinement.least === "users" && user === "ringfort"
    ? { fetch: "ringfort-fetch", notify: "ringfort-notify", login: "ringfort-login" }
    : { fetch: user, notify: user, login: user };
}

function sourceEgress(
  sources: readonly SourceRoute[],
  user: string | number,
  fault: (text: string) => void,
): readonly Egress[] {
  return sources.flatMap(({ name, addresses, proxy }) =>
    addresses.flatMap((address): readonly Egress[] => {
      const scheme = /^[a-z]+:/.exec(address)?.[0];
      if (scheme === "file:") return [];
      const way = wayTo(proxy ?? address);
      if (way === null) {
        fault(`source ${name}: ${proxy ?? address} names no host and port`);
        return [];
      }
      return [{ name: `source ${name}`, user, protocol: "tcp", ...way, ftp: scheme === "ftp:" && proxy === null }];
    }),
  );
}

/** What the daemon itself reaches beside upstreams, and what its host needs. */
function ownEgress(config: Config): readonly Egress[] {
  const { host, notify, systemLog } = config;
  const { resolvers, timeServers } = host;
  const users = usersOf(config);
  const one = { ftp: false } as const;
  const dns = (["udp", "tcp"] as const).flatMap((protocol): readonly Egress[] =>
    resolvers.length === 0
      ? [...new Set(Object.values(users))].map((user) => ({
          ...one,
          name: "names",
          user,
          protocol,
          port: 53,
          to: null,
        }))
      : resolvers.map((to) => ({ ...one, name: "names", user: null, protocol, port: 53, to })),
  );
  const time = timeServers.map((to): Egress => ({ ...one, name: "time", user: null, protocol: "udp", port: 123, to }));
  const notices = Object.entries(notify).flatMap(([name, { mail, webhook }]): readonly Egress[] => {
    const way = wayTo(webhook?.url ?? mail?.server ?? "");
    return way === null ? [] : [{ ...one, name: `notices ${name}`, user: users.notify, protocol: "tcp", ...way }];
  });
  const log = /^(udp|tcp):\/\/(.+):(\d+)$/.exec(systemLog.to === "syslog" ? systemLog.address : "");
  const receiver: readonly Egress[] =
    log === null
      ? []
      : [
          {
            ...one,
            name: "system log",
            user: host.user,
            protocol: log[1] === "udp" ? "udp" : "tcp",
            port: Number(log[3]),
            to: bare(log[2] ?? ""),
          },
        ];
  const others = host.egress.flatMap(({ user: other, ports }) =>
    ports.map((port): Egress => ({ ...one, name: `user ${other}`, user: other, protocol: "tcp", port, to: null })),
  );
  return [...dns, ...time, ...notices, ...receiver, ...others];
}

/** The host and port of an address; `null` where it has none that are known. */
function wayTo(address: string): { readonly to: string; readonly port: number } | null {
  const [, scheme = "", host = "", port] =
    /^([a-z]+:)\/\/(?:[^/?#@]*@)?(\[[0-9A-Fa-f:.]+\]|[^/?#:@[\]]+)(?::(\d{1,5}))?(?:[/?#]|$)/.exec(address) ?? [];
  const number = Number(port ?? PORTS[scheme] ?? Number.NaN);
  return host === "" || !(number >= 1 && number <= 65_535) ? null : { to: bare(host), port: number };
}

function bare(host: string): string {
  return host.replaceAll(/^\[|\]$/g, "").toLowerCase();
}

function onlyOnce(egress: readonly Egress[]): readonly Egress[] {
  return [...new Map(egress.map((each) => [JSON.stringify(each), each])).values()];
}
