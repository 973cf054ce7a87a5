import type { HostFile } from "../../model/host-file.ts";
import { hostsFor } from "../choose-hosts.ts";
import { below, leftOut, plainPath, plainValue, unfit, type WriteOptions, type Written } from "./written.ts";

/**
 * `/etc/liveupdate.conf` of the Java client, as far as its maker documented it: `workdir` is required, `logfile` may be
 * there. None of the documented keys names a mirror. `hosts/N/url` is hearsay, and comes only when it is asked for; it
 * is marked in the notes and not in the file, because how the file takes a comment is not documented either.
 * `urls` is never written: it lets the index lead the client away from this mirror. Nor is a password, ever.
 */
export function liveupdateConf(file: HostFile, options: WriteOptions): Written {
  const { workdir, logfile } = options;
  if (workdir === null) return unfit("option-missing", "liveupdate.conf requires a folder to work in: --workdir");
  const lines: string[] = [];
  for (const [key, value] of [
    ["workdir", workdir],
    ["logfile", logfile],
  ] as const) {
    if (value === null) continue;
    if (!plainPath(value)) return unfit("unsafe-value", `${key} is no plain absolute path`);
    lines.push(`${key}=${value}`);
  }
  const notes = [
    "documented for this file: workdir, logfile, jar, urls, proxy with its login. None of them names a mirror.",
  ];
  if (!options.experimental) {
    notes.push("so this file alone does not lead a client here; --experimental adds hosts/N/url, which is hearsay");
    return { kind: "written", name: "liveupdate.conf", text: `${lines.join("\n")}\n`, notes };
  }
  const hosts = hostsFor(file, options.addresses);
  const usable = hosts.filter(({ type, login }) => (type === "http" || type === "ftp") && login === undefined);
  if (usable.length === 0) return unfit("no-mirror", "no http or ftp mirror without a login");
  for (const [at, entry] of usable.entries()) {
    const url = below(entry, options.mount);
    if (!plainValue(url)) return unfit("unsafe-value", "an address or the mount holds what could end its value");
    lines.push(`hosts/${at}/url=${url}`);
  }
  const others = hosts.filter((entry) => !usable.includes(entry));
  notes.push("EXPERIMENTAL: hosts/N/url is reported by others, undocumented by its maker, and untested here");
  notes.push(...leftOut(others, "https, shares and logins are not even reported"));
  return { kind: "written", name: "liveupdate.conf", text: `${lines.join("\n")}\n`, notes };
}
