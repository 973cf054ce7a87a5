import type { RootFormat } from "./manifest.ts";

/** A text that the build lays into the root. */
export interface RootFile {
  readonly name: string;
  readonly mode: 0o644 | 0o755;
  readonly text: string;
}

/** Where the configuration's data folder has to be: a folder of the data partition. */
export const DATA_FOLDER = "/var/lib/ringfort";
/** The signer's own, closed to the keeper; it has to outlast a boot too. */
const SIGNER_FOLDER = "/var/lib/ringfort-signer";
const PARTITION = "/data";
/** The partition's name in its table, for a data disk that has no file system yet. */
const DATA_LABEL = "ringfort-data";
/** The label of a file system with a back-up, `ringfort.age`, and what opens it, `backup.key`. */
const RESTORE_LABEL = "ringfort-restore";

/**
 * What makes a Debian root one that is only read: everything that has to be written lies on the data partition or in
 * memory. systemd makes the data partition's file system when it has none (x-systemd.makefs).
 */
export function rootFiles(host: string, format: RootFormat, boots: boolean): readonly RootFile[] {
  return [
    file("etc/hostname", `${host}\n`),
    file("etc/hosts", `127.0.0.1 localhost\n::1 localhost\n127.0.1.1 ${host}\n`),
    file("etc/fstab", fstab()),
    // Empty, and not gone: systemd lays one of this boot over it (machine-id(5), "Initialization").
    file("etc/machine-id", ""),
    // Whoever wants a resolver gives this file; the builder's own must not go in.
    file("etc/resolv.conf", ""),
    file("etc/systemd/journald.conf.d/ringfort-image.conf", "[Journal]\nStorage=volatile\n"),
    file("etc/sysusers.d/ringfort.conf", users()),
    file("usr/lib/ringfort-image/folders", FOLDERS_SCRIPT, 0o755),
    file("usr/lib/systemd/system/ringfort-folders.service", FOLDERS_UNIT),
    file("usr/lib/ringfort-image/restore", RESTORE_SCRIPT, 0o755),
    file("usr/lib/systemd/system/ringfort-restore.service", RESTORE_UNIT),
    file("usr/lib/ringfort-image/refill", REFILL_SCRIPT, 0o755),
    file("usr/lib/systemd/system/ringfort-refill.service", REFILL_UNIT),
    file("usr/lib/systemd/system/ringfort.service.d/image.conf", AFTER_RESTORE),
    file("usr/lib/systemd/system/ringfort-audit.service.d/image.conf", AUDITED_ROOT),
    ...(boots ? initramfsFiles(format) : []),
  ];
}

/** Units that are enabled beside those which packages enable themselves: networks and filters are as the operator's files say. */
export const ENABLED_UNITS = [
  "ringfort.service",
  "ringfort-restore.service",
  "ringfort-refill.service",
  "ringfort-filter.service",
  "ringfort-audit.timer",
  "ringfort-health.timer",
  "systemd-networkd.service",
] as const;
/** It would write into a root that is only read. */
export const MASKED_UNITS = ["dpkg-db-backup.timer"] as const;

function file(name: string, text: string, mode: RootFile["mode"] = 0o644): RootFile {
  return { name, mode, text };
}

/** Folders in memory: where, how much at most, mode. */
const MEMORY: readonly (readonly [at: string, size: string, mode: string])[] = [
  ["/tmp", "256M", "1777"],
  ["/var/tmp", "256M", "1777"],
  ["/var/log", "128M", "0755"],
  ["/var/cache", "64M", "0755"],
  ["/var/lib/systemd", "16M", "0755"],
];

function fstab(): string {
  const own = (folder: string): string =>
    `${PARTITION}/${folder.slice("/var/lib/".length)} ${folder} none bind,nodev,nosuid,noexec,x-systemd.requires=ringfort-folders.service 0 0\n`;
  const data =
    `PARTLABEL=${DATA_LABEL} ${PARTITION} ext4 nodev,nosuid,noexec,noatime,x-systemd.makefs 0 2\n` +
    own(DATA_FOLDER) +
    own(SIGNER_FOLDER);
  return (
    data +
    MEMORY.map(([at, size, mode]) => `tmpfs ${at} tmpfs nodev,nosuid,noexec,size=${size},mode=${mode} 0 0\n`).join("")
  );
}

/**
 * The package's users (deploy/systemd/sysusers.conf) under numbers of their own: the next image has other packages, and
 * must find the files of this one's users on the data partition.
 */
const USERS: readonly (readonly [name: string, number: number])[] = [
  ["ringfort", 880],
  ["ringfort-fetch", 881],
  ["ringfort-folder", 882],
  ["ringfort-inspect", 883],
  ["ringfort-signer", 884],
  ["ringfort-notify", 885],
  ["ringfort-login", 886],
  ["ringfort-console", 887],
];

function users(): string {
  return USERS.map(
    ([name, number]) => `u ${name} ${number} "Ringfort" ${name === "ringfort" ? DATA_FOLDER : "-"} -\n`,
  ).join("");
}

const FOLDERS_UNIT = `[Unit]
Description=Ringfort: its folders on the data partition
DefaultDependencies=no
RequiresMountsFor=${PARTITION}
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/ringfort-image/folders
`;

const FOLDERS_SCRIPT = `#!/bin/sh
set -eu
install -d -m 0750 -o ringfort -g ringfort ${PARTITION}/ringfort
install -d -m 0750 -o ringfort-signer -g ringfort ${PARTITION}/ringfort-signer
`;

/** The keeper waits for a back-up that is there to be restored, and does not begin an empty mirror where that failed. */
const AFTER_RESTORE = `[Unit]
Requires=ringfort-restore.service
After=ringfort-restore.service
RequiresMountsFor=${DATA_FOLDER}
`;

/** The kernel tells a device's table to nobody without this right, and the root would be UNKNOWN (REC-01). */
const AUDITED_ROOT = `[Service]
CapabilityBoundingSet=CAP_SYS_ADMIN
`;

const RESTORE_UNIT = `[Unit]
Description=Ringfort: put a back-up into an empty data folder
Documentation=file:///usr/share/doc/ringfort/hardening.md
ConditionPathExists=!${DATA_FOLDER}/ledger.sqlite
RequiresMountsFor=${DATA_FOLDER}
Wants=systemd-udev-settle.service
After=systemd-udev-settle.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/ringfort-image/restore

[Install]
WantedBy=multi-user.target
`;

const RESTORE_SCRIPT = `#!/bin/sh
# Restores the back-up of a disk that is labelled for it; without one there is nothing to do.
set -eu
disk=/dev/disk/by-label/${RESTORE_LABEL}
[ -e "$disk" ] || exit 0
at=/run/${RESTORE_LABEL}
mkdir -p -m 0700 "$at"
mount -o ro,nodev,nosuid,noexec "$disk" "$at"
trap 'umount "$at"' EXIT
ringfort restore "$at/ringfort.age" --identity "$at/backup.key"
chown -R ringfort:ringfort ${DATA_FOLDER}
# Until the next boot: every blob is to be fetched again.
touch /run/ringfort-restored
`;

const REFILL_SCRIPT = `#!/bin/sh
# The keeper may not answer yet, nor may every upstream: what is missing is asked for again, for an hour at most.
set -eu
tries=0
until ringfort status >/dev/null 2>&1 && ringfort store check --repair; do
  tries=$((tries + 1))
  [ "$tries" -lt 360 ]
  sleep 10
done
`;

const REFILL_UNIT = `[Unit]
Description=Ringfort: fetch every blob again after a restore
ConditionPathExists=/run/ringfort-restored
Requires=ringfort.service
After=ringfort.service network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
User=ringfort
ExecStart=/usr/lib/ringfort-image/refill

[Install]
WantedBy=multi-user.target
`;

function initramfsFiles(format: RootFormat): readonly RootFile[] {
  return [
    file(
      "etc/initramfs-tools/hooks/ringfort-image",
      `#!/bin/sh
[ "$1" != prereqs ] || exit 0
. /usr/share/initramfs-tools/hook-functions
manual_add_modules dm-mod dm-verity ${format} virtio_blk virtio_pci virtio_scsi sd_mod ahci nvme
copy_exec /sbin/veritysetup /sbin
`,
      0o755,
    ),
    file(
      "etc/initramfs-tools/scripts/local-top/ringfort-image",
      `#!/bin/sh
# Opens the root through dm-verity: from here on the kernel compares each block that it reads with the root hash.
case "$1" in prereqs) echo udev; exit 0 ;; esac
. /scripts/functions
hash= data= tree=
for word in $(cat /proc/cmdline); do
  case "$word" in
    roothash=*) hash="\${word#roothash=}" ;;
    systemd.verity_root_data=*) data="\${word#systemd.verity_root_data=}" ;;
    systemd.verity_root_hash=*) tree="\${word#systemd.verity_root_hash=}" ;;
  esac
done
# No root hash, no root: there is no way to start this image unverified.
[ "\${#hash}" -eq 64 ] || panic "ringfort: the kernel's command line has no root hash"
for module in dm-verity ${format}; do modprobe "$module" || panic "ringfort: no $module"; done
tries=60
while ! { data_at="$(resolve_device "$data")" && tree_at="$(resolve_device "$tree")" && [ -b "$data_at" ] && [ -b "$tree_at" ]; }; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || panic "ringfort: the image's partitions are not there"
  sleep 0.5
done
veritysetup open "$data_at" root "$tree_at" "$hash" || panic "ringfort: the root is not the one that the root hash names"
echo 'ROOT=/dev/mapper/root' >> /conf/param.conf
`,
      0o755,
    ),
  ];
}
