import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import * as z from "zod";
import { BootedRoot, needsBoot } from "../test/fixtures/booted-root.ts";
import { CLEAN, type Deviation, VENDORS, type Vendor, WORLD } from "./observe/vendors.ts";
import { must, repository } from "./package/program.ts";
import { conclude, say, table } from "./report.ts";

/**
 * `npm run prove:observe`: the paper's method for programs of others. Debian's nginx and vsftpd are filmed while clients use them, a profile is made of two films,
 * tried under a systemd that is process 1, and installed as the unit. The clients must see no difference; what the program is then made to do that
 * no film shows must be refused, and must have worked without the profile. Wants root and a Debian mirror; `--suite trixie` takes a newer one, whose
 * systemd holds ports too; `--root FOLDER` a root that is there.
 */
const PACKAGES = "systemd,systemd-sysv,dbus,nginx-light,vsftpd,strace,curl,libatomic1,libbpf1";
const RINGFORT = "/opt/ringfort/node_modules/.bin/node /opt/ringfort/src/main/ringfort.ts --json observe";
const MOST_EXPOSURE = 3;

const missing = needsBoot();
if (missing !== false) {
  say(`not run: ${missing}`);
  conclude({ proof: "observe", skipped: missing }, false);
  process.exit();
}

const made = z.object({ exposure: z.object({ is: z.number() }), unit: z.string(), doubts: z.array(z.string()) });
/** What systemd holds ports and addresses with, and a container has not by itself. */
const BPF = ["--capability=CAP_BPF,CAP_PERFMON,CAP_SYS_RESOURCE", "--system-call-filter=bpf"];

/** What a systemd without BPF_FRAMEWORK passes over (Debian 12): systemd.resource-control(5). */
const NEEDS_BPF = "listens on another port";

const tried = z.object({
  by: z.string(),
  acts: z.number(),
  refused: z.array(
    z.object({ did: z.record(z.string(), z.unknown()), failed: z.string().nullable(), why: z.string() }),
  ),
});

interface Proved {
  readonly name: string;
  readonly before: number;
  readonly after: number;
  readonly acts: number;
  readonly refused: number;
  /** What the clients saw is what they saw without the profile: under the trial, and under the unit. */
  readonly trialServes: boolean;
  readonly unitServes: boolean;
  readonly deviations: readonly {
    readonly does: string;
    readonly worked: boolean;
    readonly refused: boolean;
    /** Whether this systemd can hold it. */
    readonly held: boolean;
  }[];
}

async function expect(booted: BootedRoot, script: string): Promise<string> {
  const { code, stdout, stderr } = await booted.sh(script);
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

/** Waits until it answers, lets the clients do their work, and tells what they saw. */
function clients({ isReady, requests }: Vendor, seen: string): string {
  return `for t in $(seq 200); do ${isReady} && break; sleep 0.1; done; { ${requests}
  } >${seen} 2>&1; sleep 0.5`;
}

async function configure(booted: BootedRoot, { configuration }: Vendor, text: string): Promise<void> {
  await expect(booted, `cat >${configuration} <<'END'\n${text}END`);
}

async function prove(booted: BootedRoot, vendor: Vendor): Promise<Proved> {
  const { name, command, unit, user } = vendor;
  await expect(booted, vendor.setUp);
  await configure(booted, vendor, vendor.text());
  for (const film of ["a", "b"])
    await expect(
      booted,
      `cd /root; ${RINGFORT} --film --output ${film}.film -- ${command} >film.out 2>film.err & film=$!
      ${clients(vendor, `seen.${film}`)}; kill -TERM $film; wait $film || { cat film.out film.err; exit 1; }`,
    );
  const as = user === null ? "" : ` --as ${user}`;
  const profile = `cd /root; ${RINGFORT} --profile a.film b.film --peers 127.0.0.1${as}`;
  const { exposure, unit: text } = made.parse(JSON.parse(await expect(booted, `${profile} -- ${command}`)));
  const trial = await booted.sh(
    `${profile} --try -- ${command} >try.out 2>try.err & try=$!; ${clients(vendor, "seen.try")}; kill -TERM $try; wait $try; cat try.out`,
  );
  const { by, acts, refused } = tried.parse(JSON.parse(trial.stdout));
  for (const { did, failed, why } of refused) say(`  ${name}, trial: ${failed} ${JSON.stringify(did)} (${why})`);

  await expect(booted, `cat >/run/systemd/system/observed.service <<'END'\n${text}END\nsystemctl daemon-reload`);
  await expect(booted, `systemctl start observed; cd /root; ${clients(vendor, "seen.unit")}; systemctl stop observed`);
  const same = async (a: string, b: string): Promise<boolean> =>
    (await booted.sh(`cmp /root/seen.${a} /root/seen.${b}`)).code === 0;
  const deviations: Proved["deviations"][number][] = [];
  for (const each of vendor.deviations) deviations.push(await deviate(booted, vendor, each));
  await configure(booted, vendor, vendor.text());
  const shown = await expect(booted, `systemd-analyze --no-pager security --offline=true /lib/systemd/system/${unit}`);
  return {
    name,
    before: Number(/Overall exposure level for .*: (\d+\.\d)/.exec(shown)?.[1] ?? "NaN"),
    after: exposure.is,
    acts,
    refused: refused.length,
    trialServes: by === "systemd" && (await same("a", "try")),
    unitServes: (await same("a", "b")) && (await same("a", "unit")),
    deviations,
  };
}

/** The same program with the same other configuration: without the profile, and under it. */
async function deviate(booted: BootedRoot, vendor: Vendor, { does, text, worked }: Deviation) {
  await configure(booted, vendor, text);
  const attempt = async (start: string, stop: string): Promise<boolean> => {
    const { code } = await booted.sh(`${CLEAN}; ${start}; for t in 1 2 3 4 5 6 7 8; do sleep 0.25; { ${worked}
    } 2>/dev/null && exit 0; done; exit 1`);
    await booted.sh(`${stop}; ${CLEAN}; systemctl reset-failed`);
    return code === 0;
  };
  const as =
    vendor.user === null
      ? ""
      : `-p User=${vendor.user} -p AmbientCapabilities=CAP_NET_BIND_SERVICE -p TemporaryFileSystem=/run:mode=1777 `;
  const free = await attempt(`systemd-run --quiet --unit=free ${as}${vendor.command}`, "systemctl stop free");
  const bound = await attempt("systemctl start observed", "systemctl stop observed");
  const held = does !== NEEDS_BPF || (await booted.sh("systemctl --version | grep -q +BPF_FRAMEWORK")).code === 0;
  return { does, worked: free, refused: !bound, held };
}

const folder = await mkdtemp(path.join(tmpdir(), "ringfort-prove-observe-"));
const after = (flag: string): string | undefined => process.argv[process.argv.indexOf(flag) + 1 || process.argv.length];
const suite = after("--suite") ?? "bookworm";
const given = after("--root");
const root = path.resolve(given ?? path.join(folder, "root"));
let booted: BootedRoot | null = null;
const proved: Proved[] = [];
const faults: string[] = [];
try {
  if (given === undefined)
    await must("mmdebstrap", ["--quiet", "--variant=minbase", `--include=${PACKAGES}`, suite, root]);
  await writeFile(path.join(root, "etc/resolv.conf"), "");
  booted = await BootedRoot.boot(root, [`${repository}:/opt/ringfort`], BPF);
  await expect(booted, `systemctl stop nginx vsftpd; ${WORLD}`);
  for (const vendor of VENDORS) {
    say(vendor.name);
    proved.push(await prove(booted, vendor));
  }
} catch (error) {
  faults.push(error instanceof Error ? error.message : String(error));
  say(faults.join("\n"));
} finally {
  await booted?.end();
  await rm(folder, { recursive: true, force: true });
}

say(
  table(
    ["program", "exposure", "after", "acts in trial", "refused", "clients: trial", "clients: unit"],
    proved.map(({ name, before, after, acts, refused, trialServes, unitServes }) => [
      name,
      before.toFixed(1),
      after.toFixed(1),
      String(acts),
      String(refused),
      trialServes ? "as before" : "NOT",
      unitServes ? "as before" : "NOT",
    ]),
  ),
);
say(
  `\n${table(
    ["program", "planted", "without the profile", "under it"],
    proved.flatMap(({ name, deviations }) =>
      deviations.map(({ does, worked, refused, held }) => [
        name,
        does,
        worked ? "works" : "FAILS",
        refused ? "refused" : held ? "WORKS" : "works: this systemd has no BPF_FRAMEWORK",
      ]),
    ),
  )}`,
);
conclude(
  { proof: "observe", suite, goals: { mostExposure: MOST_EXPOSURE, refusedInTrial: 0 }, proved, faults },
  proved.length === VENDORS.length &&
    proved.every(
      ({ before, after, refused, trialServes, unitServes, deviations }) =>
        after <= MOST_EXPOSURE &&
        after < before &&
        refused === 0 &&
        trialServes &&
        unitServes &&
        deviations.length === 5 &&
        deviations.every((each) => each.worked && (each.refused || !each.held)),
    ),
);
