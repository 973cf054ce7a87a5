import { METRICS, type MetricName } from "./metrics.ts";

/** One value of one metric; its labels in the order that METRICS gives. */
export type Sample = readonly [MetricName, readonly string[], number];

/** How the text says what it is (Prometheus' exposition formats, text format 0.0.4). */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Samples as Prometheus' text format 0.0.4: the lines of one metric together, after its HELP and TYPE. A metric without
 * samples is left out: an absent series is not a zero. Pure.
 */
export function exposition(samples: Iterable<Sample>): string {
  const lines = new Map<MetricName, string[]>();
  for (const [name, values, value] of samples) {
    const { labels } = METRICS[name];
    if (labels.length !== values.length) throw new Error(`${name} has ${labels.length} labels`);
    const pairs = labels.map((label, place) => `${label}="${escapeLabel(values[place] ?? "")}"`);
    const of = lines.get(name) ?? [];
    of.push(`${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}\n`);
    lines.set(name, of);
  }
  const names = Object.keys(METRICS) as MetricName[];
  return names
    .filter((name) => lines.has(name))
    .map((name) => {
      const { type, help } = METRICS[name];
      const escaped = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
      return `# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n${(lines.get(name) ?? []).join("")}`;
    })
    .join("");
}

/** A backslash, a quote or a line feed would end the value early, and let what follows pose as a sample. */
function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
