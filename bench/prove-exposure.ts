import { existsSync } from "node:fs";
import path from "node:path";
import { run } from "../test/fixtures/daemon.ts";
import { UNITS } from "../test/fixtures/unit-file.ts";
import { conclude, say, table } from "./report.ts";

/**
 * `npm run prove:exposure`: what `systemd-analyze security --offline` makes of each role's unit, beside units of Debian. The score
 * tells which directives are there; that the roles work under them, under a real systemd, is what `npm run prove:roles` shows.
 */
const ROLES = [
  { role: "serve", unit: "ringfort-serve@.service", goal: 0.2 },
  { role: "inspect", unit: "ringfort-inspect@.service", goal: 0.2 },
  { role: "control", unit: "ringfort.service", goal: 0.2 },
  { role: "signer", unit: "ringfort-signer@.service", goal: 0.2 },
  { role: "console", unit: "ringfort-console@.service", goal: 0.2 },
  { role: "fetch of a folder", unit: "ringfort-folder@.service", goal: 0.2 },
  { role: "fetch", unit: "ringfort-fetch@.service", goal: 1.0 },
  { role: "notify", unit: "ringfort-notify@.service", goal: 1.0 },
  { role: "login", unit: "ringfort-login@.service", goal: 1.0 },
] as const;

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

const roles: {
  readonly role: string;
  readonly unit: string;
  readonly goal: number;
  readonly score: number | null;
  readonly met: boolean;
}[] = [];
for (const { role, unit, goal } of ROLES) {
  const score = await exposure(path.join(UNITS, unit));
  roles.push({ role, unit, goal, score, met: score !== null && score <= goal });
}
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
      ...roles.map(({ role, unit, goal, score, met }) => [
        role,
        unit,
        shown(score),
        goal.toFixed(1),
        met ? "yes" : "NO",
      ]),
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
