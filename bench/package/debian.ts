import { createHash } from "node:crypto";
import { chmod, lutimes, readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { gzipSync } from "node:zlib";
import { cliPage, commandPages } from "../../src/cli/reference/cli-page.ts";
import { config as configSchema } from "../../src/core/config.ts";
import { settingsOfAnyHost, settingsOfTheMachine, writeSysctl } from "../../src/core/network/kernel-settings.ts";
import { planNetwork } from "../../src/core/network/network-plan.ts";
import { writeRuleSet } from "../../src/core/network/write-rule-set.ts";
import { MIGRATIONS } from "../../src/store/ledgers/schema.ts";
import { manPage, plainManPage } from "./man-page.ts";
import { APP, must, type Program, type Put, putBelow, repository } from "./program.ts";
import { sbomOf } from "./sbom.ts";

const deploy = path.join(repository, "deploy");
const DOC = "usr/share/doc/ringfort";
const UNIT = /\.(?:service|socket|timer)$/;

/**
 * Makes the Debian package of what `layProgram` has laid below a root, where the rest of it is added. Resolves to the package and
 * its bill of materials.
 */
export async function buildDebian(
  into: string,
  root: string,
  program: Program,
  epoch: number,
): Promise<readonly string[]> {
  const { version } = program;
  const put = putBelow(root);
  const take = async (from: string, name: string): Promise<void> => {
    await put(name, await readFile(path.join(deploy, from)));
  };
  const sbom = sbomOf({ name: "ringfort", version, packages: program.packages });
  for (const name of ["ringfort", "ringfort-agent"])
    await put(`usr/bin/${name}`, `#!/bin/sh\nexec /${APP}/bin/node /${APP}/dist/main/${name}.js "$@"\n`);
  for (const unit of (await readdir(path.join(deploy, "systemd"))).filter((name) => UNIT.test(name)))
    await take(`systemd/${unit}`, `usr/lib/systemd/system/${unit}`);
  for (const program of ["nightly-backup", "settle-data"]) await take(`debian/${program}`, `${APP}/libexec/${program}`);
  await take("systemd/sysusers.conf", "usr/lib/sysusers.d/ringfort.conf");
  await take("systemd/tmpfiles.conf", "usr/lib/tmpfiles.d/ringfort.conf");
  await put("usr/lib/sysctl.d/60-ringfort.conf", writeSysctl(settingsOfAnyHost()));
  await put("usr/lib/sysctl.d/60-ringfort-kernel.conf", writeSysctl(settingsOfTheMachine()));
  await documents(root, version, put);
  await put(`${DOC}/sbom.cdx.json`, sbom);
  for (const script of ["postinst", "prerm", "postrm", "templates"]) await take(`debian/${script}`, `DEBIAN/${script}`);
  const preinst = await readFile(path.join(deploy, "debian/preinst"), "utf8");
  await put("DEBIAN/preinst", preinst.replace("@SCHEMA@", String(MIGRATIONS.length)));
  const files = await settle(root, epoch);
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  await put("DEBIAN/control", control(version, Math.ceil(bytes / 1_024)));
  await put("DEBIAN/md5sums", files.map(({ name, md5 }) => `${md5}  ${name}\n`).join(""));
  await settle(root, epoch);
  const made = path.join(into, `ringfort_${version}_amd64.deb`);
  await must("dpkg-deb", ["--root-owner-group", "-Zzstd", "-z9", "--build", root, made], {
    SOURCE_DATE_EPOCH: String(epoch),
  });
  await writeFile(`${made}.cdx.json`, sbom);
  return [made, `${made}.cdx.json`];
}

async function documents(root: string, version: string, put: Put): Promise<void> {
  const dist = path.join(root, APP, "dist/main");
  const printed = async (...args: readonly string[]): Promise<string> =>
    (await must(process.execPath, [path.join(dist, args[0] ?? ""), ...args.slice(1)])).replaceAll("\r", "");
  const man = (name: string, section: number, page: string): Promise<void> =>
    put(`usr/share/man/man${section}/${name}.${section}.gz`, gzipSync(page, { level: 9 }));
  await man("ringfort", 1, manPage("ringfort", 1, version, cliPage()));
  for (const [command, page] of commandPages())
    await man(`ringfort-${command}`, 1, manPage(`ringfort-${command}`, 1, version, page));
  await man("ringfortd", 8, plainManPage("ringfortd", 8, version, await printed("ringfortd.js", "--help")));
  await man(
    "ringfort-agent",
    1,
    plainManPage("ringfort-agent", 1, version, await printed("ringfort-agent.js", "--help")),
  );
  const completions = {
    bash: "usr/share/bash-completion/completions/ringfort",
    zsh: "usr/share/zsh/vendor-completions/_ringfort",
    fish: "usr/share/fish/vendor_completions.d/ringfort.fish",
  };
  for (const [shell, place] of Object.entries(completions))
    await put(place, await printed("ringfort.js", "completion", shell));
  const sample = await readFile(path.join(repository, "ringfort.example.yaml"), "utf8");
  const here = sample.replace(/^data: .*$/m, "data: /var/lib/ringfort").replace(/^( +least:) flags$/m, "$1 users");
  await put(`${DOC}/examples/ringfort.yaml`, here);
  for (const name of ["hardening.md", "operations.md"])
    await put(`${DOC}/${name}`, await readFile(path.join(repository, "docs", name)));
  await put(`${DOC}/copyright`, await readFile(path.join(repository, "LICENSE")));
  const changes = await readFile(path.join(repository, "CHANGELOG.md"));
  await put(`${DOC}/changelog.gz`, gzipSync(changes, { level: 9 }));
  await put(`${DOC}/examples/ringfort.nft`, sampleRules());
  await put(`${DOC}/README.Debian`, await readFile(path.join(deploy, "debian/README.Debian")));
}

/** A rule set as `ringfort setup` writes it, of a host with two sides. */
function sampleRules(): string {
  const sample = configSchema.parse({
    data: "/var/lib/ringfort",
    host: { outside: "eth0", inside: "eth1", admins: ["10.20.9.0/24"] },
    channels: {
      staging: { listen: "10.20.0.10:80", allow: ["10.20.1.0/24"] },
      production: { listen: "10.20.0.20:80", allow: ["10.20.2.0/24"] },
    },
  });
  const plan = planNetwork(sample, [{ name: "clamav", addresses: ["https://database.clamav.net/"], proxy: null }]);
  if ("kind" in plan) throw new Error(plan.faults.join("; "));
  return writeRuleSet(plan);
}

interface Settled {
  readonly name: string;
  readonly size: number;
  readonly md5: string;
}

/** Gives each file the mode that it is to have, whatever the builder's umask, and one time; resolves to what is installed, sorted. */
async function settle(root: string, epoch: number): Promise<readonly Settled[]> {
  const found = await readdir(root, { recursive: true, withFileTypes: true });
  const settled: Settled[] = [];
  for (const entry of found) {
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(root, file);
    const runs =
      entry.isDirectory() || /^(usr\/bin\/|usr\/lib\/ringfort\/(bin\/node$|libexec\/)|DEBIAN\/(post|pre))/.test(name);
    if (!entry.isDirectory() && !entry.isFile()) throw new Error(`${name} is neither file nor folder`);
    await chmod(file, runs ? 0o755 : 0o644);
    await lutimes(file, epoch, epoch);
    if (!entry.isFile() || name.startsWith("DEBIAN/")) continue;
    const md5 = createHash("md5")
      .update(await readFile(file))
      .digest("hex");
    settled.push({ name, size: (await stat(file)).size, md5 });
  }
  await chmod(root, 0o755);
  await lutimes(root, epoch, epoch);
  return settled.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function control(version: string, kibibytes: number): string {
  return `Package: ringfort
Version: ${version}
Architecture: amd64
Maintainer: The Ringfort authors <ringfort@localhost>
Section: admin
Priority: optional
Installed-Size: ${kibibytes}
Depends: ca-certificates, debconf (>= 0.5) | debconf-2.0, libatomic1, libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 11), systemd
Recommends: nftables
Suggests: bubblewrap, strace
Description: verifying mirror for security updates
 Fetches updates once, bounds and verifies every byte, holds them for staging,
 releases them to production, and rolls back.
`;
}
