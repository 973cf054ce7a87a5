import { stringify } from "yaml";

/** The fields that are lengths of time and sizes, by the name that they have wherever they stand. */
const TIMES: ReadonlySet<string> = new Set([
  "jitter",
  "wallTime",
  "leastRateWindow",
  "connectTimeout",
  "idle",
  "most",
  "headerTimeout",
  "keepAlive",
  "grace",
  "soak",
  "staleness",
  "watch",
  "expires",
  "every",
  "age",
  "keep",
  "takings",
]);
const SIZES: ReadonlySet<string> = new Set(["bytes", "artifactBytes", "leastRate", "freeDisk", "size", "total"]);

const TIME_UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
] as const;
const SIZE_UNITS = [
  [" TB", 1e12],
  [" GB", 1e9],
  [" MB", 1e6],
  [" KB", 1e3],
  ["TiB", 2 ** 40],
  ["GiB", 2 ** 30],
  ["MiB", 2 ** 20],
  ["KiB", 2 ** 10],
  [" B", 1],
] as const;

/**
 * A configuration or a source's description as a person would write it: "2h" and "20 GB", not milliseconds and bytes.
 * Reading it gives exactly the same again: a unit is used only where it divides the amount.
 */
export function plainYaml(described: unknown): string {
  return stringify(described, (key: unknown, value: unknown) => inWords(key, value), { lineWidth: 0 });
}

function inWords(key: unknown, value: unknown): unknown {
  if (typeof key !== "string" || typeof value !== "number" || value === 0) return value;
  const units = TIMES.has(key) ? TIME_UNITS : SIZES.has(key) ? SIZE_UNITS : null;
  const unit = units?.find(([, size]) => value % size === 0);
  return unit === undefined ? value : `${value / unit[1]}${unit[0]}`;
}
