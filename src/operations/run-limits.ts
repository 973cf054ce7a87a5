import { Failure } from "../core/kernel/errors.ts";
import { formatDuration, type Instant } from "../core/kernel/instant.ts";
import type { SourceSpec } from "../core/model/source.ts";
import type { InspectableFile, Landed } from "../core/ports.ts";
import type { Run } from "./sync-run.ts";

/** Milliseconds left of a run's wall time; never less than one, so that the transfer itself reports the end. */
export function timeLeft(spec: SourceSpec, run: Run, now: Instant): number {
  if (run.signal.aborted) throw new Failure("daemon.stopping", "the run was ended from outside", { retry: "later" });
  const left = spec.budget.wallTime - (now - run.startedAt);
  if (left <= 0)
    throw new Failure(
      "upstream.timeout",
      `the run took longer than its budget of ${formatDuration(spec.budget.wallTime)}`,
      { retry: "later" },
    );
  return Math.max(1, Math.floor(left));
}

/** A landed file as inspection is told of it. */
export function quarantinedAs(
  path: string,
  landed: Landed,
  rest: Pick<InspectableFile, "partial" | "dialect" | "lastModified">,
): InspectableFile {
  return { path, file: landed.file, size: landed.size, absent: false, ...rest };
}

/** An HTTP-date in milliseconds since 1970 (RFC 9110 section 5.6.7), or `null`. */
export function parseHttpDate(text: string | null): Instant | null {
  const parsed = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(parsed) ? null : parsed;
}
