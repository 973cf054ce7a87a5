import type { Turn } from "./wrk.ts";

/** One line of the table: what is asked for, and what ours must be of the peer's. */
export interface HttpRow {
  readonly name: string;
  readonly file: "k1" | "m1" | "m100";
  readonly connections: number;
  readonly unchanged: boolean;
  /** Over TLS 1.3. */
  readonly secure: boolean;
  readonly unit: "requests/s" | "MB/s";
  /** Ours ÷ nginx, the tuned one over TLS, else the plain one: at least so fast, and at most so much processor time for the same. 0 and `null`: no goal is stated. */
  readonly goal: { readonly speed: number; readonly cpu: number | null };
}

export const HTTP_ROWS: readonly HttpRow[] = [
  {
    name: "1 KB, 200",
    file: "k1",
    connections: 64,
    unchanged: false,
    secure: false,
    unit: "requests/s",
    goal: { speed: 1.4, cpu: null },
  },
  {
    name: "1 KB, 304",
    file: "k1",
    connections: 64,
    unchanged: true,
    secure: false,
    unit: "requests/s",
    goal: { speed: 1.25, cpu: null },
  },
  {
    name: "1 MB",
    file: "m1",
    connections: 4,
    unchanged: false,
    secure: false,
    unit: "MB/s",
    goal: { speed: 1.4, cpu: 1 },
  },
  {
    name: "100 MB",
    file: "m100",
    connections: 2,
    unchanged: false,
    secure: false,
    unit: "MB/s",
    goal: { speed: 1.3, cpu: 1.2 },
  },
  {
    name: "1 MB over HTTPS",
    file: "m1",
    connections: 4,
    unchanged: false,
    secure: true,
    unit: "MB/s",
    goal: { speed: 2, cpu: null },
  },
  {
    name: "1 KB over HTTPS",
    file: "k1",
    connections: 64,
    unchanged: false,
    secure: true,
    unit: "requests/s",
    goal: { speed: 0, cpu: null },
  },
];

export function speedOf(row: HttpRow, turn: Turn): number {
  return row.unit === "MB/s" ? turn.megabytesPerSecond : turn.requestsPerSecond;
}

/** Seconds for a gigabyte, or microseconds for a request. */
export function cpuOf(row: HttpRow, turn: Turn): number {
  return row.unit === "MB/s" ? turn.cpuSecondsPerGigabyte : turn.cpuMicrosecondsPerRequest;
}
