import { readdirSync, readFileSync } from "node:fs";

/** Processor time of a process and all below it, in hundredths of a second, as the kernel counts (proc(5), stat). */
export function processorSeconds(pid: number): number {
  return family(pid).reduce((sum, each) => sum + ticks(each), 0) / 100;
}

/** Resident megabytes of a process and all below it. */
export function residentMegabytes(pid: number): number {
  return family(pid).reduce((sum, each) => {
    const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${each}/status`, "utf8"))?.[1];
    return sum + Number(resident ?? 0) / 1_024;
  }, 0);
}

/** Megabytes of one process: resident, its share of what several have in memory, and what is its own alone. */
export interface Memory {
  readonly resident: number;
  readonly share: number;
  readonly own: number;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0) / 1_024;
  return { resident: of("Rss"), share: of("Pss"), own: of("Private_Clean") + of("Private_Dirty") };
}

function ticks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function family(pid: number): readonly number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(family)];
}
