import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { dependsOf, type ImageWish, imagePackages, mmdebstrapArguments } from "../core/image/image-plan.ts";
import type { ImageManifest } from "../core/image/manifest.ts";
import { ENABLED_UNITS, MASKED_UNITS, type RootFile, rootFiles } from "../core/image/root-files.ts";
import { onDisk } from "../core/kernel/disk.ts";
import type { Refusal } from "../core/kernel/errors.ts";
import { installedPackages } from "../core/machine/package-list.ts";
import { digestOf } from "./digest-file.ts";
import { secretsBelow, stageFiles, take } from "./stage-files.ts";
import { tidyRoot } from "./tidy-root.ts";
import { runTool } from "./tools.ts";

/** A root's folder, and what went into it. */
export interface MadeRoot extends Pick<ImageManifest, "architecture" | "packages" | "configuration" | "archives"> {
  readonly root: string;
}

/** Debian's packages, ours, the operator's files; without anything that is of the builder or of one machine. */
export async function makeRoot(
  wish: ImageWish,
  work: string,
  line: (text: string) => void,
): Promise<MadeRoot | Refusal> {
  const [root, stage, hooks, lists] = ["root", "stage", "hooks", "lists"].map((name) => path.join(work, name)) as [
    string,
    string,
    string,
    string,
  ];
  const [depends, architecture] = [
    await runTool("dpkg-deb", ["--field", wish.deb, "Depends"]),
    await runTool("dpkg-deb", ["--field", wish.deb, "Architecture"]),
  ].map((text) => text.trim()) as [string, string];
  await onDisk("making folders", async () => {
    for (const folder of [stage, hooks, lists]) await mkdir(folder);
  });
  const ours: readonly RootFile[] = [
    ...rootFiles(wish.name, wish.format, wish.boots),
    ...wish.sockets.map(({ file, text }) => ({ name: `etc/systemd/system/${file}`, mode: 0o644 as const, text })),
  ];
  const staged = await stageFiles(stage, ours, wish.configuration, wish.files);
  if ("kind" in staged) return staged;
  const setup = await hook(path.join(hooks, "setup"), setupHook(stage));
  const customize = await hook(path.join(hooks, "customize"), customizeHook(stage, lists, wish));
  const packages = imagePackages(dependsOf(depends), wish.packages, wish.boots, architecture);
  await runTool(
    "mmdebstrap",
    mmdebstrapArguments({
      suite: wish.suite,
      packages,
      deb: wish.deb,
      sources: wish.sources,
      setupHook: setup,
      customizeHook: customize,
      into: root,
    }),
    // INITRD: the kernel's package would make an initrd before all is there that goes into it.
    { env: { SOURCE_DATE_EPOCH: String(wish.created), INITRD: "No", DEBIAN_FRONTEND: "noninteractive" }, line },
  );
  const status = await onDisk("reading dpkg's status", () => readFile(path.join(root, "var/lib/dpkg/status"), "utf8"));
  if (wish.boots) await takeBootFiles(root, work);
  await tidyRoot(root);
  const secret = await secretsBelow(root, "etc");
  if (secret !== null) return secret;
  return {
    root,
    architecture,
    packages: installedPackages(status)
      .map((each) => ({ name: each.name, version: each.version, architecture: each.architecture }))
      .toSorted((a, b) => (`${a.name} ${a.architecture}` < `${b.name} ${b.architecture}` ? -1 : 1)),
    configuration: { sha256: staged.sha256, files: [...staged.files] },
    archives: await archivesIn(lists),
  };
}

/** What initramfs-tools finds when the kernel's package comes, and sysusers when ours does. */
function setupHook(stage: string): string {
  const early = ["initramfs-tools", "sysusers.d"].map((name) => `${quoted(stage)}/etc/${name}`);
  return `mkdir -p "$1/etc"\nfor folder in ${early.join(" ")}; do [ ! -d "$folder" ] || cp -R --no-preserve=ownership "$folder" "$1/etc/"; done\n`;
}

function customizeHook(stage: string, lists: string, { boots, sockets }: ImageWish): string {
  const enabled = [...ENABLED_UNITS, ...sockets.map(({ file }) => file)];
  const lines = [
    // The base-files of a root are links in places: what we lay over them takes their place.
    `cp -R --no-dereference --remove-destination --no-preserve=ownership ${quoted(stage)}/. "$1/"`,
    'chroot "$1" chown -R root:ringfort /etc/ringfort',
    'chroot "$1" chmod 0750 /etc/ringfort',
    `chroot "$1" systemctl enable ${enabled.join(" ")}`,
    `chroot "$1" systemctl mask ${MASKED_UNITS.join(" ")}`,
    `cp "$1"/var/lib/apt/lists/*Release ${quoted(lists)}/`,
  ];
  const initrd = [
    'kernel="$(ls "$1/lib/modules")"',
    'chroot "$1" mkinitramfs -o /boot/initrd.img "$kernel"',
    'cp "$1/boot/vmlinuz-$kernel" "$1/boot/vmlinuz"',
  ];
  return `${[...lines, ...(boots ? initrd : [])].join("\n")}\n`;
}

async function hook(file: string, text: string): Promise<string> {
  await onDisk("writing a hook", async () => {
    await writeFile(file, `#!/bin/sh\nset -eu\n${text}`);
    await chmod(file, 0o755);
  });
  return quoted(file);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

async function takeBootFiles(root: string, work: string): Promise<void> {
  for (const name of ["vmlinuz", "initrd.img"]) await take(path.join(root, "boot", name), path.join(work, name));
}

async function archivesIn(lists: string): Promise<ImageManifest["archives"]> {
  const archives: { index: string; sha256: string }[] = [];
  for (const index of (await onDisk("reading the archives' indexes", () => readdir(lists))).toSorted())
    archives.push({ index, sha256: (await digestOf(path.join(lists, index))).sha256 });
  return archives;
}
