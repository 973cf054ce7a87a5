import {
  type Check,
  EVERYWHERE,
  fail,
  few,
  ON_BASTIONS,
  ON_SERVERS,
  over,
  pass,
  type Severity,
  sysctl,
  type Verdict,
} from "./check.ts";
import type { HostFacts } from "./facts.ts";

/** `name` has one of the values. */
function has(facts: HostFacts, name: string, values: readonly string[]): Verdict {
  return over(sysctl(facts, name), (value) =>
    values.includes(value) ? pass(`${name} is ${value}`) : fail(`${name} is ${value}`),
  );
}

/**
 * A setting on every interface. The kernel joins `all` and the interface's own by OR for hosts (ip-sysctl), so that one that
 * is on anywhere counts; `default` is what the next interface begins with.
 */
function everyInterface(facts: HostFacts, families: readonly string[], setting: string, good: string): Verdict {
  return over(facts.interfaces, (interfaces) => {
    const wrong: string[] = [];
    for (const family of families)
      for (const each of ["all", "default", ...interfaces]) {
        const name = `net.${family}.conf.${each}.${setting}`;
        const verdict = has(facts, name, [good]);
        if (verdict.kind === "unknown") {
          // Without IPv6 in the kernel there is nothing to set.
          if (family === "ipv6" && noIpv6(facts)) continue;
          return verdict;
        }
        if (verdict.kind === "fail") wrong.push(name);
      }
    return wrong.length === 0 ? pass(`${setting} is ${good} on every interface`) : fail(few(wrong));
  });
}

function noIpv6(facts: HostFacts): boolean {
  return !Object.keys(facts.sysctls).some(
    (name) => name.startsWith("net.ipv6.") && "is" in (facts.sysctls[name] ?? {}),
  );
}

function first(...verdicts: readonly Verdict[]): Verdict {
  const [one] = verdicts;
  return (
    verdicts.find(({ kind }) => kind === "fail") ??
    verdicts.find(({ kind }) => kind === "unknown") ??
    one ?? { kind: "unknown", said: "nothing was asked" }
  );
}

/** NET-06 to NET-11: what the kernel does with packets. */
export const SYSCTL_NETWORK_CHECKS: readonly Check[] = [
  {
    id: "NET-06",
    severity: "medium",
    title: "SYN cookies are on",
    means: "without them a flood of half-open connections keeps clients out",
    fix: "sysctl -w net.ipv4.tcp_syncookies=1",
    origin: "paper 5.4.1; CIS 3.3.1.18",
    profiles: ON_SERVERS,
    judge: (facts) => has(facts, "net.ipv4.tcp_syncookies", ["1", "2"]),
  },
  {
    id: "NET-07",
    severity: "medium",
    title: "ICMP redirects are refused on every interface",
    means: "a redirect lets a neighbour move the road to an upstream",
    fix: "sysctl -w net.ipv4.conf.{all,default,IFACE}.accept_redirects=0 net.ipv6.conf.{all,default,IFACE}.accept_redirects=0",
    origin: "paper 5.4.2; CIS 3.3.1.8-11, 3.3.2.3",
    profiles: ON_SERVERS,
    judge: (facts) => everyInterface(facts, ["ipv4", "ipv6"], "accept_redirects", "0"),
  },
  {
    id: "NET-08",
    severity: "low",
    title: "no ICMP redirects are sent",
    means: "only a router sends them",
    fix: "sysctl -w net.ipv4.conf.{all,default,IFACE}.send_redirects=0",
    origin: "CIS 3.3.1.4",
    profiles: ON_SERVERS,
    judge: (facts) => everyInterface(facts, ["ipv4"], "send_redirects", "0"),
  },
  {
    id: "NET-09",
    severity: "medium",
    title: "source routing is refused on every interface",
    means: "a packet that chooses its own way goes around the firewall",
    fix: "sysctl -w net.ipv4.conf.{all,default,IFACE}.accept_source_route=0 net.ipv6.conf.{all,default,IFACE}.accept_source_route=0",
    origin: "CIS 3.3.1.14",
    profiles: ON_SERVERS,
    judge: (facts) => everyInterface(facts, ["ipv4", "ipv6"], "accept_source_route", "0"),
  },
  {
    id: "NET-10",
    severity: "medium",
    title: "sources are checked on outside interfaces",
    means: "else a packet from outside may claim an inside address",
    fix: "sysctl -w net.ipv4.conf.{all,OUTSIDE}.rp_filter=1",
    origin: "paper 5.4; CIS 3.3.1.12; ANSSI R12",
    profiles: ON_BASTIONS,
    judge: (facts) =>
      over(facts.outside, (outside) =>
        outside.length === 0
          ? { kind: "not-applicable", said: "no interface leads outside" }
          : first(...outside.map((each) => reversePath(facts, each))),
      ),
  },
  {
    id: "NET-11",
    severity: "high",
    title: "the machine is no router",
    means: "a mirror between two networks that forwards is a hole between them",
    fix: "sysctl -w net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0",
    origin: "paper 4; CIS 3.3.1.1; ANSSI R12",
    profiles: ON_SERVERS,
    judge: (facts) =>
      first(
        has(facts, "net.ipv4.ip_forward", ["0"]),
        ...(noIpv6(facts) ? [] : [has(facts, "net.ipv6.conf.all.forwarding", ["0"])]),
      ),
  },
];

/** The kernel takes the larger of `all` and the interface's own (ip-sysctl, rp_filter); 1 is strict, 2 loose. */
function reversePath(facts: HostFacts, outside: string): Verdict {
  return over(sysctl(facts, "net.ipv4.conf.all.rp_filter"), (all) =>
    over(sysctl(facts, `net.ipv4.conf.${outside}.rp_filter`), (own) => {
      const inForce = Math.max(Number(all), Number(own));
      return inForce === 1 ? pass(`rp_filter is 1 on ${outside}`) : fail(`rp_filter is ${inForce} on ${outside}`);
    }),
  );
}

function kernelCheck(
  id: string,
  severity: Severity,
  [title, means]: readonly [string, string],
  settings: Readonly<Record<string, readonly string[]>>,
  origin: string,
): Check {
  const set = Object.entries(settings).map(([name, [value]]) => `${name}=${value}`);
  return {
    id,
    severity,
    title,
    means,
    fix: `sysctl -w ${set.join(" ")}, and the same in /etc/sysctl.d/`,
    origin,
    profiles: EVERYWHERE,
    judge: (facts) => first(...Object.entries(settings).map(([name, values]) => has(facts, name, values))),
  };
}

/** KRN: what the kernel tells and keeps. The value to set stands first. */
export const KERNEL_CHECKS: readonly Check[] = [
  kernelCheck(
    "KRN-01",
    "low",
    ["kernel addresses are hidden", "they help whoever looks for a way into the kernel"],
    { "kernel.kptr_restrict": ["2", "1"] },
    "ANSSI R9",
  ),
  kernelCheck(
    "KRN-02",
    "low",
    ["the kernel's messages are root's", "they tell addresses and devices"],
    { "kernel.dmesg_restrict": ["1"] },
    "ANSSI R9",
  ),
  kernelCheck(
    "KRN-03",
    "medium",
    ["programs for the kernel's BPF are root's", "it has been a way into the kernel again and again"],
    { "kernel.unprivileged_bpf_disabled": ["1", "2"] },
    "ANSSI R9",
  ),
  kernelCheck(
    "KRN-04",
    "medium",
    ["links in shared folders are guarded", "a link in /tmp makes somebody else's process write where it should not"],
    { "fs.protected_symlinks": ["1"], "fs.protected_hardlinks": ["1"] },
    "CIS 1.5; ANSSI R14",
  ),
  kernelCheck(
    "KRN-05",
    "medium",
    ["addresses are random", "without it every process lies where an exploit expects it"],
    { "kernel.randomize_va_space": ["2"] },
    "CIS 1.5.1; ANSSI R9",
  ),
];
