import * as z from "zod";

/** What systemd makes of a unit: its score from 0 (least) to 10, and what of it stands open, each with its part. */
export interface Exposure {
  readonly score: number;
  /** systemd's name of each thing that is not given up, to its part of the score. */
  readonly open: ReadonlyMap<string, number>;
}

const rows = z.array(
  z.looseObject({ set: z.boolean().nullable(), json_field: z.string().max(200), exposure: z.string().nullable() }),
);

/**
 * The answers of `systemd-analyze security --offline=true` about several units: with `--json=short` one array a line, and as text, which alone
 * has the sum. `null` for what is not such an answer about so many.
 */
export function readExposures(json: string, text: string, count: number): readonly Exposure[] | null {
  const scores = [...text.matchAll(/Overall exposure level for .*: (\d+(?:\.\d+)?)/g)].map(([, score]) =>
    Number(score),
  );
  const lines = json.split("\n").filter((line) => line !== "");
  if (scores.length !== count || lines.length !== count) return null;
  const exposures: Exposure[] = [];
  for (const [at, line] of lines.entries()) {
    const parsed = rows.safeParse(parse(line));
    if (!parsed.success) return null;
    const open = parsed.data.flatMap(({ json_field, set, exposure }) =>
      set === false && exposure !== null ? [[json_field, Number(exposure)] as const] : [],
    );
    exposures.push({ score: scores[at] ?? 10, open: new Map(open) });
  }
  return exposures;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** The sum of what stands open. Finer than the score, which is rounded to a tenth; not the same, for each part is rounded too. */
export function openSum({ open }: Exposure): number {
  return [...open.values()].reduce((sum, part) => sum + part, 0);
}
