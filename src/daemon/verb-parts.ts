import { Failure } from "../core/kernel/errors.ts";
import type { Duration } from "../core/kernel/instant.ts";
import type { Revision } from "../core/model/revision.ts";
import type { SourceSpec } from "../core/model/source.ts";
import type { AtStep } from "../core/ports.ts";
import type { SyncDoors } from "../operations/sync-run.ts";
import type { Certificates } from "./certificates.ts";
import type { Checkpoints } from "./checkpoints.ts";
import type { HealthWatch } from "./health-watch.ts";
import type { KeptTrees } from "./kept-trees.ts";
import type { Notifier } from "./notifier.ts";
import type { Pacer } from "./pacer.ts";
import type { Passwords } from "./passwords.ts";
import type { Runs } from "./runs.ts";
import type { Schedule } from "./schedule.ts";
import type { SightingBook } from "./sighting-book.ts";
import type { Turnstile } from "./turnstile.ts";
import type { Workers } from "./workers.ts";

/** What the verbs of the command line work with. */
export interface VerbParts {
  readonly doors: SyncDoors;
  readonly pacer: Pacer;
  readonly runs: Runs;
  readonly schedule: Schedule;
  readonly workers: Workers;
  readonly certificates: Certificates;
  readonly checkpoints: Checkpoints;
  readonly book: SightingBook;
  readonly healthWatch: HealthWatch;
  readonly notifier: Notifier;
  readonly passwords: Passwords;
  readonly trees: KeptTrees;
  readonly turnstile: Turnstile;
  readonly atStep: AtStep;
  readonly grace: Duration;
  /** The OpenID issuer; `null`: there is none. */
  readonly issuer: string | null;
  readonly version: string;
  readonly data: string;
  readonly startedAt: number;
}

export async function known({ doors }: VerbParts, name: string): Promise<SourceSpec> {
  const spec = await doors.ledger.source(name);
  if (spec !== null) return spec;
  const names = (await doors.ledger.sources()).map((other) => other.name);
  throw new Failure(
    "source.unknown",
    `no source "${name}"; ${names.length === 0 ? "there is none yet" : `there are ${names.join(", ")}`}`,
  );
}

/** A revision by its number, or the newest. Throws `revision.unknown`. */
export async function revisionOf({ doors }: VerbParts, source: string, number: number | null): Promise<Revision> {
  const { ledger } = doors;
  const found = number === null ? await ledger.latestRevision(source) : await ledger.revision(source, number);
  if (found === null)
    throw new Failure("revision.unknown", `${source} has no revision${number === null ? "" : ` ${number}`}`);
  return found;
}
