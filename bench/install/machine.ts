import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type CliRun, run } from "../../test/fixtures/daemon.ts";

const PATIENCE = 120_000;

/**
 * A Debian root in which systemd is process 1: systemd-nspawn, with a network of its own. Inside it lie the interface of the
 * outside, out0, and in0, at whose other end the client is.
 */
export class Machine {
  readonly root: string;
  #booted: ChildProcess | null = null;
  #leader = 0;

  constructor(root: string) {
    this.root = root;
  }

  /** A copy of a bare root. */
  static async from(bare: string, root: string): Promise<Machine> {
    const { code, stderr } = await run("cp", ["-a", bare, root]);
    if (code !== 0) throw new Error(stderr);
    return new Machine(root);
  }

  /** Lays a file of this machine's into it. */
  async lay(from: string, name: string): Promise<void> {
    await cp(from, path.join(this.root, name));
  }

  async boot(): Promise<void> {
    const args = ["-q", "-D", this.root, "--boot", "--register=no", "--keep-unit", "--private-network"];
    // What nspawn lets through is older than Landlock; a machine of its own has it.
    args.push("--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self");
    const env = { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" };
    const child = spawn("systemd-nspawn", args, { env, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-4_000);
      });
    this.#booted = child;
    const until = performance.now() + PATIENCE;
    while (performance.now() < until) {
      if (child.exitCode !== null) throw new Error(`the machine ended as it started:\n${said}`);
      this.#leader = await leaderOf(child.pid ?? 0);
      if (this.#leader !== 0 && (await this.run("systemctl is-system-running")).stdout.match(/^(running|degraded)/))
        return;
      await wait(200);
    }
    throw new Error(`the machine does not come up:\n${said}`);
  }

  /** Runs a shell's script in it, whatever comes of it. */
  async run(script: string): Promise<CliRun> {
    const inside = ["--target", String(this.#leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"];
    const env = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" };
    return run("nsenter", [...inside, "--", "/bin/sh", "-euc", script], { env });
  }

  /** As `run`; throws what was said where it fails. */
  async must(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(script);
    if (code !== 0) throw new Error(`ended with ${code}: ${script}\n${stdout}${stderr}`);
    return stdout;
  }

  /** The two sides of a host, until the machine is off; the client's end is in a network of its own. */
  async cable(): Promise<void> {
    await this.must(`
      ip netns add internet; ip netns add client
      ip link add out0 type veth peer name eth0 netns internet; ip addr add 192.0.2.1/24 dev out0; ip link set out0 up
      ip -n internet link set lo up; ip -n internet link set eth0 up; ip -n internet addr add 192.0.2.2/24 dev eth0; ip link add in0 type veth peer name eth0 netns client
      for at in 10.20.0.10 10.20.0.20; do ip addr add $at/16 dev in0; done; ip link set in0 up
      ip -n client link set lo up; for at in 10.20.1.5 10.20.2.5; do ip -n client addr add $at/16 dev eth0; done
      ip -n client link set eth0 up`);
  }

  async off(): Promise<void> {
    const child = this.#booted;
    if (child === null || child.exitCode !== null) return;
    const gone = once(child, "exit");
    await this.run("systemctl poweroff");
    const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
    await gone;
    clearTimeout(late);
    this.#booted = null;
  }

  async write(name: string, text: string): Promise<void> {
    await writeFile(path.join(this.root, name), text);
  }
}

/** Process 1 of the machine: nspawn's first child. 0: there is none yet. */
async function leaderOf(nspawn: number): Promise<number> {
  const children = await readFile(`/proc/${nspawn}/task/${nspawn}/children`, "utf8").catch(() => "");
  for (const child of children
    .trim()
    .split(" ")
    .filter((each) => each !== "")) {
    const name = await readFile(`/proc/${child}/comm`, "utf8").catch(() => "");
    if (name.trim() === "systemd") return Number(child);
  }
  return 0;
}
