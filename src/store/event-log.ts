import { closeSync, openSync, renameSync, statSync, writeSync } from "node:fs";
import { formatInstant } from "../core/kernel/instant.ts";
import type { Clock, EventRecord, Events, Ledger } from "../core/ports.ts";

/** A full log is put aside under `.1`; there are never more than two. */
const MOST_BYTES = 16 * 1024 * 1024;

export interface EventLogOptions {
  readonly file: string;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** Called with each line too: for the journal, or a terminal. */
  readonly echo: (line: string) => void;
  /** Where a ledger that can't take the event is reported: the line is in the file by then. */
  readonly onError: (error: unknown) => void;
}

export interface EventLog extends Events {
  /** Resolves when every event so far is in the ledger. */
  settle(): Promise<void>;
  close(): void;
}

/** Opens the event log: one JSON line per event, and the same in the ledger. Events keep their order. */
export function openEventLog({ file, ledger, clock, echo, onError }: EventLogOptions): EventLog {
  let fd = openSync(file, "a", 0o640);
  let size = statSync(file).size;
  let last: Promise<void> = Promise.resolve();
  const write = (line: string): void => {
    if (size > MOST_BYTES) {
      closeSync(fd);
      renameSync(file, `${file}.1`);
      fd = openSync(file, "a", 0o640);
      size = 0;
    }
    size += writeSync(fd, line);
  };
  return {
    emit: (name, fields) => {
      const event: EventRecord = { at: clock.now(), name, fields };
      const line = JSON.stringify({ at: formatInstant(event.at), event: name, ...fields });
      try {
        write(`${line}\n`);
      } catch (error) {
        // A full disk must not stop the house: the event still reaches the echo.
        onError(error);
      }
      echo(line);
      last = last.then(() => ledger.recordEvent(event)).catch(onError);
    },
    settle: () => last,
    close: () => closeSync(fd),
  };
}
