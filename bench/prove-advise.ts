import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod";
import { BootedRoot, needsBoot } from "../test/fixtures/booted-root.ts";
import { must } from "./package/program.ts";
import { conclude, say, table } from "./report.ts";

/**
 * `npm run prove:advise`: Debian's own units of nginx, vsftpd and clamav-freshclam under a systemd that is process 1. What `ringfort audit --advise
 * --try` keeps is put in as a drop-in, the daemon itself is started under it, and a client is served. Further: a directive that is known to break
 * nginx is left out, a running unit is not touched, and a trial that is killed leaves everything as it was. Wants root and a Debian mirror.
 */
const DAEMONS = [
  { unit: "nginx", check: "curl -fsS --max-time 3 http://127.0.0.1/ >/dev/null", breaks: "PrivateNetwork=yes" },
  {
    unit: "vsftpd",
    check: "curl -fsS --max-time 3 ftp://127.0.0.1/hello | grep -q there",
    breaks: "PrivateNetwork=yes",
  },
  {
    unit: "clamav-freshclam",
    // It is the client here: it asks nginx for its databases, and nginx writes down who asked.
    check: "sleep 1; grep -q ClamAV /var/log/nginx/access.log && : >/var/log/nginx/access.log",
    breaks: "PrivateNetwork=yes",
  },
] as const;
const PACKAGES = "systemd,systemd-sysv,dbus,nginx-light,vsftpd,clamav-freshclam,curl,libatomic1";
const RINGFORT = "/opt/ringfort/node_modules/.bin/node /opt/ringfort/src/main/ringfort.ts";
const MOST_SCORE = 3;

const missing = needsBoot();
if (missing !== false) {
  say(`not run: ${missing}`);
  conclude({ proof: "advise", skipped: missing }, false);
  process.exit();
}

const answer = z.object({
  score: z.number(),
  scoreAfter: z.number(),
  trial: z.object({ runs: z.number() }),
  directives: z.array(
    z.object({ directive: z.string(), state: z.enum(["advised", "kept", "left-out"]), why: z.string() }),
  ),
});

const folder = await mkdtemp(path.join(tmpdir(), "ringfort-prove-advise-"));
const root = path.join(folder, "root");
let booted: BootedRoot | null = null;
const daemons: {
  unit: string;
  before: number;
  after: number;
  runs: number;
  kept: number;
  leftOut: number;
  serves: boolean;
  foundFault: boolean;
}[] = [];
const steps: { step: string; ok: boolean }[] = [];

async function expect(script: string): Promise<string> {
  const { code, stdout, stderr } = await (booted as BootedRoot).sh(script);
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

async function advised(unit: string, check: string): Promise<void> {
  const file = `/root/${unit}.conf`;
  const command = `${RINGFORT} audit --advise ${unit} --try --settle 1 --check-command '${check}' --output ${file} --json`;
  const told = answer.parse(JSON.parse(await expect(command)));
  const inForce = `/etc/systemd/system/${unit}.service.d/50-ringfort.conf`;
  await expect(`install -D -m 644 ${file} ${inForce} && systemctl daemon-reload && systemctl restart ${unit}`);
  await wait(2_000);
  const { code } = await (booted as BootedRoot).sh(`systemctl is-active ${unit} && { ${check}; }`);
  const shown = await expect(`systemd-analyze --no-pager security ${unit}`);
  const after = Number(/Overall exposure level for .*: (\d+\.\d)/.exec(shown)?.[1] ?? "10");
  const states = (state: string): readonly string[] =>
    told.directives.filter((each) => each.state === state).map(({ directive }) => directive);
  const breaks = DAEMONS.find((each) => each.unit === unit)?.breaks ?? "";
  daemons.push({
    unit,
    before: told.score,
    after,
    runs: told.trial.runs,
    kept: states("kept").length,
    leftOut: states("left-out").length,
    serves: code === 0,
    foundFault: states("left-out").includes(breaks),
  });
  for (const { directive, why } of told.directives.filter(({ state }) => state === "left-out"))
    say(`  ${unit} without ${directive}: ${why}`);
}

function step(name: string, ok: boolean): void {
  steps.push({ step: name, ok });
  say(`${ok ? "ok " : "NO "} ${name}`);
}

try {
  await must("mmdebstrap", ["--quiet", "--variant=minbase", `--include=${PACKAGES}`, "bookworm", root]);
  await writeFile(
    path.join(root, "etc/vsftpd.conf"),
    "listen=YES\nanonymous_enable=YES\nanon_root=/srv/ftp\nsecure_chroot_dir=/var/run/vsftpd/empty\n",
  );
  await must("mkdir", ["-p", path.join(root, "srv/ftp")]);
  await writeFile(path.join(root, "srv/ftp/hello"), "there\n");
  await writeFile(
    path.join(root, "etc/clamav/freshclam.conf"),
    "DatabaseOwner clamav\nDatabaseDirectory /var/lib/clamav\nPrivateMirror http://127.0.0.1\nChecks 24\n",
  );
  booted = await BootedRoot.boot(root, [`${path.resolve(import.meta.dirname, "..")}:/opt/ringfort`]);
  await expect("systemctl stop nginx vsftpd clamav-freshclam");

  for (const { unit, check } of DAEMONS) {
    if (unit === "clamav-freshclam") await expect("systemctl restart nginx && : >/var/log/nginx/access.log");
    await advised(unit, check);
  }

  await expect("systemctl restart nginx");
  const pid = await expect("systemctl show --property=MainPID --value nginx");
  const refused = await booted.sh(`${RINGFORT} audit --advise nginx --try --json`);
  const untouched = pid === (await expect("systemctl show --property=MainPID --value nginx"));
  step(
    "a running unit that no copy can stand beside is not touched",
    refused.code === 3 && refused.stdout.includes("unit.running") && untouched,
  );

  const killed = booted.start("/bin/sh", ["-c", `exec ${RINGFORT} audit --advise nginx --try --instead --settle 60`]);
  let copies = "";
  for (let tries = 0; tries < 200 && copies === ""; tries += 1) {
    await wait(100);
    copies = (await booted.sh("systemctl list-units --no-legend --state=active 'ringfort-try-*'")).stdout;
  }
  const stopped = (await booted.sh("systemctl is-active nginx")).code !== 0;
  await booted.sh("kill -9 $(pgrep -f 'audit --advise nginx --try --instead' | grep -v $$)");
  killed.kill("SIGKILL");
  let isBack = false;
  for (let tries = 0; tries < 200 && !isBack; tries += 1) {
    await wait(100);
    const left = await booted.sh(
      "ls /run/systemd/system/ringfort-try-* 2>/dev/null; systemctl list-units --all --no-legend 'ringfort-try-*'",
    );
    isBack =
      left.stdout === "" && (await booted.sh(`systemctl is-active nginx && { ${DAEMONS[0].check}; }`)).code === 0;
  }
  step(
    "a trial that is killed leaves no copy behind, and the unit it stopped runs again",
    copies !== "" && stopped && isBack,
  );
} catch (error) {
  step(error instanceof Error ? error.message : String(error), false);
} finally {
  await booted?.end();
  await rm(folder, { recursive: true, force: true });
}

say(
  table(
    ["unit of Debian 12", "exposure", "after", "kept", "left out", "runs", "client served", "known fault found"],
    daemons.map(({ unit, before, after, kept, leftOut, runs, serves, foundFault }) => [
      unit,
      before.toFixed(1),
      after.toFixed(1),
      String(kept),
      String(leftOut),
      String(runs),
      serves ? "yes" : "NO",
      foundFault ? "yes" : "NO",
    ]),
  ),
);
conclude(
  { proof: "advise", goals: { mostScore: MOST_SCORE }, daemons, steps },
  daemons.length === DAEMONS.length &&
    daemons.every(
      ({ after, before, serves, foundFault }) => serves && foundFault && after <= MOST_SCORE && after < before,
    ) &&
    steps.length === 2 &&
    steps.every(({ ok }) => ok),
);
