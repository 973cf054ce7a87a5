import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { needs, needsProgram } from "../test/fixtures/needs.ts";
import { Machine } from "./install/machine.ts";
import {
  fetched,
  fetchedByFtp,
  installed,
  isConfined,
  isRefused,
  makeVendor,
  positions,
  SETUP,
  servesBoth,
  startVendor,
  vendorsDigest,
  versionOf,
} from "./install/mirror.ts";
import { buildPackages, type Packages } from "./install/packages.ts";
import { expect, Steps } from "./install/steps.ts";
import { must } from "./package/program.ts";
import { conclude, say, table } from "./report.ts";

/**
 * `npm run prove:install`: a clean Debian 12 root with systemd as process 1 (mmdebstrap, systemd-nspawn). The package by apt, `ringfort
 * setup` by flags, a client of each channel behind a cable; upgrade, an upgrade that fails, a downgrade, a boot; back-up, purge, and a
 * restore into another root. Wants root, a kernel with Landlock, and a Debian mirror for the root.
 */
const missing = needs(
  needsProgram("mmdebstrap", "mmdebstrap"),
  needsProgram("systemd-nspawn", "systemd-container"),
  needsProgram("nsenter", "util-linux"),
  process.getuid?.() === 0 ? false : "needs root",
);
if (missing !== false) {
  say(`not run: ${missing}`);
  conclude({ proof: "install", skipped: missing }, false);
  process.exit();
}

/** What the package depends on, so that the machine needs no network of its own; and what the proof uses beside it. */
const INCLUDED =
  "systemd,systemd-sysv,dbus,ca-certificates,debconf,libatomic1,libgcc-s1,libstdc++6,nftables,iproute2,procps,curl,age";
const BACKUP = "/srv/ringfort.age";
const steps = new Steps();
const folder = await mkdtemp(path.join(tmpdir(), "ringfort-install-"));
let digest = "";

async function machineOf(name: string, packages: Packages): Promise<Machine> {
  const machine = await Machine.from(path.join(folder, "bare"), path.join(folder, name));
  await mkdir(path.join(machine.root, "opt/packages"), { recursive: true });
  for (const [called, file] of Object.entries(packages)) await machine.lay(file, `opt/packages/${called}.deb`);
  await machine.boot();
  await machine.cable();
  return machine;
}

async function installs(machine: Machine): Promise<void> {
  await steps.take("apt installs it: nothing runs, and the next step is said", async () => {
    const said = await machine.must(`${installed("before")} 2>&1`);
    expect(said.includes("ringfort setup"), `it does not say what is next:\n${said}`);
    const { stdout } = await machine.run(
      "systemctl list-units --all --plain --no-legend 'ringfort*' | grep -w running",
    );
    expect(stdout === "", `something runs: ${stdout}`);
    await machine.must("ringfort config check /usr/share/doc/ringfort/examples/ringfort.yaml");
  });
  await steps.take("setup by flags: a service that runs, answers, and is confined", async () => {
    const source = await makeVendor(machine);
    digest = await vendorsDigest(machine);
    await machine.must(SETUP + source);
    say(`    ${(await isConfined(machine)).join(", ")}`);
    await machine.must("ringfort harden sockets --check");
  });
  await steps.take(
    "a sync and a promotion: each channel serves its own clients, over HTTP and FTP, and nobody else",
    async () => {
      await machine.must("ringfort sync tools");
      expect((await fetched(machine, "staging")) === digest, "staging serves other bytes");
      await machine.must("ringfort promote tools --reason tried");
      await servesBoth(machine, digest);
      expect((await fetchedByFtp(machine, "production")) === digest, "FTP serves other bytes");
    },
  );
  await steps.take("no listener stands outside, and the packet filter is what the configuration needs", async () => {
    await machine.must(
      "systemctl enable --now ringfort-filter; sysctl -q -p /etc/sysctl.d/60-ringfort.conf; ringfort harden network --check 2>&1",
    );
    const outside = "ip netns exec internet curl -s --max-time 3 http://";
    for (const at of ["192.0.2.1", "10.20.0.10"])
      expect(
        (await machine.run(`ip -n internet route replace 10.20.0.0/16 via 192.0.2.1; ${outside}${at}/`)).code !== 0,
        `${at} answers outside`,
      );
    await machine.must("ringfort sync tools");
    await servesBoth(machine, digest);
  });
  await steps.take("its timers' work: audit into the journal, health, and a back-up that is encrypted", async () => {
    await machine.must(
      "age-keygen -o /root/backup.key 2>/dev/null; age-keygen -y /root/backup.key > /etc/ringfort/backup.recipients",
    );
    await machine.must(
      "for unit in health backup audit; do systemctl start ringfort-$unit.service || { [ $unit = audit ] || exit 1; }; done",
    );
    const report = await machine.must("journalctl -u ringfort-audit --no-pager");
    expect(/\d+ pass, /.test(report), "the audit's report is not in the journal");
    await machine.must("set -- /var/backups/ringfort/*.age; ringfort backup verify $1 --identity /root/backup.key");
    const timers = await machine.must("systemctl list-timers --no-legend 'ringfort*'");
    expect(timers.trim().split("\n").length === 3, `not all timers run:\n${timers}`);
  });
  await steps.take("it comes back with the machine", async () => {
    const before = await positions(machine);
    await machine.off();
    await machine.boot();
    // The interfaces come late here, as a cable would: a start that waited for them in vain is made again.
    await machine.cable();
    await machine.must(
      "systemctl start ringfort; for tick in $(seq 50); do ringfort status >/dev/null 2>&1 && break; sleep 0.2; done",
    );
    await startVendor(machine);
    expect((await positions(machine)) === before, "the channels stand elsewhere");
    await servesBoth(machine, digest);
  });
}

async function survives(machine: Machine): Promise<void> {
  await steps.take(
    "a keeper that is killed is started again, and its clients wait; one that is stopped stays so",
    async () => {
      const main = "systemctl show -p MainPID --value ringfort";
      const killed = await machine.must(`${main}; kill -9 $(${main})`);
      await servesBoth(machine, digest);
      expect((await machine.must(main)) !== killed, "it is the same process");
      await machine.must("for tick in $(seq 50); do ringfort status >/dev/null 2>&1 && break; sleep 0.2; done");
      await isConfined(machine);
      await machine.must("systemctl stop ringfort");
      expect(await isRefused(machine, "staging"), "somebody still answers");
      expect((await machine.run("systemctl is-active ringfort")).code !== 0, "a client has started it again");
      await machine.must(
        "systemctl start ringfort; for tick in $(seq 50); do ringfort status >/dev/null 2>&1 && break; sleep 0.2; done",
      );
      await servesBoth(machine, digest);
    },
  );
}

async function upgrades(machine: Machine): Promise<void> {
  const kept = async (): Promise<string> =>
    `${await machine.must("stat -c %i /etc/ringfort/ringfort.yaml /var/lib/ringfort/ledger.sqlite")}${await positions(machine)}`;
  await steps.take("an upgrade keeps configuration, ledger and positions, and goes on serving", async () => {
    const before = await kept();
    await machine.must(installed("now"));
    expect((await kept()) === before, "something has changed");
    await isConfined(machine);
    await servesBoth(machine, digest);
  });
  await steps.take(
    "an upgrade whose migration fails goes back: the version of before runs, with its data",
    async () => {
      const before = await positions(machine);
      const { code, stdout, stderr } = await machine.run(`${installed("broken")} 2>&1`);
      expect(code !== 0, "apt reports success");
      expect(stdout.includes("was put back"), `it does not say so:\n${stdout}${stderr}`);
      expect((await positions(machine)) === before, "the channels stand elsewhere");
      await isConfined(machine);
      await servesBoth(machine, digest);
      const again = await machine.run("dpkg --configure -a");
      expect(again.code !== 0, "a second try calls it done");
      await machine.must(installed("now"));
      expect(/^install ok installed 0\.1\.0$/.test(await versionOf(machine)), await versionOf(machine));
      await servesBoth(machine, digest);
    },
  );
  await steps.take(
    "a version with a migration more is taken; then the one of before is refused, and nothing changes",
    async () => {
      await machine.must(installed("newer"));
      const before = await positions(machine);
      const { code, stdout } = await machine.run(`${installed("now")} 2>&1`);
      expect(code !== 0 && stdout.includes("refused"), `it is not refused:\n${stdout}`);
      expect((await versionOf(machine)).endsWith("+newer"), await versionOf(machine));
      expect((await positions(machine)) === before, "the channels stand elsewhere");
      await servesBoth(machine, digest);
    },
  );
}

async function comesBack(machine: Machine, packages: Packages): Promise<void> {
  let before = "";
  await steps.take("a back-up, while it serves", async () => {
    before = await positions(machine);
    await machine.must(`ringfort backup create ${BACKUP} --recipients-file /etc/ringfort/backup.recipients`);
    await machine.must(`cp -r /srv/vendor ${BACKUP} /root/backup.key /opt/packages/`);
  });
  const kept = path.join(folder, "elsewhere");
  await must("cp", ["-a", path.join(machine.root, "opt/packages"), kept]);
  await steps.take("a removal takes the program, and keeps the data", async () => {
    await machine.must("apt-get -qq -y remove ringfort; test ! -e /usr/lib/ringfort; test -e /var/lib/ringfort/blobs");
    const { stdout } = await machine.run("ss -Hltn | grep -v 192.0.2.2");
    expect(stdout === "", `something still listens: ${stdout}`);
  });
  await steps.take("a purge takes what can be fetched again, and keeps ledger and keys", async () => {
    await machine.must(`apt-get -qq -y purge ringfort
      test -e /var/lib/ringfort/ledger.sqlite; test -e /var/lib/ringfort-signer/key
      test ! -e /var/lib/ringfort/blobs; test ! -e /etc/ringfort/ringfort.yaml; test ! -e /etc/sysctl.d/60-ringfort.conf
      ! ls /etc/systemd/system/ringfort*`);
  });
  await steps.take("a purge that was told so takes everything", async () => {
    await machine.must(`${installed("newer")}; echo 'ringfort ringfort/remove-everything boolean true' | debconf-set-selections
      apt-get -qq -y purge ringfort; test ! -e /var/lib/ringfort; test ! -e /var/lib/ringfort-signer; test ! -e /etc/ringfort`);
  });
  await machine.off();
  const other = await machineOf("other", packages);
  try {
    await steps.take(
      "another root: package, restore, setup; after fetching again it serves the same revisions",
      async () => {
        await must("cp", ["-a", path.join(kept, "vendor"), path.join(other.root, "srv/vendor")]);
        for (const name of ["ringfort.age", "backup.key"]) await other.lay(path.join(kept, name), `root/${name}`);
        await other.must(`${installed("newer")}
        ringfort restore /root/ringfort.age --identity /root/backup.key --data /var/lib/ringfort
        install -m 0640 -g ringfort /var/lib/ringfort/ringfort.yaml.restored /etc/ringfort/ringfort.yaml
        chown -R ringfort: /var/lib/ringfort`);
        await startVendor(other);
        await other.must("ringfort setup --yes --change; ringfort store check --repair || true; ringfort store check");
        expect((await positions(other)) === before, "the channels stand elsewhere");
        await isConfined(other);
        await servesBoth(other, digest);
      },
    );
  } finally {
    await other.off();
  }
}

try {
  say("building the packages and a root …");
  const packages = await buildPackages(path.join(folder, "packages"));
  const bare = path.join(folder, "bare");
  await must("mmdebstrap", ["--quiet", "--variant=apt", `--include=${INCLUDED}`, "bookworm", bare]);
  const machine = await machineOf("machine", packages);
  try {
    await installs(machine);
    await survives(machine);
    await upgrades(machine);
    await comesBack(machine, packages);
  } finally {
    await machine.off();
  }
  say(
    `\n${table(
      ["step", "seconds", "as it should"],
      steps.done.map(({ step, seconds, ok }) => [step, seconds.toFixed(1), ok ? "yes" : "NO"]),
    )}`,
  );
  conclude({ proof: "install", steps: steps.done }, steps.done.length === 15 && steps.done.every(({ ok }) => ok));
} finally {
  await rm(folder, { recursive: true, force: true });
}
