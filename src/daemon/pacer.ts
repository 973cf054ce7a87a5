import { Failure, quoteOutside } from "../core/kernel/errors.ts";
import { type Duration, type Instant, SECOND } from "../core/kernel/instant.ts";
import type { RingOutlook } from "../core/release/ring-outlook.ts";
import { withheldNow } from "../operations/blocks.ts";
import { paceRings } from "../operations/pace-rings.ts";
import { publishChannel } from "../operations/promote.ts";
import type { SyncDoors } from "../operations/sync-run.ts";

/** Without anything known to come, the rings are looked at so often: clients come back, and clocks are set. */
const LONGEST: Duration = 15 * SECOND;
const SHORTEST: Duration = SECOND / 4;

/** Looks at every source's rings: after each run, when the next clock runs out, and every so often. */
export class Pacer {
  readonly #doors: SyncDoors;
  readonly #onBug: (error: unknown) => void;
  /** What stood in the way of each ring at the last look: an event tells of a change, never of a tick. */
  readonly #told = new Map<string, string>();
  #withheld: string | null = null;
  #shutoff: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #going: Promise<void> | null = null;
  #again = false;
  #stopped = false;

  constructor(doors: SyncDoors, onBug: (error: unknown) => void) {
    this.#doors = doors;
    this.#onBug = onBug;
  }

  /** Looks now; when a look is going, once more after it. */
  nudge(): void {
    if (this.#stopped) return;
    if (this.#going !== null) {
      this.#again = true;
      return;
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#going = this.#look()
      .catch(this.#onBug)
      .finally(() => {
        this.#going = null;
      });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#going;
  }

  async #look(): Promise<void> {
    let next: Instant = this.#doors.clock.now() + LONGEST;
    do {
      this.#again = false;
      await this.#publishBlocks();
      await this.#recordShutoff();
      for (const { name } of await this.#doors.ledger.sources()) {
        if (this.#stopped) return;
        next = Math.min(next, await this.#lookAt(name));
      }
    } while (this.#again && !this.#stopped);
    const wait = Math.max(SHORTEST, Math.min(LONGEST, next - this.#doors.clock.now()));
    if (!this.#stopped) this.#timer = setTimeout(() => this.nudge(), wait);
  }

  /** One source's trouble, a full disk among it, is told and tried again; it keeps no other source waiting. */
  async #lookAt(source: string): Promise<Instant> {
    try {
      const { outlooks } = await paceRings(this.#doors, source);
      for (const outlook of outlooks) this.#tell(source, outlook);
      return Math.min(...outlooks.flatMap(comingTimes));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      const told = `${error.code} ${error.message}`;
      if (this.#told.get(source) !== told)
        this.#doors.events.emit("rings.failed", { source, code: error.code, detail: error.message });
      this.#told.set(source, told);
      return Number.POSITIVE_INFINITY;
    }
  }

  /** A block that has run out is served again: nobody else would write the pointers then. */
  async #publishBlocks(): Promise<void> {
    const now = JSON.stringify(await withheldNow(this.#doors));
    if (this.#withheld !== null && this.#withheld !== now)
      for (const channel of this.#doors.channels) await publishChannel(this.#doors, channel);
    this.#withheld = now;
  }

  /** The command line stops by itself; what it did stands in the record as soon as the daemon sees it. */
  async #recordShutoff(): Promise<void> {
    const orders = this.#doors.shutoffs();
    const now = JSON.stringify(orders);
    if (this.#shutoff === now) return;
    // A start that finds nothing stopped has nothing to tell.
    if (this.#shutoff !== null || orders.length > 0) {
      const at = this.#doors.clock.now();
      await this.#doors.ledger.audit([{ at, kind: "shutoff.changed", fields: { orders } }]);
      this.#doors.events.emit("shutoff.changed", { orders: quoteOutside(orders.join("; "), 1_000) });
    }
    this.#shutoff = now;
  }

  #tell(source: string, { ring, next, overdue, overdueAt }: RingOutlook): void {
    const { channel } = ring;
    const codes = next?.decision.kind === "may-not-move" ? next.decision.hindrances.map(({ code }) => code) : [];
    const key = `${source}/${channel}`;
    const told = [...codes, overdue ? "overdue" : ""].join(" ");
    if ((this.#told.get(key) ?? " ") === told) return;
    this.#told.set(key, told);
    const { events } = this.#doors;
    if (next !== null && codes.length > 0)
      events.emit("ring.waiting", { source, channel, revision: next.revision, codes: codes.join(" ") });
    if (overdue) events.emit("ring.overdue", { source, channel, overdueAt, codes: codes.join(" ") });
  }
}

/** When something about a ring changes by itself. */
function comingTimes({ next, overdue, overdueAt }: RingOutlook): readonly Instant[] {
  const times = overdueAt === null || overdue ? [] : [overdueAt];
  if (next?.decision.kind === "may-not-move")
    for (const { clears } of next.decision.hindrances) if (clears.by === "time") times.push(clears.at);
  return times;
}
