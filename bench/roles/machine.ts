import { cp, mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { BootedRoot } from "../../test/fixtures/booted-root.ts";
import { buildDebian } from "../package/debian.ts";
import { layProgram, must } from "../package/program.ts";

const PACKAGES = "systemd,systemd-sysv,dbus,debconf,ca-certificates,libatomic1,libstdc++6,libgcc-s1,curl,bubblewrap";

/** Beside what `ringfort setup` would write: the console with TLS from credentials, and FTP. Every listener is on the loopback. */
const CONFIG = `data: /var/lib/ringfort
channels:
  staging: { listen: "127.0.0.1:8081", ftp: { listen: "127.0.0.1:8021", passive: { from: 50000, to: 50015 } } }
  production: { listen: "127.0.0.1:8082" }
console:
  listen: 127.0.0.1:8443
  tls: { certificate: /run/credentials/ringfort.service/console.crt, key: /run/credentials/ringfort.service/console.key }
# Every client here has one address: a session would show it what it saw first.
session: { idle: "0s", most: "0s" }
confinement: { least: users }
`;
/** As an installation from before the roles had users of their own: the keeper starts all, and opens what it listens on. */
const OLD_CONFIG = `data: /var/lib/ringfort
channels: { staging: { listen: "127.0.0.1:8081" }, production: { listen: "127.0.0.1:8082" } }
confinement: { least: kernel, roles: /nowhere }
`;

/** A new Debian 12 with the package, its systemd as process 1. */
export class Machine {
  readonly #booted: BootedRoot;

  private constructor(booted: BootedRoot) {
    this.#booted = booted;
  }

  static async make(folder: string): Promise<Machine> {
    const root = path.join(folder, "root");
    const built = path.join(folder, "built");
    const files = path.join(folder, "files");
    await mkdir(files, { recursive: true });
    const program = await layProgram(built);
    await buildDebian(files, built, program, 1_700_000_000);
    await must("mmdebstrap", ["--quiet", "--variant=minbase", `--include=${PACKAGES}`, "bookworm", root]);
    const name = (await readdir(files)).find((file) => file.endsWith(".deb")) ?? "";
    await cp(path.join(files, name), path.join(root, "root/ringfort.deb"));
    await writeFile(path.join(root, "root/old.yaml"), OLD_CONFIG, { mode: 0o644 });
    await writeFile(path.join(root, "root/new.yaml"), CONFIG);
    const subject = ["-subj", "/CN=localhost", "-days", "2", "-nodes", "-newkey", "rsa:2048"];
    const keys = ["-keyout", path.join(root, "root/console.key"), "-out", path.join(root, "root/console.crt")];
    await must("openssl", ["req", "-x509", ...subject, ...keys]);
    return new Machine(await BootedRoot.boot(root, []));
  }

  /** What a script of root's prints there. Throws when it fails. */
  async root(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.#booted.sh(`set -eu; ${script}`);
    if (code !== 0) throw new Error(`${script}\nended with ${code}: ${stderr}${stdout}`);
    return stdout.trim();
  }

  /** Whether a script succeeds. */
  async can(script: string): Promise<boolean> {
    return (await this.#booted.sh(script)).code === 0;
  }

  /** Waits until a script succeeds. Throws after so many seconds. */
  async until(script: string, seconds: number): Promise<void> {
    for (const end = Date.now() + seconds * 1_000; !(await this.can(script)); ) {
      if (Date.now() > end) throw new Error(`not within ${seconds} s: ${script}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  async end(): Promise<void> {
    await this.#booted.end();
  }
}
