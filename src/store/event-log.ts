import { closeSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { formatInstant } from "../core/kernel/instant.ts";
import type { Clock, EventRecord, Events, Ledger } from "../core/ports.ts";
import { storeFailure } from "./durable.ts";

/** A full log is put aside under `.1`; there are never more than two. */
const MOST_BYTES = 16 * 1024 * 1024;

export interface EventLogOptions {
  readonly file: string;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Called with each line too, and what it says: for the system log, or a terminal. */
  readonly echo: (line: string, event: EventRecord) => void;
  /** Where a bug goes. A file or a ledger that cannot take an event is the world's, and said on `echo` alone. */
  readonly onBug: (error: unknown) => void;
}

export interface EventLog extends Events {
  /** Resolves when every event so far is in the ledger. */
  settle(): Promise<void>;
  close(): void;
}

/**
 * Opens the event log: one JSON line per event, and the same in the ledger. Events keep their order. A full disk must not
 * stop the house: what has no room is still echoed, and that it had none is said once until there is room again.
 */
export function openEventLog({ file, ledger, clock, echo, onBug }: EventLogOptions): EventLog {
  let fd = openSync(file, "a", 0o640);
  let size = statSync(file).size;
  let last: Promise<void> = Promise.resolve();
  const write = (line: string): void => {
    if (size > MOST_BYTES) rotate();
    size += writeSync(fd, line);
  };
  const rotate = (): void => {
    try {
      // The new one first: a number that was closed may by now be the ledger's, and must never be written or closed again.
      const fresh = openSync(`${file}.new`, "a", 0o640);
      renameSync(file, `${file}.1`);
      renameSync(`${file}.new`, file);
      closeSync(fd);
      [fd, size] = [fresh, 0];
    } catch (cause) {
      // Then the old one goes on.
      storeFailure(cause, "putting the event log aside");
    }
  };
  const say = (event: EventRecord): string => {
    const line = JSON.stringify({ at: formatInstant(event.at), event: event.name, ...event.fields });
    echo(line, event);
    return line;
  };
  const carefully = (doing: string): ((step: () => void | Promise<void>) => Promise<void>) => {
    let lacking = false;
    return async (step) => {
      try {
        await step();
        lacking = false;
      } catch (cause) {
        const { code, message } = storeFailure(cause, doing);
        if (!lacking) say({ at: clock.now(), name: "log.failed", fields: { code, detail: message } });
        lacking = true;
      }
    };
  };
  const toFile = carefully("writing the event log");
  const toLedger = carefully("recording an event");
  return {
    emit: (name, fields) => {
      const event: EventRecord = { at: clock.now(), name, fields };
      const line = say(event);
      const written = toFile(() => write(`${line}\n`));
      last = Promise.all([last, written])
        .then(() => toLedger(() => ledger.recordEvent(event)))
        .catch(onBug);
    },
    settle: () => last,
    close: () => closeSync(fd),
  };
}
