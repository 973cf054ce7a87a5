import { Cron } from "croner";
import { Failure } from "../core/kernel/errors.ts";
import { type Duration, type Instant, parseDuration } from "../core/kernel/instant.ts";
import type { SourceSpec } from "../core/model/source.ts";

/** No interval is shorter: a vendor who is asked more often than this cools us down. */
const SHORTEST: Duration = 10_000;

/** setTimeout holds no longer delay than this. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * When a source runs next after `from`, without its jitter: "manual" is never, "every 1h" is counted from the last
 * run's start and never further off than that, a cron pattern is in local time. Throws `source.invalid` on anything else.
 */
export function nextRun(schedule: string, from: Instant, lastStart: Instant | null): Instant | null {
  if (schedule === "manual") return null;
  const interval = /^every (.+)$/.exec(schedule)?.[1];
  if (interval !== undefined) {
    const length = parseDuration(interval);
    if (length === null || length < SHORTEST)
      throw new Failure("source.invalid", `schedule "${schedule}": write for example "every 1h"; the shortest is 10s`);
    // A last start that lies ahead is of a clock that has been put back since: a source must not wait for it for years.
    return lastStart === null ? from : Math.max(from, Math.min(from, lastStart) + length);
  }
  // The library also reads six fields, the first of them seconds, and a date: the one is too often, the other only once.
  const fields = schedule.trim().split(/\s+/).length;
  try {
    if (fields !== 5) throw new Error(`${fields} fields`);
    return new Cron(schedule, { paused: true }).nextRun(new Date(from))?.getTime() ?? null;
  } catch (cause) {
    throw new Failure(
      "source.invalid",
      `schedule "${schedule}" is neither "manual", nor "every 1h", nor a cron pattern`,
      { cause },
    );
  }
}

interface Planned {
  readonly at: Instant;
  timer: NodeJS.Timeout | null;
}

/** Starts each source's runs when they are due. The jitter spreads the runs of many mirrors over a vendor's hour. */
export class Schedule {
  readonly #planned = new Map<string, Planned>();
  readonly #now: () => Instant;
  readonly #random: () => number;
  readonly #due: (source: string) => void;
  #stopped = false;

  constructor(now: () => Instant, random: () => number, due: (source: string) => void) {
    this.#now = now;
    this.#random = random;
    this.#due = due;
  }

  /** Plans, or plans again, one source's next run. */
  plan(spec: Pick<SourceSpec, "name" | "schedule" | "jitter">, lastStart: Instant | null): void {
    this.forget(spec.name);
    // A run that is ended by the stop plans its next one.
    if (this.#stopped) return;
    const at = nextRun(spec.schedule, this.#now(), lastStart);
    if (at === null) return;
    const planned: Planned = { at: at + Math.floor(this.#random() * spec.jitter), timer: null };
    this.#planned.set(spec.name, planned);
    this.#wait(spec.name, planned);
  }

  #wait(name: string, planned: Planned): void {
    const left = planned.at - this.#now();
    planned.timer = setTimeout(
      () => {
        if (left > LONGEST_TIMER) this.#wait(name, planned);
        else {
          this.#planned.delete(name);
          this.#due(name);
        }
      },
      Math.min(LONGEST_TIMER, Math.max(0, left)),
    );
  }

  nextRun(name: string): Instant | null {
    return this.#planned.get(name)?.at ?? null;
  }

  forget(name: string): void {
    const planned = this.#planned.get(name);
    if (planned?.timer) clearTimeout(planned.timer);
    this.#planned.delete(name);
  }

  stop(): void {
    this.#stopped = true;
    for (const name of this.#planned.keys()) this.forget(name);
  }
}
