import type { SocketUnit } from "./socket-units.ts";

/** One socket unit, or one of its lines, that is not as it should be. */
export interface SocketDifference {
  readonly what: "unit-missing" | "unit-unexpected" | "line-missing" | "line-unexpected";
  /** The unit's file. */
  readonly where: string;
  readonly wanted: string | null;
  readonly found: string | null;
}

/** Compares units line by line, without remarks and blanks, and in whatever order: systemd reads no meaning into it here. */
export function compareSockets(
  wanted: readonly SocketUnit[],
  found: readonly SocketUnit[],
): readonly SocketDifference[] {
  const files = new Set([...wanted, ...found].map(({ file }) => file));
  return [...files].flatMap((where): readonly SocketDifference[] => {
    const want = wanted.find(({ file }) => file === where);
    const have = found.find(({ file }) => file === where);
    if (have === undefined) return [{ what: "unit-missing", where, wanted: firstListen(want), found: null }];
    if (want === undefined) return [{ what: "unit-unexpected", where, wanted: null, found: firstListen(have) }];
    const [ours, theirs] = [linesOf(want), linesOf(have)];
    return [
      ...ours
        .filter((line) => !theirs.includes(line))
        .map((line) => ({ what: "line-missing", where, wanted: line, found: null }) as const),
      ...theirs
        .filter((line) => !ours.includes(line))
        .map((line) => ({ what: "line-unexpected", where, wanted: null, found: line }) as const),
    ];
  });
}

function linesOf({ text }: SocketUnit): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^[#;]/.test(line));
}

function firstListen(unit: SocketUnit | undefined): string | null {
  return unit === undefined ? null : (linesOf(unit).find((line) => line.startsWith("ListenStream=")) ?? null);
}
