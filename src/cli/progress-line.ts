import { quoteOutside } from "../core/kernel/errors.ts";
import { formatDuration, type Instant, SECOND } from "../core/kernel/instant.ts";
import { formatSize } from "../core/kernel/size.ts";
import type { Progress } from "../wire/requests.ts";
import type { Terminal } from "./terminal.ts";

/** Milliseconds between two drawings: faster than the eye reads only costs the terminal. */
const BETWEEN = 100;
const BAR = 20;
const CLEAR = "\r\u001b[K";
/** Milliseconds before a rate is said: the first moments of a transfer say nothing about the rest. */
const SETTLING = SECOND;

/** One line on a terminal that shows how far the work is. It leaves nothing behind; without a terminal it is silent. */
export interface ProgressLine {
  show(progress: Progress): void;
  clear(): void;
}

/** Milliseconds that a rate is measured over, at least: what the line did a minute ago says little about the rest. */
const WINDOW = 5 * SECOND;

interface Mark {
  readonly at: Instant;
  readonly done: number;
}

export function progressLine(terminal: Terminal, silent: boolean): ProgressLine {
  if (silent || !terminal.errIsTerminal) return { show: () => {}, clear: () => {} };
  // The rate is measured from the older mark; the younger one takes its place when a window has gone by.
  let older: Mark | null = null;
  let younger: Mark | null = null;
  let last = { unit: "", done: 0 };
  let drawnAt: Instant | null = null;
  return {
    show(progress) {
      const now = terminal.now();
      const here = { at: now, done: progress.done };
      // The phase counts files as it goes; the rate is of the whole piece of work, which is over when the count begins anew.
      if (older === null || younger === null || last.unit !== progress.unit || progress.done < last.done)
        older = younger = here;
      if (now - younger.at >= WINDOW) [older, younger] = [younger, here];
      last = progress;
      if (drawnAt !== null && now - drawnAt < BETWEEN) return;
      drawnAt = now;
      terminal.err(CLEAR + progressText(progress, older, now, terminal.columns));
    },
    clear() {
      if (drawnAt !== null) terminal.err(CLEAR);
      drawnAt = null;
    },
  };
}

/** "fetching, 3 of 9 files  [####----]  50%  31 MB of 62 MB  3.2 MB/s  10s left", cut to the terminal's width. */
export function progressText(
  progress: Progress,
  start: { readonly at: Instant; readonly done: number },
  now: Instant,
  columns: number,
): string {
  const { done, total, unit } = progress;
  const amount = (value: number): string => (unit === "bytes" ? formatSize(value) : String(value));
  const parts: string[] = [];
  if (total === null || total === 0) {
    parts.push(unit === "bytes" ? amount(done) : `${done} ${unit}`);
  } else {
    const share = Math.min(1, done / total);
    const filled = Math.round(share * BAR);
    parts.push(`[${"#".repeat(filled)}${"-".repeat(BAR - filled)}]`, `${Math.floor(share * 100)}%`.padStart(4));
    parts.push(`${amount(done)} of ${amount(total)}${unit === "bytes" ? "" : ` ${unit}`}`);
  }
  const took = now - start.at;
  const rate = took < SETTLING ? 0 : ((done - start.done) * SECOND) / took;
  if (rate > 0 && unit === "bytes") parts.push(`${formatSize(rate)}/s`);
  if (rate > 0 && total !== null && total > done)
    parts.push(`${formatDuration(((total - done) / rate) * SECOND)} left`);
  const tail = parts.join("  ");
  // The phase gives way first, for a wrapped line could not be taken back; it may name what a vendor has named.
  const room = columns - 1 - tail.length - 2;
  const phase = quoteOutside(progress.phase, 200);
  const name = phase.length <= room ? phase : room > 8 ? `…${phase.slice(phase.length - room + 1)}` : "";
  return (name === "" ? tail : `${name}  ${tail}`).slice(0, Math.max(1, columns - 1));
}
