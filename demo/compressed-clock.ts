import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

/** Beside the demo's configuration: how many milliseconds its clock is behind the machine's. */
export const CLOCK_FILE = "compressed-clock";

/** Without a file yet: where a story begins. */
export const BEGINS_BEHIND: number = 24 * 24 * 60 * 60 * 1_000;

/** How far the clock of the demo with this configuration is behind. */
export function behind(configFile: string): number {
  try {
    return Number(readFileSync(path.join(path.dirname(configFile), CLOCK_FILE), "utf8"));
  } catch {
    return BEGINS_BEHIND;
  }
}

/**
 * Replaces this process's clock by one that is behind the machine's, so that a tour can put it forward by hours. It is
 * done from outside, to a process of the demo: the product reads one clock, and has no setting for another.
 */
export function compressTime(): void {
  const configFile = process.argv[process.argv.indexOf("--config") + 1] ?? "";
  const machine = Date.now.bind(Date);
  Date.now = () => machine() - behind(configFile);
}
