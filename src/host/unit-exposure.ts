import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Fact, known, unknown, withFact } from "../core/machine/facts.ts";
import { inOrder, type UnitLine } from "../core/units/copy-unit.ts";
import { type Exposure, readExposures } from "../core/units/exposure.ts";
import type { UnitEntries } from "../core/units/unit-file.ts";
import { writeUnit } from "../core/units/write-unit.ts";
import { runHere } from "./programs.ts";

const ANALYZE = ["/usr/bin/systemd-analyze", "/bin/systemd-analyze"];

/** systemd's exposure of a unit with each of several sets of lines behind its own. No service manager is asked. */
export async function exposureWith(
  entries: UnitEntries,
  sets: readonly (readonly UnitLine[])[],
): Promise<Fact<readonly Exposure[]>> {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-units-"));
  try {
    const files: string[] = [];
    for (const [at, added] of sets.entries()) {
      const file = path.join(folder, `u${at}.service`);
      await writeFile(file, unitWith(entries, added), { mode: 0o600 });
      files.push(file);
    }
    const args = ["security", "--offline=true", "--no-pager"];
    return withFact(runHere(ANALYZE, [...args, "--json=short", ...files]), (json) =>
      withFact(runHere(ANALYZE, [...args, ...files]), (text): Fact<readonly Exposure[]> => {
        const exposures = readExposures(json, text, sets.length);
        return exposures === null ? unknown("systemd-analyze does not say what it should") : known(exposures);
      }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the score depends on: a service's own section. */
function unitWith(entries: UnitEntries, added: readonly UnitLine[]): string {
  const own = entries.filter(({ section }) => section === "Service");
  return writeUnit("", [
    { name: "Service", entries: [...own.map(({ name, value }) => ({ name, value })), ...inOrder(added)] },
  ]);
}
