import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { table } from "../bench/report.ts";

export interface Shown {
  readonly seen: string;
  /** `null`: this machine lacks what it takes to show it. */
  readonly ok: boolean | null;
}

/** One thing that a tour shows. */
export interface Stop {
  readonly what: string;
  readonly show: () => Promise<Shown>;
}

/** One part of the tour with everything that it has started. */
export interface Walk {
  readonly setUp: () => Promise<void>;
  readonly stops: readonly Stop[];
  readonly end: () => Promise<void>;
}

/** Walks from stop to stop and prints one table; resolves to whether every stop showed what it should. */
export async function walkAll(
  title: string,
  walk: Walk,
  say: (text: string) => void,
  progress: (text: string) => void,
): Promise<boolean> {
  const rows: string[][] = [];
  let good = true;
  try {
    await walk.setUp();
    for (const { what, show } of walk.stops) {
      progress(what);
      const start = performance.now();
      const { seen, ok } = await show();
      good &&= ok !== false;
      const seconds = ((performance.now() - start) / 1_000).toFixed(1);
      rows.push([what, ok === null ? "-" : ok ? "yes" : "NO", seconds, seen]);
    }
  } finally {
    await walk.end();
  }
  say(table([title, "shown", "s", "what was seen"], rows));
  return good;
}

export function hasProgram(name: string): boolean {
  return (process.env["PATH"] ?? "").split(path.delimiter).some((folder) => existsSync(path.join(folder, name)));
}
