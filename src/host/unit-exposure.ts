import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Fact, known, unknown, withFact } from "../core/machine/facts.ts";
import { inOrder, type UnitLine } from "../core/units/copy-unit.ts";
import { type Exposure, readExposures } from "../core/units/exposure.ts";
import { parseUnit, type UnitEntries } from "../core/units/unit-file.ts";
import { writeUnit } from "../core/units/write-unit.ts";
import { runHere } from "./programs.ts";

const ANALYZE = ["/usr/bin/systemd-analyze", "/bin/systemd-analyze"];

/** systemd's exposure of a unit with each of several sets of lines behind its own. */
export function exposureWith(entries: UnitEntries, sets: readonly (readonly UnitLine[])[]): Fact<readonly Exposure[]> {
  return exposuresOf(sets.map((added) => [...entries, ...inOrder(added).map((line) => behind(line))]));
}

function behind(line: UnitLine): UnitEntries[number] {
  return { section: "Service", ...line, line: 0 };
}

/** systemd's exposure of several units. No service manager is asked. */
export function exposuresOf(units: readonly UnitEntries[]): Fact<readonly Exposure[]> {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-units-"));
  try {
    const files = units.map((entries, at) => {
      const file = path.join(folder, `u${at}.service`);
      writeFileSync(file, scored(entries), { mode: 0o600 });
      return file;
    });
    const args = ["security", "--offline=true", "--no-pager"];
    return withFact(runHere(ANALYZE, [...args, "--json=short", ...files]), (json) =>
      withFact(runHere(ANALYZE, [...args, ...files]), (text): Fact<readonly Exposure[]> => {
        const exposures = readExposures(json, text, units.length);
        return exposures === null ? unknown("systemd-analyze does not say what it should") : known(exposures);
      }),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** systemd's score of a unit that lies nowhere yet. */
export function exposureOfText(text: string): Fact<number> {
  const entries = parseUnit({ file: "unit", text });
  if ("kind" in entries) return unknown(entries.detail);
  return withFact(exposuresOf([entries]), ([one]) => (one === undefined ? unknown("no score") : known(one.score)));
}

/** What the score depends on: a service's own section. */
function scored(entries: UnitEntries): string {
  const own = entries.filter(({ section }) => section === "Service");
  return writeUnit("", [{ name: "Service", entries: own.map(({ name, value }) => ({ name, value })) }]);
}

/** What this systemd passes over, though a unit says it: it warns of that in its journal alone. */
export function passedOverHere(): readonly string[] {
  const version = runHere(["/usr/bin/systemctl", "/bin/systemctl"], ["--version"]);
  if ("unknown" in version) return ["there is no systemd here to say what it holds"];
  return version.is.includes("-BPF_FRAMEWORK")
    ? [
        "this systemd is built without BPF_FRAMEWORK and passes over SocketBindDeny= and SocketBindAllow=: let the packet filter hold the ports",
      ]
    : [];
}
