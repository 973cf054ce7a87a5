import { existsSync } from "node:fs";
import path from "node:path";
import { run } from "../test/fixtures/daemon.ts";
import { UNITS } from "../test/fixtures/unit-file.ts";
import { conclude, say, table } from "./report.ts";

/**
 * `npm run prove:exposure`: what `systemd-analyze security --offline` makes of our unit, beside units of Debian. A role's
 * row is the unit that it runs in. The score tells which directives are there; that the daemon works under them is shown by
 * test/e2e/service-unit.test.ts.
 */
const ROLES = [
  { role: "serve", goal: 0.2 },
  { role: "inspect", goal: 0.2 },
  { role: "control", goal: 0.2 },
  { role: "signer", goal: 0.2 },
  { role: "fetch", goal: 1.0 },
] as const;
/** Every role runs in the keeper's unit: a user for each is not there yet (docs/adr). */
const UNIT = "ringfort.service";

const ANCHORS = [
  { name: "nginx", unit: "nginx.service", package: "nginx-common" },
  { name: "vsftpd", unit: "vsftpd.service", package: "vsftpd" },
  { name: "freshclam", unit: "clamav-freshclam.service", package: "clamav-freshclam" },
] as const;

/** The score of a unit file, from 0 to 10; `null` where systemd-analyze says none. */
async function exposure(file: string): Promise<number | null> {
  const { stdout, stderr } = await run("systemd-analyze", ["--no-pager", "security", "--offline=true", file]);
  const [, score] = /Overall exposure level for [^:]+: (\d+\.\d)/.exec(stdout) ?? [];
  if (score === undefined) say(`systemd-analyze says nothing of ${file}: ${stderr.trim()}`);
  return score === undefined ? null : Number(score);
}

function shown(score: number | null): string {
  return score === null ? "–" : score.toFixed(1);
}

const ours = await exposure(path.join(UNITS, UNIT));
const roles = ROLES.map(({ role, goal }) => ({ role, goal, score: ours, met: ours !== null && ours <= goal }));
const peers: { readonly name: string; readonly score: number | null; readonly package: string }[] = [];
for (const { name, unit, package: from } of ANCHORS) {
  const file = ["/usr/lib/systemd/system", "/lib/systemd/system"]
    .map((folder) => path.join(folder, unit))
    .find((one) => existsSync(one));
  peers.push({ name, package: from, score: file === undefined ? null : await exposure(file) });
}
say(
  table(
    ["who", "unit of", "exposure", "goal", "met"],
    [
      ...roles.map(({ role, goal, score, met }) => [role, UNIT, shown(score), goal.toFixed(1), met ? "yes" : "NO"]),
      ...peers.map(({ name, package: from, score }) => [name, `Debian's ${from}`, shown(score), "", ""]),
    ],
  ),
);
for (const { package: from } of peers.filter(({ score }) => score === null))
  say(`not measured: needs the package ${from}`);
conclude(
  { proof: "exposure", roles, peers },
  roles.every(({ met }) => met),
);
