/**
 * The least release of each line of Node that has the fixes which our walls rest on (nodejs/security-wg, the permission
 * model's; to 2026-04), and when the line ends (nodejs/Release). A line that is not here is not known to be maintained.
 */
const LINES: Readonly<Record<number, { readonly least: readonly [number, number]; readonly ends: number }>> = {
  22: { least: [22, 2], ends: Date.UTC(2027, 3, 30) },
  24: { least: [14, 1], ends: Date.UTC(2028, 3, 30) },
  25: { least: [8, 2], ends: Date.UTC(2026, 5, 1) },
  26: { least: [0, 0], ends: Date.UTC(2029, 3, 30) },
};

/** What is wrong with a version of Node at a time; `null`: nothing that is known. */
export function runtimeFault(version: string, now: number): string | null {
  const [, major, minor, patch] = /^v?(\d+)\.(\d+)\.(\d+)$/.exec(version) ?? [];
  const line = LINES[Number(major)];
  if (line === undefined) return `${version} is of no line that is known to be maintained`;
  if (now >= line.ends) return `${version}: its line has ended`;
  const [leastMinor, leastPatch] = line.least;
  const isBelow = Number(minor) < leastMinor || (Number(minor) === leastMinor && Number(patch) < leastPatch);
  return isBelow ? `${version} is below ${major}.${leastMinor}.${leastPatch}` : null;
}
