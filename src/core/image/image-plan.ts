import type { SocketUnit } from "../network/socket-units.ts";
import type { ImageManifest, RootFormat } from "./manifest.ts";

/** How far building or reading is; `done` and `total` are steps or bytes. */
export interface ImageProgress {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  readonly unit: "steps" | "bytes";
}

/** What an image is made of. Paths are absolute. */
export interface ImageWish {
  /** A new folder, for the image. */
  readonly folder: string;
  /** The image's name, and the host's. */
  readonly name: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly by: string;
  readonly deb: string;
  readonly configuration: string;
  /** Units that open the configuration's listeners: nothing of Ringfort opens one. */
  readonly sockets: readonly SocketUnit[];
  /** A folder of files laid over the root; `null`: none. */
  readonly files: string | null;
  /** Debian packages beside those that Ringfort needs. */
  readonly packages: readonly string[];
  readonly suite: string;
  /** A file of apt's sources; `null`: Debian's own archive as it is now. */
  readonly sources: string | null;
  readonly format: RootFormat;
  readonly boots: boolean;
  /** The public key that the image is verified with as soon as it is built, and what signs its manifest. */
  readonly publicKey: string;
  readonly sign: (manifest: string) => Uint8Array;
  /** Whether this process is root, who alone may make a root file system with its owners. */
  readonly isRoot: boolean;
}

/** What an image needs beside Ringfort's own dependencies: what boots, mounts, filters, and has a network. */
const PACKAGES = ["systemd", "systemd-sysv", "dbus", "udev", "kmod", "e2fsprogs", "nftables", "ca-certificates"];
/** To boot: a kernel, what makes its initrd, and what opens a root by its hash. */
const BOOT_PACKAGES = ["initramfs-tools", "cryptsetup-bin", "zstd"];
const KERNELS: Readonly<Record<string, string>> = {
  amd64: "linux-image-cloud-amd64",
  arm64: "linux-image-cloud-arm64",
};

/** Debian packages of an image, sorted, each once. */
export function imagePackages(
  depends: readonly string[],
  more: readonly string[],
  boots: boolean,
  architecture: string,
): readonly string[] {
  const kernel = more.some((name) => name.startsWith("linux-image-")) ? [] : [KERNELS[architecture] ?? "linux-image"];
  return [...new Set([...PACKAGES, ...depends, ...more, ...(boots ? [...BOOT_PACKAGES, ...kernel] : [])])].toSorted();
}

/** The names in a Debian package's Depends: the first of alternatives, without versions (deb-control(5)). */
export function dependsOf(field: string): readonly string[] {
  return field
    .split(",")
    .map((each) => (each.split("|")[0] ?? "").trim().split(/[ (:]/)[0] ?? "")
    .filter((name) => name !== "");
}

/** Pages and translations that nobody reads on such a machine; licences stay. */
const LEFT_OUT = [
  "path-exclude=/usr/share/man/*",
  "path-exclude=/usr/share/locale/*",
  "path-exclude=/usr/share/info/*",
  "path-exclude=/usr/share/doc/*",
  "path-include=/usr/share/doc/*/copyright",
  "path-include=/usr/share/doc/ringfort/*",
];

/** What mmdebstrap is asked: Debian's essential packages without apt, those named, and ours, into a folder. */
export function mmdebstrapArguments(wish: {
  readonly suite: string;
  readonly packages: readonly string[];
  readonly deb: string;
  /** A file of apt's sources; `null`: Debian's own archive as it is now. */
  readonly sources: string | null;
  readonly setupHook: string;
  readonly customizeHook: string;
  readonly into: string;
}): readonly string[] {
  return [
    "--mode=root",
    "--variant=essential",
    "--format=directory",
    `--include=${wish.packages.join(",")}`,
    // Brings a file of the host where the chroot's own apt can see it.
    "--hook-dir=/usr/share/mmdebstrap/hooks/file-mirror-automount",
    `--include=${wish.deb}`,
    ...LEFT_OUT.map((option) => `--dpkgopt=${option}`),
    `--setup-hook=${wish.setupHook} "$1"`,
    `--customize-hook=${wish.customizeHook} "$1"`,
    wish.suite,
    wish.into,
    ...(wish.sources === null ? [] : [wish.sources]),
  ];
}

/** The kernel's command line: which partitions, by names that follow from the root hash, and that a panic is no shell. */
export function commandLine(image: Pick<ImageManifest, "verity" | "root">): string {
  const { rootHash } = image.verity;
  return [
    `roothash=${rootHash}`,
    `systemd.verity_root_data=PARTUUID=${partitionUuid(rootHash.slice(0, 32))}`,
    `systemd.verity_root_hash=PARTUUID=${partitionUuid(rootHash.slice(32))}`,
    `rootfstype=${image.root}`,
    "ro",
    // A machine that cannot open its root starts again, and gives nobody a shell.
    "panic=10",
    "systemd.firstboot=no",
    "systemd.condition-first-boot=no",
  ].join(" ");
}

/** The half of a root hash as a partition's UUID, as the Discoverable Partitions Specification has it: two images side by side are told apart. */
function partitionUuid(half: string): string {
  return [half.slice(0, 8), half.slice(8, 12), half.slice(12, 16), half.slice(16, 20), half.slice(20, 32)].join("-");
}

/** mkfs's own arguments, for one time and one name of the file system. */
export function packArguments(
  format: RootFormat,
  root: string,
  into: string,
  created: number,
  uuid: string,
): readonly string[] {
  if (format === "erofs") return ["-zlz4hc,9", "-C65536", `-T${created}`, `-U${uuid}`, "--quiet", into, root];
  const times = ["-mkfs-time", String(created), "-all-time", String(created)];
  return [root, into, "-noappend", "-no-progress", "-quiet", "-no-xattrs", "-comp", "zstd", ...times];
}
