import {
  type Check,
  EVERYWHERE,
  fail,
  few,
  notApplicable,
  ON_SERVERS,
  over,
  overAll,
  pass,
  sysctl,
  type Verdict,
} from "./check.ts";
import type { Fact, HostFacts, ProcessFacts } from "./facts.ts";

/** What systemd's exposure may be: docs/hardening.md. */
const MOST_EXPOSURE = 1;
/** Of units that run for a moment (Type=oneshot) and take nothing from strangers: those that look at the machine are root. */
const MOST_PASSING_EXPOSURE = 3.5;
/** CAP_NET_BIND_SERVICE, which a keeper without socket units needs for low ports (capability.h). */
const BIND_LOW_PORTS = 1n << 10n;

function ofRunning(
  facts: HostFacts,
  good: string,
  wrong: (each: ProcessFacts) => { readonly fact: Fact<unknown>; readonly said: string | null },
  which: (each: ProcessFacts) => boolean = () => true,
): Verdict {
  return over(facts.processes, (processes) => {
    const those = processes.filter(which);
    if (processes.length === 0) return { kind: "unknown", said: "no process of ours runs" };
    if (those.length === 0) return notApplicable("no such process runs");
    return overAll(
      those,
      (each) => wrong(each).fact,
      (_, each) => wrong(each).said,
      good,
    );
  });
}

const named = ({ role, pid }: ProcessFacts): string => `${role} (${pid})`;
const isWorker = ({ role }: ProcessFacts): boolean => role !== "keeper";

function seen<T>(fact: Fact<T>, isWrong: (is: T) => boolean, said: string): { fact: Fact<T>; said: string | null } {
  return { fact, said: "is" in fact && isWrong(fact.is) ? said : null };
}

/** PRIV: what the processes could do if somebody took one over. */
export const PROCESS_CHECKS: readonly Check[] = [
  {
    id: "PRIV-01",
    severity: "critical",
    title: "no process of ours is root",
    means: "whoever takes over a process that is root has the machine",
    fix: "User=ringfort in the [Service] section of ringfort.service, then systemctl restart ringfort",
    origin: "paper 5.2.4; ANSSI R64",
    profiles: EVERYWHERE,
    judge: (facts) =>
      ofRunning(facts, "every process has a user of its own", (each) =>
        seen(each.uid, (uid) => uid === 0, named(each)),
      ),
  },
  {
    id: "PRIV-02",
    severity: "high",
    title: "no process holds a capability",
    means: "a capability is a piece of root; only the keeper may bind low ports, where no socket unit does",
    fix: "CapabilityBoundingSet= and AmbientCapabilities= (both empty), with socket units for low ports",
    origin: "paper 5.2.4",
    profiles: EVERYWHERE,
    judge: (facts) =>
      ofRunning(facts, "no capability is in force", (each) =>
        seen(
          each.capabilities,
          // One that is root holds them all, and PRIV-01 says so.
          (set) =>
            (each.role === "keeper" ? set & ~BIND_LOW_PORTS : set) !== 0n && !("is" in each.uid && each.uid.is === 0),
          named(each),
        ),
      ),
  },
  {
    id: "PRIV-03",
    severity: "high",
    title: "no worker can gain privileges",
    means: "without no_new_privs a set-user-ID program gives a taken-over worker more than it had",
    fix: "confinement: { least: kernel } in ringfort.yaml, NoNewPrivileges=yes in the unit",
    origin: "ANSSI R65",
    profiles: EVERYWHERE,
    judge: (facts) =>
      ofRunning(
        facts,
        "no_new_privs is set on every worker",
        (each) => seen(each.noNewPrivileges, (is) => !is, named(each)),
        isWorker,
      ),
  },
  {
    id: "PRIV-04",
    severity: "high",
    title: "a filter of system calls is on every worker",
    means: "a worker without one may ask the kernel for anything",
    fix: "confinement: { least: kernel } in ringfort.yaml",
    origin: "ANSSI R65",
    profiles: EVERYWHERE,
    judge: (facts) =>
      ofRunning(
        facts,
        "every worker is under a filter",
        (each) => seen(each.seccomp, (mode) => mode !== 2, named(each)),
        isWorker,
      ),
  },
  {
    id: "PRIV-05",
    severity: "medium",
    title: "no worker has memory that is written and run",
    means: "such memory is where an attacker puts code",
    fix: "run the servers with --jitless and MemoryDenyWriteExecute=yes; a Node that compiles at run time breaks under it",
    origin: "ANSSI R66",
    profiles: ON_SERVERS,
    judge: (facts) =>
      ofRunning(
        facts,
        "no mapping is writable and executable",
        (each) => seen(each.writableExecutable, (count) => count > 0, named(each)),
        isWorker,
      ),
  },
  {
    id: "PRIV-06",
    severity: "medium",
    title: "every role has a user of its own",
    means: "one user for all lets one process send signals to another, and makes it the owner of the other's files",
    fix: "one unit and one User= for each role (level L2 of docs/hardening.md)",
    origin: "ANSSI R35",
    profiles: ON_SERVERS,
    judge: oneUserEach,
  },
  {
    id: "PRIV-07",
    severity: "medium",
    title: "no process leaves core dumps",
    means: "a dump holds keys, and passwords to upstreams, in a file",
    fix: "LimitCORE=0 in the unit; sysctl -w fs.suid_dumpable=0",
    origin: "CIS 1.5.4, 1.5.10",
    profiles: ON_SERVERS,
    judge: noDumps,
  },
  {
    id: "PRIV-08",
    severity: "high",
    title: "no secret is in an environment",
    means: "an environment is inherited, and is shown in /proc to whoever shares the user",
    fix: "systemctl edit ringfort: remove the Environment= line; name a file in the configuration instead",
    origin: "docs/threat-model.md",
    profiles: EVERYWHERE,
    judge: (facts) =>
      ofRunning(facts, "no variable has the name of a secret", (each) =>
        seen(
          each.secretNames,
          (names) => names.length > 0,
          `${named(each)}: ${"is" in each.secretNames ? few(each.secretNames.is) : ""}`,
        ),
      ),
  },
  {
    id: "PRIV-09",
    severity: "medium",
    title: "the exposure of our units is at most 1.0",
    means:
      "systemd counts what a unit could still do; nginx and vsftpd of Debian 12 stand at 9.6 (3.5 for a unit that runs for a moment)",
    fix: "ringfort audit --advise UNIT; systemctl cat UNIT shows which drop-in opens it",
    origin: "paper 5.2.4; ANSSI R63",
    profiles: ON_SERVERS,
    judge: (facts) =>
      over(facts.exposures, (units) =>
        units.length === 0
          ? { kind: "unknown", said: "no unit of ours is installed" }
          : overAll(
              units,
              ({ score }) => ({ is: score }),
              (score, { unit, passing }) =>
                score > (passing ? MOST_PASSING_EXPOSURE : MOST_EXPOSURE) ? `${unit} ${score}` : null,
              few(units.map(({ unit, score }) => `${unit} ${score}`)),
            ),
      ),
  },
  {
    id: "PRIV-10",
    severity: "medium",
    title: "servers have a network without interfaces",
    means: "a server that is handed its sockets needs no way out",
    fix: "PrivateNetwork=yes in the servers' units, with socket units",
    origin: "ANSSI R78",
    profiles: ON_SERVERS,
    judge: (facts) =>
      ofRunning(
        facts,
        "only a loopback is there for them",
        (each) => seen(each.emptyNetwork, (empty) => !empty, named(each)),
        ({ role }) => role === "serve",
      ),
  },
];

function oneUserEach(facts: HostFacts): Verdict {
  return over(facts.processes, (processes) => {
    if (processes.length === 0) return { kind: "unknown", said: "no process of ours runs" };
    const rolesOf = new Map<number, Set<string>>();
    for (const { role, uid } of processes) {
      if ("unknown" in uid) return { kind: "unknown", said: uid.unknown };
      // Root is nobody's own user, and PRIV-01 says so.
      if (uid.is !== 0) rolesOf.set(uid.is, (rolesOf.get(uid.is) ?? new Set()).add(role));
    }
    const shared = [...rolesOf].filter(([, roles]) => roles.size > 1);
    if (shared.length === 0) return pass("no user has two roles");
    return fail(shared.map(([uid, roles]) => `user ${uid}: ${[...roles].join(", ")}`).join("; "));
  });
}

function noDumps(facts: HostFacts): Verdict {
  const dumpable = over(sysctl(facts, "fs.suid_dumpable"), (value) =>
    value === "0" ? pass("") : fail(`fs.suid_dumpable is ${value}`),
  );
  if (dumpable.kind !== "pass") return dumpable;
  return ofRunning(facts, "the limit is 0 everywhere", (each) => seen(each.coreLimit, (most) => most > 0, named(each)));
}
