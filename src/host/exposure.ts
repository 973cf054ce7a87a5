import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Fact, known, unknown, withFact } from "../core/machine/facts.ts";
import { runHere } from "./programs.ts";

/** systemd's sum for a unit's file, 0 to 10. */
export function exposureOf(file: string): Fact<number> {
  const args = ["security", "--offline=true", "--no-pager", file];
  return withFact(runHere(["/usr/bin/systemd-analyze", "/bin/systemd-analyze"], args), (text) => {
    const score = /Overall exposure level for .*: (\d+(?:\.\d+)?)/.exec(text)?.[1];
    return score === undefined ? unknown(`systemd-analyze says nothing of ${file}`) : known(Number(score));
  });
}

/** The same of a unit that lies nowhere yet. */
export function exposureOfText(text: string): Fact<number> {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-unit-"));
  try {
    const file = path.join(folder, "observed.service");
    writeFileSync(file, text);
    return exposureOf(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
