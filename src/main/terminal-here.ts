import process from "node:process";
import type { Terminal } from "../cli/terminal.ts";

/** The terminal that this process was started at. */
export function terminalHere(): Terminal {
  const { stdout, stderr, env } = process;
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    outIsTerminal: stdout.isTTY,
    errIsTerminal: stderr.isTTY,
    // https://no-color.org: present and not empty.
    colour: (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
    columns: stderr.columns ?? stdout.columns ?? 80,
    now: () => Date.now(),
    minutesAhead: (at) => -new Date(at).getTimezoneOffset(),
  };
}
