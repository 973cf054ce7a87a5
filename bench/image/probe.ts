import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";

/** What the proof lays into its image beside the product: a network of qemu's, and a unit that tries things from inside and tells of them. */
export async function probeFiles(folder: string, key: string): Promise<void> {
  const put = async (name: string, text: string, mode = 0o644): Promise<void> => {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
    await chmod(path.join(folder, name), mode);
  };
  await put("etc/systemd/network/10-user.network", "[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n");
  await put("usr/local/sbin/probe", SCRIPT.replaceAll("@KEY@", key), 0o755);
  await put(
    "etc/systemd/system/probe.service",
    `[Unit]
Description=The proof's look from inside
Wants=ringfort-refill.service
After=ringfort-refill.service ringfort.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/probe
StandardOutput=journal+console
`,
  );
  await mkdir(path.join(folder, "etc/systemd/system/multi-user.target.wants"));
  await symlink("../probe.service", path.join(folder, "etc/systemd/system/multi-user.target.wants/probe.service"));
}

/** Each line is one word and what was seen, behind a mark that no other line of a boot has. */
const SCRIPT = `#!/bin/sh
say() { echo "|probe| $*"; }
refused() { if "$@" >/dev/null 2>&1; then say "written: $*"; else say "kept: $*"; fi; }
root="$(findmnt -n -o SOURCE,FSTYPE,OPTIONS / | tr -s ' ')"
say "root $root"
refused touch /usr/lib/planted
refused touch /etc/planted
refused mount -o remount,rw /
refused dd if=/dev/zero of=/dev/mapper/root bs=4096 count=1
say "data $(findmnt -n -o FSTYPE,OPTIONS /var/lib/ringfort | tr -s ' ')"
cp /bin/true /var/lib/ringfort/true; refused /var/lib/ringfort/true; rm /var/lib/ringfort/true
say "levels $(ringfort status --json | tr -d ' \\n' | grep -o '"level":"[^"]*"' | sort | uniq -c | tr -s ' \\n' ' ')"
say "user $(ps -o user= -p "$(systemctl show -p MainPID --value ringfort)" 2>/dev/null || stat -c %U "/proc/$(systemctl show -p MainPID --value ringfort)")"
say "failed $(systemctl --failed --no-legend --plain | cut -d' ' -f1 | tr '\\n' ' ')"
mkdir -p /run/again; mount -o ro /dev/disk/by-label/ringfort-restore /run/again
if ringfort image verify /run/again/manifest.json --key @KEY@ --running >/dev/null; then say "running this"; else say "running other $?"; fi
if ringfort image rehearse /run/again/manifest.json --key @KEY@ --write /run/rehearsal.json; then say "record $(tr -d '\\n' < /run/rehearsal.json)"; else say "record none $?"; fi
say "end"
systemctl poweroff
`;
