import type { Instant } from "../core/kernel/instant.ts";

/** Where a command's words go. Results to `out`, progress and errors to `err`, so that `> file` keeps only results. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Whether colour is welcome where a terminal is: false under NO_COLOR. */
  readonly colour: boolean;
  /** Characters in a line of the terminal. */
  readonly columns: number;
  now(): Instant;
  /** Minutes that local time is ahead of UTC at that instant. */
  minutesAhead(at: Instant): number;
}

/** How a piece of text is meant; it is shown as colour on a terminal and not at all elsewhere. */
export type Tone = "plain" | "bad" | "good" | "faint" | "strong";

const CODES: Readonly<Record<Tone, string>> = { plain: "", bad: "31", good: "32", faint: "2", strong: "1" };

/** Makes text of a tone, for one of the two streams. */
export type Paint = (text: string, tone: Tone) => string;

export function painter(terminal: Terminal, stream: "out" | "err"): Paint {
  const isTerminal = stream === "out" ? terminal.outIsTerminal : terminal.errIsTerminal;
  if (!isTerminal || !terminal.colour) return (text) => text;
  return (text, tone) => (tone === "plain" ? text : `\u001b[${CODES[tone]}m${text}\u001b[0m`);
}
