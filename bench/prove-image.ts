import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import type { ImageManifest } from "../src/core/image/manifest.ts";
import { runCli } from "../test/fixtures/daemon.ts";
import { needs, needsProgram } from "../test/fixtures/needs.ts";
import { listenOnLoopback } from "../test/upstream/listen.ts";
import { Container } from "./image/container.ts";
import {
  acceleration,
  type Disks,
  flipRoot,
  type Machine,
  startMachine,
  writeDataDisk,
  writeRestoreDisk,
  writeRootDisk,
} from "./image/machine.ts";
import { type OldMirror, oldMirror } from "./image/old-mirror.ts";
import { probeFiles } from "./image/probe.ts";
import { buildDebian } from "./package/debian.ts";
import { layProgram, must, repository } from "./package/program.ts";
import { conclude, machine as machineHere, say, table } from "./report.ts";

/**
 * `npm run prove:image`: a golden image built twice, under two umasks and on two file systems where there are two, and compared; verified, and with one byte flipped; then booted
 * in qemu on an empty data disk with a back-up beside it; inside, writes to the root are tried; a client outside fetches every file that the old mirror showed.
 * Where no /dev/kvm takes a kernel along the machine is emulated, and the same root's service is started in a container instead. Then a boot of the same disk with one byte flipped. Wants root, a Debian mirror with backports, and qemu; /dev/kvm makes it quicker.
 */
const missing = needs(
  needsProgram("mmdebstrap", "mmdebstrap"),
  needsProgram("mkfs.erofs", "erofs-utils"),
  needsProgram("veritysetup", "cryptsetup-bin"),
  needsProgram("qemu-system-x86_64", "qemu-system-x86"),
  needsProgram("sfdisk", "fdisk"),
  needsProgram("mkfs.ext4", "e2fsprogs"),
  needsProgram("systemd-nspawn", "systemd-container"),
  process.getuid?.() === 0 ? false : "needs root",
);
if (missing !== false) {
  say(`not run: ${missing}`);
  conclude({ proof: "image", skipped: missing }, false);
  process.exit();
}

/** Minutes from power-on of the empty machine to the last byte, at most. */
const MOST_MINUTES = 10;
const CLI = path.join(repository, "src/main/ringfort.ts");
const CREATED = 1_790_000_000;
const PRODUCTION = 8_082;
const SOURCES = [
  "debian bookworm",
  "debian bookworm-updates",
  "debian bookworm-backports",
  "debian-security bookworm-security",
]
  .map((words) => `deb http://deb.debian.org/${words} main\n`)
  .join("");

const folder = await mkdtemp(path.join(tmpdir(), "ringfort-image-"));
/** Names of another order in their folders than on a disk: what depends on that order differs. */
const elsewhere = await mkdtemp(path.join("/dev/shm", "ringfort-image-")).catch(() => path.join(folder, "elsewhere"));
const steps: { readonly step: string; readonly ok: boolean; readonly why: string }[] = [];
const figures: Record<string, unknown> = {};
let old: OldMirror | null = null;

async function step(name: string, work: () => Promise<string | undefined>): Promise<void> {
  const why = await work().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  steps.push({ step: name, ok: why === undefined, why: why ?? "" });
  say(`${why === undefined ? "ok " : "NO "} ${name}${why === undefined ? "" : `: ${why}`}`);
}

async function ringfort(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(...args);
  if (code !== 0) throw new Error(`ringfort ${args.slice(0, 2).join(" ")} ended with ${code}:\n${stderr}${stdout}`);
  return stdout;
}

async function digests(image: string): Promise<string> {
  const lines: string[] = [];
  for (const name of (await readdir(image)).toSorted()) {
    const bytes = await readFile(path.join(image, name));
    lines.push(`${createHash("sha256").update(bytes).digest("hex")}  ${name}`);
  }
  return lines.join("\n");
}

/** Without what colours a terminal. */
function plain(text: string): string {
  return text.replaceAll(/\u001b\[[0-9;?]*[a-zA-Z]/g, "");
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listenOnLoopback(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** How many of the files come back as they were, over HTTP from outside. */
async function fetched(url: string, shown: OldMirror["shown"]): Promise<number> {
  let same = 0;
  for (const [name, body] of shown) {
    const answer = await fetch(`${url}/vendor/${name}`, {
      signal: AbortSignal.timeout(20_000),
    }).catch(() => null);
    if (answer?.status !== 200) return same;
    const got = Buffer.from(await answer.arrayBuffer().catch(() => new ArrayBuffer(0)));
    if (!got.equals(body)) return same;
    same += 1;
  }
  return same;
}

const image = path.join(folder, "image");
const disks: Disks = {
  root: path.join(folder, "root.disk"),
  data: path.join(folder, "data.disk"),
  restore: path.join(folder, "restore.disk"),
};

try {
  await mkdir(path.join(folder, "package"));
  const [deb = ""] = await buildDebian(
    path.join(folder, "package"),
    path.join(folder, "package/root"),
    await layProgram(path.join(folder, "package/root")),
    CREATED,
  );
  const keyFile = path.join(folder, "image.key");
  const { publicKey } = JSON.parse(await ringfort("key", "new", keyFile, "--kind", "minisign", "--json")) as {
    readonly publicKey: string;
  };
  await probeFiles(path.join(folder, "files"), publicKey);
  await writeFile(path.join(folder, "sources.list"), SOURCES);
  await writeFile(
    path.join(folder, "ringfort.yaml"),
    `data: /var/lib/ringfort
channels:
  staging: { listen: "10.0.2.15:8081" }
  production: { listen: "10.0.2.15:${PRODUCTION}" }
confinement: { least: users }
audit: { image: { manifest: /var/lib/ringfort/image/manifest.json, key: ${publicKey} } }
`,
  );
  const build = async (into: string, umask: string): Promise<string> => {
    const began = performance.now();
    const options: readonly (readonly [string, string])[] = [
      ["--key", keyFile],
      ["--deb", deb],
      ["--epoch", String(CREATED)],
      ["--configuration", path.join(folder, "ringfort.yaml")],
      ["--files", path.join(folder, "files")],
      ["--sources", path.join(folder, "sources.list")],
      ["--include", "linux-image-cloud-amd64/bookworm-backports"],
    ];
    const words = ["image", "build", into, "--boot", ...options.flat()];
    await must("/bin/sh", ["-c", `umask ${umask}; exec "$@"`, "sh", process.execPath, CLI, ...words]);
    figures["buildSeconds"] = Math.round((performance.now() - began) / 1_000);
    return digests(into);
  };
  await step("two builds are the same bytes", async () => {
    const [one, two] = [await build(image, "022"), await build(path.join(elsewhere, "image"), "077")];
    figures["bytes"] = (await readFile(path.join(image, "root.erofs"))).length;
    return one === two ? undefined : `they differ:\n${one}\n\n${two}`;
  });
  await step("the image is verified", async () => {
    await ringfort("image", "verify", image, "--key", publicKey);
    return undefined;
  });
  await step("a flipped byte is found, and its block named", async () => {
    const spoilt = path.join(elsewhere, "image/root.erofs");
    const [file, block] = [await open(spoilt, "r+"), 4_321];
    await file.write(Buffer.of(0xa5, 0x5a, 0xa5), 0, 3, block * 4_096);
    await file.close();
    const { code, stderr } = await runCli("image", "verify", path.dirname(spoilt), "--key", publicKey);
    return code === 3 && stderr.includes(`block ${block} `) ? undefined : `exit ${code}: ${stderr}`;
  });

  old = await oldMirror(folder);
  const { shown, upstream } = old;
  const { rootHash } = (JSON.parse(await readFile(path.join(image, "manifest.json"), "utf8")) as ImageManifest).verity;
  const how = await acceleration(image);
  figures["processor"] = how;
  say(`    the machine's processor: ${how}`);
  await writeRootDisk(image, disks.root);
  await writeDataDisk(disks.data, 2 * 1_024 ** 3);
  const beside = ["manifest.json", "manifest.json.minisig"].map((name) => path.join(image, name));
  await writeRestoreDisk(disks.restore, path.join(folder, "restore"), [old.backup, old.identity, ...beside]);

  let seen = "";
  const lines = (): readonly string[] =>
    [...plain(seen).matchAll(/\|probe\| (.*?)\r?$/gm)].map(([, text = ""]) => text);
  const inside = (name: string, holds: (line: string) => boolean, least = 1): Promise<void> =>
    step(name, async () => {
      const all = lines();
      return all.filter((line) => holds(line)).length >= least ? undefined : `it does not:\n${all.join("\n")}`;
    });
  const service = async (where: Machine | Container, url: string, began: number): Promise<string | undefined> => {
    const served = await where.until(async () => (await fetched(url, shown)) === shown.size, MOST_MINUTES * 60_000);
    figures["secondsToService"] = Math.round((performance.now() - began) / 1_000);
    if (!served) return `it does not:\n${plain(where.console).slice(-3_000)}`;
    await where.until(() => /\|probe\| end\r?$/m.test(where.console), 180_000);
    return undefined;
  };

  const here = await freePort();
  const SERVES = `an empty one serves what the old one showed, within ${MOST_MINUTES} minutes`;
  const began = performance.now();
  const machine = await startMachine({ image, disks, how, forward: { here, there: PRODUCTION } });
  try {
    await step("an empty machine starts, makes its data file system, and restores the back-up", async () => {
      const up = await machine.until(() => machine.console.includes("|probe| end root"), 600_000);
      figures["secondsToRestored"] = Math.round((performance.now() - began) / 1_000);
      seen = machine.console;
      return up && lines().some((line) => /^restored ringfort:[1-9]/.test(line))
        ? undefined
        : `it does not:\n${plain(seen).slice(-3_000)}`;
    });
    if (how === "kvm") await step(SERVES, () => service(machine, `http://127.0.0.1:${here}`, began));
  } finally {
    await machine.stop();
    seen = machine.console;
  }
  for (const line of lines()) say(`    ${line}`);
  await inside("the root is the image's, by dm-verity", (line) => /^root \/dev\/mapper\/root erofs ro\b/.test(line));
  await inside(
    "every write to the root is refused",
    (line) => line.startsWith("kept: ") && !line.includes("/var/lib"),
    4,
  );
  await inside("nothing can be run from the data partition", (line) => line === "kept: /var/lib/ringfort/true");
  await inside("the kernel says that this image runs", (line) => line === "running this");
  if (how === "kvm") {
    await inside("the rehearsal is recorded", (line) => line.startsWith("record {"));
    await inside(
      "the machine's own audit passes REC-01",
      (line) => line === "recovery" && lines().some((each) => /^audit \d+ pass, /.test(each)),
    );
  } else {
    // Node would start some thirty times slower there than the daemon has patience for: the same root serves in a container.
    say(
      "    emulated: the service is started in a container on the same root; the record of a rehearsal is not asked for",
    );
    const contained = performance.now();
    let container: Container | null = null;
    await step(SERVES, async () => {
      await must("/sbin/veritysetup", [
        "verify",
        path.join(image, "root.erofs"),
        path.join(image, "root.verity"),
        rootHash,
      ]);
      const there = await Container.start(image, disks.restore, path.join(folder, "container"), upstream.port);
      container = there;
      return service(there, `http://10.0.2.15:${PRODUCTION}`, contained);
    });
    await (container as Container | null)?.stop();
    seen = (container as Container | null)?.console ?? "";
    for (const line of lines()) say(`    ${line}`);
  }
  await inside(
    "each worker has a user of its own, behind the kernel's walls",
    (line) => /^levels .*"level":"users"/.test(line) && !/"(?:flags|kernel)"/.test(line),
  );
  await inside("no unit failed", (line) => line === "failed");

  await step("with one flipped byte the machine does not come up", async () => {
    const spoilt = { ...disks, root: path.join(folder, "spoilt.disk") };
    await cp(disks.root, spoilt.root);
    // The superblock of the file system: whoever mounts it reads it.
    await flipRoot(spoilt.root, 1_024 + 40);
    const machine = await startMachine({
      image,
      disks: spoilt,
      how,
      forward: { here: await freePort(), there: PRODUCTION },
    });
    try {
      await machine.until(() => false, 180_000);
      if (machine.isUp) return "it is still up after three minutes";
      if (machine.console.includes("Welcome to")) return "systemd was started";
      return machine.console.includes("is corrupted")
        ? undefined
        : `nothing says why:\n${machine.console.slice(-2_000)}`;
    } finally {
      await machine.stop();
    }
  });
  say(
    `\n${table(
      ["step", "as it should"],
      steps.map(({ step: name, ok }) => [name, ok ? "yes" : "NO"]),
    )}`,
  );
  conclude(
    { proof: "image", ...figures, machine: machineHere(), steps },
    steps.length === (how === "kvm" ? 14 : 12) && steps.every(({ ok }) => ok),
  );
} finally {
  await old?.upstream.close();
  await rm(folder, { recursive: true, force: true });
  await rm(elsewhere, { recursive: true, force: true });
}
