import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";

/** What the proof lays into its image beside the product: a network of qemu's, and a unit that tries things from inside and tells of them. */
export async function probeFiles(folder: string, key: string): Promise<void> {
  const put = async (name: string, text: string, mode = 0o644): Promise<void> => {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
    await chmod(path.join(folder, name), mode);
  };
  await put(
    "etc/systemd/network/10-user.network",
    "[Match]\nName=en* eth*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\nLinkLocalAddressing=no\n",
  );
  await put("usr/local/sbin/probe-root", `${SAY}${ROOT_SCRIPT}`.replaceAll("@KEY@", key), 0o755);
  await put("usr/local/sbin/probe-service", `${SAY}${SERVICE_SCRIPT}`.replaceAll("@KEY@", key), 0o755);
  await mkdir(path.join(folder, "etc/systemd/system/multi-user.target.wants"), { recursive: true });
  for (const [name, after] of [
    ["root", "ringfort-restore.service"],
    ["service", "ringfort-refill.service probe-root.service"],
  ] as const) {
    await put(
      `etc/systemd/system/probe-${name}.service`,
      `[Unit]
Description=The proof's look from inside: the ${name}
After=${after}
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/probe-${name}
StandardOutput=journal+console
`,
    );
    await symlink(
      `../probe-${name}.service`,
      path.join(folder, `etc/systemd/system/multi-user.target.wants/probe-${name}.service`),
    );
  }
}

/** Each line is one word and what was seen, behind a mark that no other line of a boot has. */
const SAY = `#!/bin/sh
say() { echo "|probe| $*"; }
refused() { if "$@" >/dev/null 2>&1; then say "written: $*"; else say "kept: $*"; fi; }
`;

const ROOT_SCRIPT = `root="$(findmnt -n -o SOURCE,FSTYPE,OPTIONS / | tr -s ' ')"
say "root $root"
refused touch /usr/lib/planted
refused touch /etc/planted
refused mount -o remount,rw /
refused dd if=/dev/zero of=/dev/mapper/root bs=4096 count=1
say "data $(findmnt -n -o FSTYPE,OPTIONS /var/lib/ringfort | tr -s ' ')"
cp /bin/true /var/lib/ringfort/true; refused /var/lib/ringfort/true; rm /var/lib/ringfort/true
say "restored $(stat -c %U:%s /var/lib/ringfort/ledger.sqlite 2>&1)"
mkdir -p /run/again; mount -o ro /dev/disk/by-label/ringfort-restore /run/again
if ringfort image verify /run/again/manifest.json --key @KEY@ --running >/dev/null; then say "running this"; else say "running other $?"; fi
say "end root"
`;

const SERVICE_SCRIPT = `say "levels $(ringfort status --json | tr -d ' \\n' | grep -o '"level":"[^"]*"' | sort | uniq -c | tr -s ' \\n' ' ')"
say "user $(ps -o user= -p "$(systemctl show -p MainPID --value ringfort)" 2>/dev/null || stat -c %U "/proc/$(systemctl show -p MainPID --value ringfort)")"
say "failed $(systemctl --failed --no-legend --plain | cut -d' ' -f1 | tr '\\n' ' ')"
if ringfort image rehearse /run/again/manifest.json --key @KEY@ --write /run/rehearsal.json; then say "record $(tr -d '\\n' < /run/rehearsal.json)"; else say "record none $?"; fi
mkdir -p /var/lib/ringfort/image; cp /run/again/manifest.json* /var/lib/ringfort/image/; chmod -R a+rX /var/lib/ringfort/image
ringfort image rehearsed /run/rehearsal.json || say "remembered nothing"
systemctl start ringfort-audit
journalctl --sync
say "audit $(journalctl -u ringfort-audit -o cat | grep -E ' pass, ' | tail -1)"
say "recovery $(journalctl -u ringfort-audit -o cat | grep REC-01 | head -1)"
journalctl -u ringfort-audit -o cat | grep -E '^(FAIL|UNKNOWN) ' | while read -r line; do say "audited $line"; done
say "end"
systemctl poweroff
`;
