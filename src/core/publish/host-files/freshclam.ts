import type { HostFile } from "../../model/host-file.ts";
import { hostsFor } from "../choose-hosts.ts";
import { below, leftOut, plainValue, unfit, type WriteOptions, type Written } from "./written.ts";

/**
 * The lines of freshclam.conf that say where databases come from. `DatabaseMirror` several times is tried in order, and
 * takes the small incremental patches; `PrivateMirror` takes whole databases only. Versions over DNS are the vendor's
 * own, always ahead of a channel that is held back, and are therefore not asked.
 */
export function freshclam(file: HostFile, options: WriteOptions): Written {
  const hosts = hostsFor(file, options.addresses);
  const usable = hosts.filter(({ type, login }) => (type === "http" || type === "https") && login === undefined);
  if (usable.length === 0) return unfit("no-mirror", "freshclam takes http and https mirrors without a login only");
  const key = options.privateMirror ? "PrivateMirror" : "DatabaseMirror";
  const lines: string[] = [];
  for (const entry of usable) {
    // freshclam puts its own slash between the mirror and a file's name.
    const mirror = below(entry, options.mount).replace(/\/$/, "");
    if (!plainValue(mirror)) return unfit("unsafe-value", "an address or the mount holds what could end its value");
    lines.push(`${key} ${mirror}`);
  }
  if (!options.privateMirror) lines.push("DNSDatabaseInfo no", "ScriptedUpdates yes");
  const notes = [
    "these lines take the place of every DatabaseMirror, PrivateMirror, DNSDatabaseInfo and ScriptedUpdates line",
    ...(usable.some(({ type }) => type === "https")
      ? ["https with an authority of your own: freshclam reads it from the environment variable CURL_CA_BUNDLE"]
      : []),
    ...leftOut(
      hosts.filter((entry) => !usable.includes(entry)),
      "freshclam takes http and https without a login only",
    ),
  ];
  return { kind: "written", name: "freshclam.conf", text: `${lines.join("\n")}\n`, notes };
}
