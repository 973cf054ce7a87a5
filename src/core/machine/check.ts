import { type Fact, type HostFacts, unknown } from "./facts.ts";

export const SEVERITIES = ["critical", "high", "medium", "low"] as const;
export type Severity = (typeof SEVERITIES)[number];

export const PROFILES = ["trial", "server", "bastion"] as const;
/** What the machine is: somebody's workstation to try on, a server on an inside network, or a host on two networks. */
export type Profile = (typeof PROFILES)[number];

/** `said` tells what was seen. */
export type Verdict =
  | { readonly kind: "pass"; readonly said: string }
  | { readonly kind: "fail"; readonly said: string }
  | { readonly kind: "unknown"; readonly said: string }
  | { readonly kind: "not-applicable"; readonly said: string };

/** One check: a pure function over the facts, and what an operator wants to know of it. */
export interface Check {
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  /** What it means for the mirror when this fails. */
  readonly means: string;
  /** A command, or a line of a file and where it belongs. */
  readonly fix: string;
  /** Sections of the paper, CIS Debian 12, ANSSI R. */
  readonly origin: string;
  /** Profiles in which it is asked. */
  readonly profiles: readonly Profile[];
  readonly judge: (facts: HostFacts) => Verdict;
}

export function pass(said: string): Verdict {
  return { kind: "pass", said };
}

export function fail(said: string): Verdict {
  return { kind: "fail", said };
}

export function notApplicable(said: string): Verdict {
  return { kind: "not-applicable", said };
}

/** The verdict over what is known; UNKNOWN with its reason over what is not. */
export function over<T>(fact: Fact<T>, judge: (is: T) => Verdict): Verdict {
  return "is" in fact ? judge(fact.is) : { kind: "unknown", said: fact.unknown };
}

/** The first few of a list, and how many there are besides. */
export function few(items: readonly string[], most = 5): string {
  const shown = items.slice(0, most).join(", ");
  return items.length > most ? `${shown} and ${items.length - most} more` : shown;
}

/**
 * The verdict over several facts of one kind: a wrong one fails, whatever else is unknown; without one, an unknown one
 * makes it UNKNOWN; none at all is for the caller to say.
 */
export function overAll<T, V>(
  items: readonly T[],
  fact: (item: T) => Fact<V>,
  wrong: (is: V, item: T) => string | null,
  good: string,
): Verdict {
  const wrongs: string[] = [];
  let missing: string | null = null;
  for (const item of items) {
    const seen = fact(item);
    if ("unknown" in seen) missing ??= seen.unknown;
    else {
      const said = wrong(seen.is, item);
      if (said !== null) wrongs.push(said);
    }
  }
  if (wrongs.length > 0) return fail(few(wrongs));
  return missing === null ? pass(good) : { kind: "unknown", said: missing };
}

/** A setting of the kernel; one that nobody looked at is unknown. */
export function sysctl(facts: HostFacts, name: string): Fact<string> {
  return facts.sysctls[name] ?? unknown(`${name} is not there`);
}

export const EVERYWHERE: readonly Profile[] = [...PROFILES];
export const ON_SERVERS: readonly Profile[] = ["server", "bastion"];
export const ON_BASTIONS: readonly Profile[] = ["bastion"];
