import { DAY, formatDuration, HOUR } from "../kernel/instant.ts";
import { type Check, EVERYWHERE, fail, few, ON_SERVERS, over, overAll, pass, type Verdict } from "./check.ts";
import type { AdvisoryFacts, Fact, HostFacts } from "./facts.ts";
import { runtimeFault } from "./runtime-floor.ts";

const MOST_METADATA_AGE = 7 * DAY;
const MOST_FEED_AGE = 48 * HOUR;

/** PATCH: what this machine itself lacks, as hfnetchk told it of its day's. */
export const PATCH_CHECKS: readonly Check[] = [
  {
    id: "PATCH-01",
    severity: "high",
    title: "no security update is pending",
    means: "what is pending is known to whoever reads the vendor's advisories",
    fix: "apt-get update && apt-get upgrade",
    origin: "paper 5.1.2; CIS 1.2.2.1; ANSSI R61",
    profiles: EVERYWHERE,
    judge: ({ patch }) =>
      over(patch.pending, (updates) =>
        updates.length === 0
          ? pass("none is")
          : fail(
              `${updates.length}: ${few(updates.map(({ name, installed, candidate }) => `${name} ${installed} -> ${candidate}`))}`,
            ),
      ),
  },
  {
    id: "PATCH-02",
    severity: "medium",
    title: "what is known of updates is younger than a week",
    means: "an old index knows of no new updates: it shows none pending",
    fix: "apt-get update",
    origin: "ANSSI R61",
    profiles: EVERYWHERE,
    judge: ({ patch, now }) =>
      over(patch.metadataAt, (at) => {
        const said = `of ${new Date(at).toISOString().slice(0, 10)}`;
        return now - at > MOST_METADATA_AGE ? fail(said) : pass(said);
      }),
  },
  {
    id: "PATCH-03",
    severity: "high",
    title: "the runtime is at or above its security floor",
    means: "the second wall of every worker is Node's, and its holes are published",
    fix: "npm ci in the checkout, of a release whose lock file brings a newer Node",
    origin: "paper 5.1.2",
    profiles: EVERYWHERE,
    judge: ({ patch, now }) =>
      over(patch.runtime, (version) => {
        const fault = runtimeFault(version, now);
        return fault === null ? pass(version) : fail(fault);
      }),
  },
  {
    id: "PATCH-04",
    severity: "high",
    title: "advisories are younger than two days",
    means: "without fresh advisories nothing can be said of known vulnerabilities, and nothing is",
    fix: "audit: { advisories: [FILE] } in ringfort.yaml, a file of a source's exported tree; then ringfort sync NAME",
    origin: "paper 5.1.2",
    profiles: ON_SERVERS,
    judge: (facts) => feedsAreFresh(facts),
  },
  {
    id: "PATCH-05",
    severity: "medium",
    title: "no process runs a library that was replaced",
    means: "an update is in force only in processes that were started after it",
    fix: "systemctl restart ringfort",
    origin: "paper 5.1.2",
    profiles: EVERYWHERE,
    judge: ({ processes }) =>
      over(processes, (all) =>
        all.length === 0
          ? { kind: "unknown", said: "no process of ours runs" }
          : overAll(
              all,
              ({ replaced }) => replaced,
              (files, { role, pid }) => (files.length === 0 ? null : `${role} (${pid}): ${few(files, 2)}`),
              "none does",
            ),
      ),
  },
  {
    id: "PATCH-06",
    severity: "medium",
    title: "no restart of the machine is pending",
    means: "an update of the kernel is in force after it",
    fix: "systemctl reboot",
    origin: "paper 5.1.2",
    profiles: EVERYWHERE,
    judge: ({ patch }) => over(patch.rebootPending, (pending) => (pending ? fail("one is") : pass("none is"))),
  },
  {
    id: "PATCH-07",
    severity: "high",
    title: "no library of ours has a known vulnerability",
    means: "our libraries run in our processes",
    fix: "npm ci in the checkout, of a release with newer libraries",
    origin: "paper 5.1.2",
    profiles: ON_SERVERS,
    judge: ({ patch }) => noneKnown(patch.dependencies),
  },
  {
    id: "PATCH-08",
    severity: "medium",
    title: "no installed package has a vulnerability with a fix",
    means: "the fix exists, and is not here",
    fix: "apt-get update && apt-get upgrade",
    origin: "paper 5.1.2; ANSSI R61",
    profiles: ON_SERVERS,
    judge: ({ patch }) => noneKnown(patch.packages),
  },
  {
    id: "PATCH-09",
    severity: "medium",
    title: "nothing else on the machine runs a library that was replaced",
    means: "what a package has mended is not mended in a process that began before",
    fix: "systemctl restart each of them (ringfort observe PID tells whose it is), or systemctl reboot",
    origin: "paper 5.1.2",
    profiles: ON_SERVERS,
    judge: ({ replacedElsewhere }) =>
      over(replacedElsewhere, (all) =>
        all.length === 0
          ? pass("nothing does")
          : fail(few(all.map(({ pid, name, files }) => `${name} (${pid}): ${files[0] ?? ""}`))),
      ),
  },
];

function feedsAreFresh({ patch, now }: HostFacts): Verdict {
  return overAll(
    [patch.dependencies, patch.packages],
    (feed) => feed,
    ({ newest }) => {
      const age = now - newest;
      return age > MOST_FEED_AGE ? `the newest statement is ${formatDuration(age)} old` : null;
    },
    "they are",
  );
}

function noneKnown(feed: Fact<AdvisoryFacts>): Verdict {
  return over(feed, ({ vulnerabilities }) => {
    // What nobody can mend yet is no fault of this machine; it is counted.
    const mendable = vulnerabilities.filter(({ fixed }) => fixed !== null);
    const open = vulnerabilities.length - mendable.length;
    const besides = open === 0 ? "" : `; ${open} without a fix yet`;
    if (mendable.length === 0) return pass(`none with a fix${besides}`);
    return fail(`${few(mendable.map(({ name, version, id }) => `${name} ${version} ${id}`))}${besides}`);
  });
}
