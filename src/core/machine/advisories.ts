import * as z from "zod";
import type { Instant } from "../kernel/instant.ts";
import { compareDebianVersions } from "./debian-version.ts";
import type { KnownVulnerability } from "./facts.ts";
import type { InstalledPackage } from "./package-list.ts";

/** The security tracker's file: source package, name of the vulnerability, what each release has of it. */
const tracker = z.record(
  z.string().max(200),
  z.record(
    z.string().max(200),
    z.looseObject({
      releases: z.record(
        z.string().max(64),
        z.looseObject({ status: z.string().max(64), fixed_version: z.string().max(200).optional() }),
      ),
    }),
  ),
);

/** OSV's schema 1.x, as far as it is read: ranges of versions that begin and end with events, or versions by name. */
const event = z.looseObject({
  introduced: z.string().max(200).optional(),
  fixed: z.string().max(200).optional(),
  last_affected: z.string().max(200).optional(),
});
const osv = z.looseObject({
  id: z.string().max(200),
  modified: z.string().max(64),
  withdrawn: z.string().max(64).optional(),
  affected: z
    .array(
      z.looseObject({
        package: z.looseObject({ ecosystem: z.string().max(100), name: z.string().max(300) }).optional(),
        ranges: z
          .array(z.looseObject({ type: z.string().max(32), events: z.array(event).max(1_000) }))
          .max(1_000)
          .optional(),
        versions: z.array(z.string().max(200)).max(100_000).optional(),
      }),
    )
    .max(10_000)
    .optional(),
});
type Advisory = z.infer<typeof osv>;

/** What a file of advisories says. `newest`: of its own statements; a tracker's file has no time of its own. */
export type Advisories =
  | { readonly kind: "tracker"; readonly packages: z.infer<typeof tracker> }
  | { readonly kind: "osv"; readonly entries: readonly Advisory[]; readonly newest: Instant };

/** Reads a file: the tracker's, one OSV advisory, an array of them, or one a line. `null`: it is none of these. */
export function readAdvisories(text: string): Advisories | null {
  const values = jsonValues(text);
  if (values === null) return null;
  const asList = z.array(osv).min(1).safeParse(values);
  if (asList.success) {
    const times = asList.data.map(({ modified }) => Date.parse(modified)).filter((at) => !Number.isNaN(at));
    if (times.length === 0) return null;
    return { kind: "osv", entries: asList.data, newest: times.reduce((a, b) => Math.max(a, b)) };
  }
  if (values.length !== 1) return null;
  const asTracker = tracker.safeParse(values[0]);
  return asTracker.success && Object.keys(asTracker.data).length > 0
    ? { kind: "tracker", packages: asTracker.data }
    : null;
}

function jsonValues(text: string): readonly unknown[] | null {
  const whole = parsed(text);
  if (whole !== undefined) return Array.isArray(whole) ? (whole as readonly unknown[]) : [whole];
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const values = lines.map(parsed);
  return values.length === 0 || values.includes(undefined) ? null : values;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** What the tracker says of the packages that are here, in a release ("bookworm"). */
export function vulnerablePackages(
  packages: z.infer<typeof tracker>,
  release: string,
  installed: readonly InstalledPackage[],
): readonly KnownVulnerability[] {
  return installed.flatMap(({ name, version, source, sourceVersion }) =>
    Object.entries(Object.hasOwn(packages, source) ? (packages[source] ?? {}) : {}).flatMap(
      ([id, { releases }]): readonly KnownVulnerability[] => {
        const state = releases[release];
        if (state === undefined) return [];
        const fixed = state.fixed_version ?? null;
        // "0": this release never had it.
        if (fixed === "0") return [];
        if (state.status === "resolved" && fixed !== null)
          return compareDebianVersions(sourceVersion, fixed) < 0 ? [{ name, version, id, fixed }] : [];
        return state.status === "open" ? [{ name, version, id, fixed: null }] : [];
      },
    ),
  );
}

/** What OSV's advisories say of npm packages that are here. */
export function vulnerableDependencies(
  entries: readonly Advisory[],
  dependencies: readonly { readonly name: string; readonly version: string }[],
): readonly KnownVulnerability[] {
  const byName = Map.groupBy(dependencies, ({ name }) => name);
  return entries.flatMap(({ id, affected = [], withdrawn }) =>
    withdrawn !== undefined
      ? []
      : affected.flatMap(({ package: of, ranges = [], versions = [] }) =>
          (of?.ecosystem === "npm" ? (byName.get(of.name) ?? []) : []).flatMap(({ name, version }) => {
            const hit = ranges.map(({ events }) => hitBy(events, version)).find((each) => each !== null);
            if (hit !== undefined) return [{ name, version, id, fixed: hit?.fixed ?? null }];
            return versions.includes(version) ? [{ name, version, id, fixed: null }] : [];
          }),
        ),
  );
}

/** OSV's evaluation: a version is hit from `introduced` on, up to `fixed`, or to `last_affected` and that included. */
function hitBy(events: readonly z.infer<typeof event>[], version: string): { readonly fixed: string | null } | null {
  let hit = false;
  let fixedBy: string | null = null;
  const at = (each: z.infer<typeof event>): string => each.introduced ?? each.fixed ?? each.last_affected ?? "0";
  for (const each of events.toSorted((a, b) => compareSemver(at(a), at(b)))) {
    const order = compareSemver(version, at(each));
    if (each.introduced !== undefined && order >= 0) hit = true;
    if (each.fixed !== undefined) {
      if (order >= 0) hit = false;
      else if (hit) fixedBy ??= each.fixed;
    }
    if (each.last_affected !== undefined && order > 0) hit = false;
  }
  return hit ? { fixed: fixedBy } : null;
}

/** Semantic Versioning 2.0.0, section 11. */
export function compareSemver(one: string, two: string): number {
  const [a, b] = [semver(one), semver(two)];
  for (let at = 0; at < 3; at += 1) {
    const difference = (a.numbers[at] ?? 0) - (b.numbers[at] ?? 0);
    if (difference !== 0) return difference;
  }
  if (a.before.length === 0 || b.before.length === 0) return b.before.length - a.before.length;
  for (let at = 0; at < Math.max(a.before.length, b.before.length); at += 1) {
    const [x, y] = [a.before[at], b.before[at]];
    if (x === undefined || y === undefined) return x === undefined ? -1 : 1;
    const [isX, isY] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    if (isX !== isY) return isX ? -1 : 1;
    if (x !== y) return isX ? Number(x) - Number(y) : x < y ? -1 : 1;
  }
  return 0;
}

function semver(text: string): { readonly numbers: readonly number[]; readonly before: readonly string[] } {
  const [core = "", ...rest] = (text.split("+")[0] ?? "").split("-");
  const before = rest.join("-");
  return { numbers: core.split(".").map((each) => Number(each) || 0), before: before === "" ? [] : before.split(".") };
}
