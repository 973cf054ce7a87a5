import { quoteOutside } from "../kernel/errors.ts";
import { type Duration, formatDuration, HOUR, type Instant } from "../kernel/instant.ts";
import type { AlarmSpec } from "../model/check.ts";
import type { EvidenceCode } from "../model/evidence.ts";
import type { Revision } from "../model/revision.ts";

/** What the vendor's own behaviour says of a revision. */
export interface Alarm {
  readonly name: string;
  readonly outcome: "good" | "bad" | "note";
  readonly code: EvidenceCode;
  readonly detail: string;
}

/** So many revisions show what is usual; fewer show nothing. */
const LEAST_HISTORY = 3;
/** Of the newest so many. */
const MOST_HISTORY = 20;

/** How the vendor behaved with this revision, measured on those before it (in any order). Pure. */
export function revisionAlarms(revision: Revision, all: readonly Revision[], { change }: AlarmSpec): readonly Alarm[] {
  const before = all
    .filter(({ number }) => number < revision.number)
    .toSorted((a, b) => b.number - a.number)
    .slice(0, MOST_HISTORY);
  return [
    jump(
      "alarm.size",
      "alarm.size-jump",
      revision.bytes,
      before.map(({ bytes }) => bytes),
      change,
      "bytes",
    ),
    jump(
      "alarm.count",
      "alarm.count-jump",
      revision.files,
      before.map(({ files }) => files),
      change,
      "files",
    ),
    signer(revision, before[0]),
    versions(revision, before),
  ];
}

function jump(
  name: string,
  code: EvidenceCode,
  now: number,
  before: readonly number[],
  change: number,
  unit: string,
): Alarm {
  const usual = before.toSorted((a, b) => a - b)[before.length >> 1] ?? 0;
  const detail = `${now} ${unit}, usually ${usual}`;
  const unusual = before.length >= LEAST_HISTORY && (now > usual * change || now * change < usual);
  return unusual ? { name, outcome: "bad", code, detail } : { name, outcome: "good", code: "alarm.none", detail };
}

/** A chain may be valid and the signer another all the same: then a person should know why. */
function signer({ vouchedBy }: Revision, before: Revision | undefined): Alarm {
  const name = "alarm.signer";
  if (before === undefined || before.vouchedBy === vouchedBy)
    return { name, outcome: "good", code: "alarm.none", detail: quoteOutside(vouchedBy) };
  const detail = `${quoteOutside(vouchedBy)}, before ${quoteOutside(before.vouchedBy)}`;
  return { name, outcome: "bad", code: "alarm.signer-changed", detail };
}

function versions(revision: Revision, before: readonly Revision[]): Alarm {
  const name = "alarm.version";
  const held = new Map<string, number>();
  for (const { series } of before)
    for (const each of series) held.set(each.name, Math.max(each.version, held.get(each.name) ?? 0));
  const back = revision.series.find((each) => each.version < (held.get(each.name) ?? 0));
  if (back === undefined) return { name, outcome: "good", code: "alarm.none", detail: "" };
  const detail = `${quoteOutside(back.name)}: ${back.version}, and ${held.get(back.name)} was held`;
  return { name, outcome: "bad", code: "alarm.version-back", detail };
}

/** No vendor is called silent sooner: whoever publishes every ten minutes may also pause. */
const LEAST_SILENCE: Duration = 6 * HOUR;

/**
 * Whether the vendor has published nothing for longer than its habit. It says nothing against what is held, and so is
 * a note; it may be a holiday, or somebody on the path who keeps us on old content. `null`: too little history. Pure.
 */
export function silenceAlarm(all: readonly Revision[], now: Instant, { silence }: AlarmSpec): Alarm | null {
  const times = all
    .map(({ sealedAt }) => sealedAt)
    .toSorted((a, b) => a - b)
    .slice(-MOST_HISTORY);
  const last = times.at(-1);
  const pauses = times.slice(1).map((at, index) => at - (times[index] ?? at));
  if (last === undefined || pauses.length < LEAST_HISTORY) return null;
  // The longest but one in ten: a single long pause is no habit.
  const usual = pauses.toSorted((a, b) => a - b)[Math.floor((pauses.length - 1) * 0.9)] ?? 0;
  const quiet = now - last > Math.max(LEAST_SILENCE, usual * silence);
  const detail = `nothing new for ${formatDuration(now - last)}, usually at most ${formatDuration(usual)}`;
  return { name: "alarm.silence", outcome: "note", code: quiet ? "alarm.vendor-silent" : "alarm.none", detail };
}
