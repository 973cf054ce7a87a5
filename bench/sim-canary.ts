import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type HealthPolicy, healthPolicy } from "../src/core/model/health-policy.ts";
import { HARMS } from "./canary/releases.ts";
import { type Figures, goalsOf, hours, simulate } from "./canary/simulate.ts";
import { conclude, say, table } from "./report.ts";

/**
 * `npm run sim:canary`: `--fleets` synthetic first rings and `--releases` releases to each go through the real
 * silent-canary detector and gate, once as ordinary updates and once as harmful ones; then a smaller number of them
 * with one figure of the policy moved at a time. `--write` puts the report into docs/canary-report.md.
 */
const { values } = parseArgs({
  options: {
    fleets: { type: "string", default: "2600" },
    releases: { type: "string", default: "4" },
    "sweep-fleets": { type: "string", default: "150" },
    seed: { type: "string", default: "19072024" },
    write: { type: "boolean", default: false },
  },
});
const REPORT = new URL("../docs/canary-report.md", import.meta.url);
const MOST_MISSES = 0.001;
const MOST_FALSE_HOLDS = 0.02;

const [fleets, releases, sweepFleets, seed] = [values.fleets, values.releases, values["sweep-fleets"], values.seed].map(
  Number,
) as [number, number, number, number];
const chosen = healthPolicy.parse({});

/** One figure moved at a time; the name of what moves, and its values. */
const SWEEPS: readonly (readonly [string, readonly (readonly [string, Partial<HealthPolicy>])[]])[] = [
  ["k, the least number of canaries", [1, 3, 5, 8, 12].map((canaries) => [String(canaries), { canaries }])],
  ["the least share of n", [0, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8].map((share) => [String(share), { share }])],
  ["m, returns of each", [1, 2, 3, 5].map((m) => [String(m), { returns: m }])],
  ["the watch", [0, 1, 2, 2.5, 3, 6].map((length) => [`${length} h`, { watch: length * 3_600_000 }])],
  [
    "silent canaries tolerated",
    [
      [0, 0],
      [1, 0],
      [1, 0.1],
      [1, 0.2],
      [2, 0.2],
      [1, 0.3],
      [1, 0.45],
    ].map(([count = 0, share = 0]) => [`${count}, or ${share * 100} %`, { silent: { count, share } }]),
  ],
];

const percent = (part: number, of: number): string => (of === 0 ? "–" : `${((100 * part) / of).toFixed(2)} %`);

function ordinaryTable({ ordinary }: Figures): readonly (readonly string[])[] {
  return [...ordinary].map(([profile, each]) => {
    const able = each.releases - each.noQuorum;
    return [
      profile,
      String(able),
      percent(each.noQuorum, each.releases),
      percent(each.alarms, able),
      percent(each.falseHolds, able),
      percent(each.waits, able),
      percent(each.byLimit, able),
      hours(each.median),
    ];
  });
}
const ORDINARY_HEADS = [
  "ordinary releases",
  "number",
  "no quorum",
  "false alarms",
  "false holds",
  "waits",
  "open by 24 h",
  "median, h",
];

function harmfulTable({ harmful }: Figures): readonly (readonly string[])[] {
  return HARMS.flatMap((kind) => {
    const each = harmful.get(kind);
    return each === undefined
      ? []
      : [
          [
            kind,
            String(each.releases),
            percent(each.misses, each.releases),
            "100 %",
            percent(each.suspected, each.releases),
            hours(each.median),
            hours(each.p95),
          ],
        ];
  });
}
const HARMFUL_HEADS = ["harm", "number", "misses", "plain timer", "suspected", "after, h (median)", "95 %"];

const SWEEP_HEADS = ["value", "misses", "a quarter to a half", "false alarms", "false holds", "waits", "median, h"];

function sweepRow(name: string, figures: Figures): readonly string[] {
  const all = figures.ordinary.get("all");
  const few = figures.harmful.get("a quarter to a half");
  const able = (all?.releases ?? 0) - (all?.noQuorum ?? 0);
  return [
    name,
    `${(goalsOf(figures).misses * 100).toFixed(2)} %`,
    percent(few?.misses ?? 0, few?.releases ?? 0),
    percent(all?.alarms ?? 0, able),
    percent(all?.falseHolds ?? 0, able),
    percent(all?.waits ?? 0, able),
    hours(all?.median ?? Number.NaN),
  ];
}

const began = performance.now();
const figures = simulate({ seed, fleets, releases, policy: chosen });
const { misses, falseHolds } = goalsOf(figures);
const ok = misses <= MOST_MISSES && falseHolds <= MOST_FALSE_HOLDS;
const tables: [string, readonly string[], readonly (readonly string[])[]][] = [
  ["Ordinary releases", ORDINARY_HEADS, ordinaryTable(figures)],
  ["Harmful releases", HARMFUL_HEADS, harmfulTable(figures)],
];
for (const [title, heads, rows] of tables) say(`\n${title}\n${table(heads, rows)}`);
for (const [title, variants] of SWEEPS) {
  const rows = variants.map(([name, change]) =>
    sweepRow(name, simulate({ seed, fleets: sweepFleets, releases, policy: { ...chosen, ...change } })),
  );
  tables.push([`As ${title} moves`, SWEEP_HEADS, rows]);
  say(`\nAs ${title} moves\n${table(SWEEP_HEADS, rows)}`);
}
if (values.write) await writeReport();
say(`\n${Math.round((performance.now() - began) / 1_000)} s`);
conclude(
  {
    sim: "canary",
    seed,
    fleets,
    releases: fleets * releases,
    policy: chosen,
    misses,
    falseHolds,
    goals: { misses: MOST_MISSES, falseHolds: MOST_FALSE_HOLDS },
  },
  ok,
);

/** The tables between the two marks; the words around them are written by hand. */
async function writeReport(): Promise<void> {
  const marks = ["<!-- sim:canary -->", "<!-- /sim:canary -->"] as const;
  const [head = "", rest = ""] = (await readFile(REPORT, "utf8")).split(marks[0]);
  const tail = rest.split(marks[1])[1] ?? "";
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const body = tables.map(
    ([title, heads, rows]) =>
      `### ${title}\n\n${[row(heads), row(heads.map(() => "---")), ...rows.map(row)].join("\n")}\n`,
  );
  const said =
    `Made by \`npm run sim:canary -- --write\`, seed ${seed}: ${fleets} fleets, ${fleets * releases} releases, each played ` +
    `ordinary and harmful; in the tables of one moved figure ${sweepFleets} of the fleets. Misses ` +
    `${(misses * 100).toFixed(3)} % (goal: at most 0.1 %), false holds ${(falseHolds * 100).toFixed(2)} % (goal: at most 2 %).`;
  await writeFile(REPORT, `${head}${marks[0]}\n\n${said}\n\n${body.join("\n")}\n${marks[1]}${tail}`);
}
