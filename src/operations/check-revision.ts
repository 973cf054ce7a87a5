import { Failure } from "../core/kernel/errors.ts";
import { checkName } from "../core/model/check.ts";
import type { Evidence } from "../core/model/evidence.ts";
import type { Revision } from "../core/model/revision.ts";
import type { SourceSpec } from "../core/model/source.ts";
import type { Checker, CheckWord } from "../core/ports.ts";
import { revisionAlarms, silenceAlarm } from "../core/release/alarms.ts";
import type { ChannelDoors, Report } from "./sync-run.ts";

export interface CheckDoors extends Pick<ChannelDoors, "ledger" | "clock" | "events"> {
  readonly checker: Checker;
}

/**
 * Looks at one revision as the source's description says: the vendor's behaviour, then each check in its jail. What is
 * found is recorded as it is found, so that a check that takes long holds back nothing.
 */
export async function checkRevision(
  doors: CheckDoors,
  spec: SourceSpec,
  revision: Revision,
  report: Report,
  signal: AbortSignal,
): Promise<readonly Evidence[]> {
  const { ledger } = doors;
  const found: Evidence[] = [];
  const alarms = revisionAlarms(revision, await ledger.revisions(spec.name), spec.alarms);
  found.push(...(await record(doors, revision, "history", alarms)));
  if (spec.checks.length === 0) return found;
  const entries = await ledger.entries(spec.name, revision.number);
  for (const [index, check] of spec.checks.entries()) {
    if (signal.aborted) break;
    report(checkName(check), index, spec.checks.length, "steps");
    const word = await doors.checker.check(check, entries, signal);
    // A check that a stop has cut short has said nothing: it runs again when somebody asks.
    if (signal.aborted) break;
    found.push(...(await record(doors, revision, "check", [{ name: checkName(check), ...word }])));
  }
  return found;
}

/** Notes once that the vendor has been silent for longer than its habit, of the revision that it left us on. */
export async function noteSilence(doors: CheckDoors, spec: SourceSpec): Promise<void> {
  const { ledger, clock } = doors;
  const revisions = await ledger.revisions(spec.name);
  const [latest] = revisions;
  const alarm = silenceAlarm(revisions, clock.now(), spec.alarms);
  if (latest === undefined || alarm === null || alarm.code !== "alarm.vendor-silent") return;
  const before = await ledger.evidence(spec.name, latest.number);
  if (!before.some(({ code }) => code === alarm.code)) await record(doors, latest, "history", [alarm]);
}

/** A word from outside: a person, or a program that was asked to look. */
export interface OutsideWord {
  readonly source: string;
  readonly revision: number;
  readonly name: string;
  readonly good: boolean;
  readonly detail: string;
  readonly by: string;
}

/** Records what somebody outside says of a revision. Throws `revision.unknown`. */
export async function recordWord(doors: CheckDoors, word: OutsideWord): Promise<Evidence> {
  const { name, good, detail, by } = word;
  const revision = await doors.ledger.revision(word.source, word.revision);
  if (revision === null) throw new Failure("revision.unknown", `${word.source} has no revision ${word.revision}`);
  const said = { name, outcome: good ? "good" : "bad", code: good ? "report.good" : "report.bad", detail } as const;
  const [evidence] = await record(doors, revision, by, [said]);
  if (evidence === undefined) throw new Error("nothing was recorded");
  return evidence;
}

async function record(
  { ledger, clock, events }: CheckDoors,
  { source, number }: Revision,
  by: string,
  words: readonly (CheckWord & { readonly name: string })[],
): Promise<readonly Evidence[]> {
  const at = clock.now();
  const found = words.map((word): Evidence => ({ source, revision: number, at, by, ...word }));
  await ledger.recordEvidence(found);
  for (const { name, outcome, code, detail } of found)
    if (outcome !== "good")
      events.emit("evidence.found", { source, revision: number, name, outcome, code, detail, by });
  return found;
}
