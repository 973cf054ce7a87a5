import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import path from "node:path";
import process from "node:process";
import { must } from "../package/program.ts";
import { cameTrue } from "./machine.ts";

/** Where qemu's user network has the outside and the machine; the container's is the same. */
const OUTSIDE = "10.0.2.2";
const MACHINE = "10.0.2.15";

/**
 * An image's root, mounted from its file to be read only, as the root of a container in which systemd is process 1: for
 * where a machine would have to be emulated, and be too slow for the service's own patience. The kernel is this one, and
 * nothing compares its blocks.
 */
export class Container {
  readonly #child: ChildProcess;
  readonly #undo: (() => Promise<unknown>)[];
  #console = "";
  #up = true;

  private constructor(child: ChildProcess, undo: (() => Promise<unknown>)[]) {
    this.#child = child;
    this.#undo = undo;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.#console += text;
    });
    child.once("close", () => {
      this.#up = false;
    });
  }

  get console(): string {
    return this.#console;
  }

  until(holds: () => boolean | Promise<boolean>, within: number): Promise<boolean> {
    return cameTrue(holds, () => this.#up, within);
  }

  /** Starts it on a new, empty data file system, with the disk of a back-up, and a way to a port of ours outside. */
  static async start(image: string, restore: string, folder: string, port: number): Promise<Container> {
    const undo: (() => Promise<unknown>)[] = [];
    const [root, data, disk] = ["root", "data", "data.ext4"].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    try {
      for (const at of [root, data]) await mkdir(at, { recursive: true });
      await must("/bin/mount", ["-t", "erofs", "-o", "loop,ro", path.join(image, "root.erofs"), root]);
      undo.push(() => must("/bin/umount", [root]));
      await writeFile(disk, "");
      await truncate(disk, 2 * 1_024 ** 3);
      await must("/sbin/mkfs.ext4", ["-q", "-F", disk]);
      await must("/bin/mount", ["-o", "loop,nodev,nosuid,noexec", disk, data]);
      undo.push(() => must("/bin/umount", [data]));
      const loop = (await must("/sbin/losetup", ["--find", "--show", "--read-only", restore])).trim();
      undo.push(() => must("/sbin/losetup", ["--detach", loop]));
      // No partition is looked for: the data folder's file system is handed in.
      const mounts = (await readFile(path.join(root, "etc/fstab"), "utf8")).split("\n");
      const fstab = path.join(folder, "fstab");
      await writeFile(fstab, mounts.filter((line) => !line.startsWith("PARTLABEL=")).join("\n"));
      const space = await network(undo);
      undo.push(await relay(port));
      const child = spawn(
        "/usr/bin/systemd-nspawn",
        [
          "--quiet",
          `--directory=${root}`,
          "--read-only",
          "--boot",
          "--register=no",
          "--keep-unit",
          "--resolv-conf=off",
          "--timezone=off",
          "--link-journal=no",
          `--network-namespace-path=/run/netns/${space}`,
          // What nspawn lets through is older than Landlock; a machine of its own has it.
          "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self",
          `--bind=${data}:/data`,
          `--bind-ro=${fstab}:/etc/fstab`,
          `--bind=${loop}:/dev/disk/by-label/ringfort-restore`,
        ],
        {
          stdio: ["ignore", "pipe", "inherit"],
          env: { ...process.env, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" },
        },
      );
      return new Container(child, undo);
    } catch (error) {
      await all(undo);
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.#up) {
      const closed = once(this.#child, "close");
      // What systemd in a container takes for "halt" (systemd-nspawn(1)); it is not waited for without end.
      this.#child.kill("SIGTERM");
      const timer = setTimeout(() => this.#child.kill("SIGKILL"), 20_000);
      await closed;
      clearTimeout(timer);
    }
    await all(this.#undo);
  }
}

async function all(undo: (() => Promise<unknown>)[]): Promise<void> {
  for (const step of undo.splice(0).toReversed())
    await step().catch((error: unknown) => process.stderr.write(`${String(error)}\n`));
}

/** A name space whose eth0 leads to us and nowhere else. */
async function network(undo: (() => Promise<unknown>)[]): Promise<string> {
  const [space, link] = [`rfimage${process.pid}`, `rfi${process.pid}`];
  await must("/sbin/ip", ["netns", "add", space]);
  undo.push(() => must("/sbin/ip", ["netns", "delete", space]));
  await must("/sbin/ip", ["link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space]);
  await must("/sbin/ip", ["address", "add", OUTSIDE, "peer", MACHINE, "dev", link]);
  await must("/sbin/ip", ["link", "set", link, "up"]);
  // By us: a container without CAP_NET_ADMIN has links that its systemd-networkd may only look at.
  await must("/sbin/ip", ["-n", space, "address", "add", `${MACHINE}/24`, "dev", "eth0"]);
  for (const each of ["lo", "eth0"]) await must("/sbin/ip", ["-n", space, "link", "set", each, "up"]);
  return space;
}

/** The upstream listens on the loopback alone. */
async function relay(port: number): Promise<() => Promise<unknown>> {
  const server: Server = createServer((from) => {
    const to = connect(port, "127.0.0.1");
    from.pipe(to).pipe(from);
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const)
      one.on("error", () => other.destroy()).on("close", () => other.destroy());
  });
  server.listen(port, OUTSIDE);
  await once(server, "listening");
  return () => new Promise((resolve) => server.close(resolve));
}
