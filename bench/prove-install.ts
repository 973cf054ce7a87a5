import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { needs, needsProgram } from "../test/fixtures/needs.ts";
import { directives } from "../test/fixtures/unit-file.ts";
import { must } from "./package/program.ts";
import { conclude, say, table } from "./report.ts";

/**
 * `npm run prove:install`: a new Debian 12 root (mmdebstrap), the package by apt, the service's own command as the service's user without
 * any right, an upgrade that keeps data, a removal that does, and a purge. Wants root and a Debian mirror. systemd is not
 * process 1 there: its command line is run, its directives are not.
 */
const missing = needs(
  needsProgram("mmdebstrap", "mmdebstrap"),
  needsProgram("unshare", "util-linux"),
  process.getuid?.() === 0 ? false : "needs root",
);
if (missing !== false) {
  say(`not run: ${missing}`);
  conclude({ proof: "install", skipped: missing }, false);
  process.exit();
}

const folder = await mkdtemp(path.join(tmpdir(), "ringfort-install-"));
const root = path.join(folder, "root");
const steps: { readonly step: string; readonly ok: boolean; readonly why: string }[] = [];

/** A shell in the root, in process and mount name spaces that end with it. */
async function inRoot(script: string): Promise<string> {
  const shell = ["chroot", root, "/bin/sh", "-euc", script];
  return must("unshare", ["--mount", "--pid", "--fork", "--kill-child", `--mount-proc=${root}/proc`, ...shell], {
    DEBIAN_FRONTEND: "noninteractive",
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  });
}

async function step(name: string, work: () => Promise<string | undefined>): Promise<void> {
  const why = await work().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  steps.push({ step: name, ok: why === undefined, why: why ?? "" });
  say(`${why === undefined ? "ok " : "NO "} ${name}${why === undefined ? "" : `: ${why}`}`);
}

/** Starts what the unit starts, as the unit's user, asks it, and stops it. Resolves to what `status --json` says. */
async function served(): Promise<string> {
  const [command = ""] = directives("ringfort.service", "ExecStart");
  const [user = ""] = directives("ringfort.service", "User");
  const as = `setpriv --reuid=${user} --regid=${user} --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs`;
  return inRoot(`
    ${as} ${command} 2>/tmp/events & daemon=$!
    for tick in $(seq 300); do grep -q daemon.started /tmp/events && break; kill -0 $daemon || { cat /tmp/events; exit 1; }; sleep 0.1; done
    ${as} ringfort status --json
    kill -TERM $daemon; wait $daemon`);
}

const APT = "apt-get -qq -y --no-install-recommends";

try {
  await must(process.execPath, [path.join(import.meta.dirname, "package.ts"), path.join(folder, "now")]);
  const [now = ""] = (await readdir(path.join(folder, "now"))).filter((name) => name.endsWith(".deb"));
  const before = path.join(folder, "before");
  await must("dpkg-deb", ["--raw-extract", path.join(folder, "now", now), before]);
  await must("sed", ["-i", "s/^Version: .*/&~before/", path.join(before, "DEBIAN/control")]);
  await must("mmdebstrap", ["--quiet", "--variant=apt", "--skip=cleanup/apt/lists", "bookworm", root]);
  await cp("/etc/resolv.conf", path.join(root, "etc/resolv.conf"), { dereference: true });
  await writeFile(path.join(root, "usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  const packages = path.join(root, "opt/packages");
  await mkdir(packages, { recursive: true });
  await must("dpkg-deb", ["-Zzstd", "-z1", "--build", before, path.join(packages, "before.deb")]);
  await cp(path.join(folder, "now", now), path.join(packages, "now.deb"));

  await step("apt installs the package before this one", async () => {
    await inRoot(`${APT} install /opt/packages/before.deb; test ! -e /etc/ringfort/ringfort.yaml`);
    return undefined;
  });
  await step("the sample configuration is valid, in place", async () => {
    await inRoot("cp /usr/share/doc/ringfort/examples/ringfort.yaml /etc/ringfort/; ringfort config check");
    return undefined;
  });
  await step("the service's command runs without a right, confined by the kernel", async () => {
    const status = await served();
    return status.includes('"kernel"') ? undefined : `no process at L1: ${status}`;
  });
  await step("an upgrade keeps configuration and ledger", async () => {
    const marks = "stat -c %i /etc/ringfort/ringfort.yaml /var/lib/ringfort/ledger.sqlite";
    const [was, is] = [
      await inRoot(marks),
      (await inRoot(`${APT} install /opt/packages/now.deb`), await inRoot(marks)),
    ];
    return was === is ? undefined : "they are other files now";
  });
  await step("the upgraded service reads the older one's data", async () => {
    await served();
    return undefined;
  });
  await step("a removal takes the program, and keeps the data", async () => {
    await inRoot(`${APT} remove ringfort; test ! -e /usr/lib/ringfort; test -e /var/lib/ringfort/ledger.sqlite`);
    return undefined;
  });
  await step("a purge takes configuration and data", async () => {
    await inRoot(`${APT} purge ringfort; test ! -e /etc/ringfort; test ! -e /var/lib/ringfort`);
    return undefined;
  });
  say(
    `\n${table(
      ["step", "as it should"],
      steps.map(({ step: name, ok }) => [name, ok ? "yes" : "NO"]),
    )}`,
  );
  conclude({ proof: "install", steps }, steps.length === 7 && steps.every(({ ok }) => ok));
} finally {
  await rm(folder, { recursive: true, force: true });
}
