import { CAPABILITIES } from "./capabilities.ts";
import type { Profile } from "./profile.ts";

/** What a program of somebody else may do in a trial by our own launcher. What is not named is refused, as far as Landlock and a filter can. */
export interface TrialPolicy {
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly executes: readonly string[];
  /** TCP ports; `null`: any. */
  readonly binds: readonly number[] | null;
  readonly connects: readonly number[];
  readonly families: readonly string[];
  readonly refusedCalls: readonly string[];
  /** Bits of capabilities that it can never have. */
  readonly droppedCapabilities: readonly number[];
}

/** What a unit gives everybody: the loader, the plain devices, processes. */
const READS = ["/lib64", "/etc/ld.so.cache", "/etc/ld.so.preload", "/proc", "/sys/devices/system/cpu"];
const WRITES = [
  "/dev/null",
  "/dev/zero",
  "/dev/full",
  "/dev/tty",
  "/dev/random",
  "/dev/urandom",
  "/dev/pts",
  "/dev/ptmx",
];
const LOADERS = ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"];

type Values = readonly { readonly value: string }[];
const values = (needs: Values): readonly string[] => needs.map(({ value }) => value);
const ports = (needs: Values): readonly number[] =>
  needs.flatMap(({ value }) => (value.startsWith("tcp:") ? [Number(value.slice(4))] : []));

/** The same paths, ports, families and calls as the unit's; without systemd nothing is hidden or private, only refused. */
export function trialPolicyOf(profile: Profile, refusable: readonly string[]): TrialPolicy {
  const seen = new Set(values(profile.calls));
  const mayConnect = profile.connects.length > 0 || profile.reachesLocal;
  return {
    reads: [...READS, ...values(profile.reads), ...values(profile.kernel), ...values(profile.executes)],
    writes: [
      ...WRITES,
      ...values(profile.writes),
      ...values(profile.scratch),
      ...values(profile.devices),
      ...profile.runtime.map(({ value }) => `/run/${value}`),
    ],
    executes: [...values(profile.executes), ...LOADERS],
    binds: profile.anyPort === null ? ports(profile.binds) : null,
    connects: ports(profile.connects),
    families: values(profile.families),
    refusedCalls: refusable.filter((call) => (call === "connect" ? !mayConnect : !seen.has(call))),
    droppedCapabilities: CAPABILITIES.flatMap((name, bit) =>
      profile.capabilities.some(({ value }) => value === name) ? [] : [bit],
    ),
  };
}
