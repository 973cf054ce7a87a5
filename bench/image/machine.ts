import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, open, readFile, stat, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { must } from "../package/program.ts";

const SECTOR = 512;
const MIB = 1_024 * 1_024;
/** Sectors before the first partition and behind the last, for the tables. */
const MARGIN = 2_048;

export type Acceleration = "kvm" | "emulated";

export interface Disks {
  readonly root: string;
  readonly data: string;
  readonly restore: string;
}

/** A disk of an image as docs/image.md tells it: the root and its tree in partitions that are found by the root hash. */
export async function writeRootDisk(image: string, disk: string): Promise<void> {
  const words = await readFile(path.join(image, "cmdline"), "utf8");
  const uuid = (name: string): string => new RegExp(`${name}=PARTUUID=(\\S+)`).exec(words)?.[1] ?? "";
  const [root, tree] = [path.join(image, "root.erofs"), path.join(image, "root.verity")];
  const [rootSectors, treeSectors] = [(await stat(root)).size / SECTOR, (await stat(tree)).size / SECTOR];
  const second = Math.ceil((MARGIN + rootSectors) / MARGIN) * MARGIN;
  await writeFile(disk, "");
  await truncate(disk, (second + treeSectors + MARGIN) * SECTOR);
  await partition(disk, [
    `start=${MARGIN},size=${rootSectors},uuid=${uuid("verity_root_data")},name=ringfort-root-a`,
    `start=${second},size=${treeSectors},uuid=${uuid("verity_root_hash")},name=ringfort-verity-a`,
  ]);
  const into = await open(disk, "r+");
  try {
    await into.write(await readFile(root), 0, undefined, MARGIN * SECTOR);
    await into.write(await readFile(tree), 0, undefined, second * SECTOR);
  } finally {
    await into.close();
  }
}

/** One byte of the root's partition is another. */
export async function flipRoot(disk: string, at: number): Promise<void> {
  const file = await open(disk, "r+");
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, MARGIN * SECTOR + at);
    await file.write(Buffer.of(byte.readUInt8() ^ 1), 0, 1, MARGIN * SECTOR + at);
  } finally {
    await file.close();
  }
}

/** An empty partition that has the name of the data's and no file system. */
export async function writeDataDisk(disk: string, size: number): Promise<void> {
  await writeFile(disk, "");
  await truncate(disk, size);
  await partition(disk, ["name=ringfort-data"]);
}

/** A file system of these files, labelled for the restore. */
export async function writeRestoreDisk(disk: string, folder: string, files: readonly string[]): Promise<void> {
  await mkdir(folder);
  for (const file of files) await copyFile(file, path.join(folder, path.basename(file)));
  await writeFile(disk, "");
  await truncate(disk, 32 * MIB);
  await must("/sbin/mkfs.ext4", ["-q", "-L", "ringfort-restore", "-d", folder, disk]);
}

async function partition(disk: string, lines: readonly string[]): Promise<void> {
  const child = spawn("/sbin/sfdisk", ["--quiet", disk], { stdio: ["pipe", "inherit", "inherit"] });
  child.stdin.end(`label: gpt\n${lines.join("\n")}\n`);
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error("sfdisk failed");
}

/** A machine in qemu, its serial console, and a port of ours that leads to one of its own. */
export class Machine {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #console = "";
  #up = true;

  constructor(args: readonly string[]) {
    this.#child = spawn("/usr/bin/qemu-system-x86_64", args, { stdio: ["ignore", "pipe", "pipe"] });
    const keep = (text: string): void => {
      this.#console += text;
    };
    this.#child.stdout?.setEncoding("utf8").on("data", keep);
    this.#child.stderr?.setEncoding("utf8").on("data", keep);
    this.#ended = once(this.#child, "close").then(() => {
      this.#up = false;
    });
  }

  get console(): string {
    return this.#console;
  }

  get isUp(): boolean {
    return this.#up;
  }

  until(holds: () => boolean | Promise<boolean>, within: number): Promise<boolean> {
    return cameTrue(holds, () => this.#up, within);
  }

  async stop(): Promise<void> {
    if (this.#up) this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

/** Whether it came true while something was up, within so many milliseconds. */
export async function cameTrue(
  holds: () => boolean | Promise<boolean>,
  isUp: () => boolean,
  within: number,
): Promise<boolean> {
  const end = performance.now() + within;
  while (performance.now() < end) {
    if (await holds()) return true;
    if (!isUp()) return false;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return false;
}

export interface MachineWish {
  readonly image: string;
  readonly disks: Disks;
  readonly how: Acceleration;
  /** Our port, and the machine's that it leads to. */
  readonly forward: { readonly here: number; readonly there: number };
}

/** Starts an image's kernel with its initrd and its own command line; the root's disk is as it is on a medium that cannot be written. */
export async function startMachine({ image, disks, how, forward }: MachineWish): Promise<Machine> {
  const words = (await readFile(path.join(image, "cmdline"), "utf8")).trim();
  const drive = (file: string, more = ""): string => `file=${file},format=raw,if=virtio${more}`;
  const options: readonly (readonly [string, string])[] = [
    ["-kernel", path.join(image, "vmlinuz")],
    ["-initrd", path.join(image, "initrd.img")],
    ["-append", `${words} console=ttyS0`],
    ["-drive", drive(disks.root, ",readonly=on")],
    ["-drive", drive(disks.data)],
    ["-drive", drive(disks.restore, ",readonly=on")],
    ["-netdev", `user,id=n0,hostfwd=tcp:127.0.0.1:${forward.here}-10.0.2.15:${forward.there}`],
    ["-device", "virtio-net-pci,netdev=n0"],
  ];
  return new Machine([...hardware(how, 1_536), ...options.flat()]);
}

function hardware(how: Acceleration, mebibytes: number): readonly string[] {
  // Without cx16: qemu 7.2 emulates cmpxchg16b so that kernels of 2024 and later stop in it.
  const processor =
    how === "kvm" ? ["-accel", "kvm", "-cpu", "host"] : ["-accel", "tcg,thread=multi", "-cpu", "max,-cx16"];
  return [
    ...processor,
    "-m",
    String(mebibytes),
    "-smp",
    "2",
    "-nodefaults",
    "-display",
    "none",
    "-serial",
    "stdio",
    "-no-reboot",
  ];
}

/** Where a machine inside a machine has a /dev/kvm, a kernel does not always get far on it: it is tried, and else emulated. */
export async function acceleration(image: string): Promise<Acceleration> {
  if (process.getuid?.() !== 0) return "emulated";
  const trial = new Machine([
    ...hardware("kvm", 512),
    "-kernel",
    path.join(image, "vmlinuz"),
    "-append",
    "console=ttyS0",
  ]);
  try {
    return (await trial.until(() => trial.console.includes("Linux version"), 15_000)) ? "kvm" : "emulated";
  } finally {
    await trial.stop();
  }
}
