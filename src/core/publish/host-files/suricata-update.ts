import type { HostFile } from "../../model/host-file.ts";
import { hostsFor } from "../choose-hosts.ts";
import { below, leftOut, plainValue, unfit, type WriteOptions, type Written } from "./written.ts";

/**
 * The command line of suricata-update. One address: it reads every `--url` and puts their rules together. It checks no
 * signature, so that its trust in the line to the mirror is all the trust it has.
 */
export function suricataUpdate(file: HostFile, options: WriteOptions): Written {
  if (options.path === null)
    return unfit("option-missing", "name the rules' file below the mount: --path emerging.rules.tar.gz");
  const hosts = hostsFor(file, options.addresses);
  const usable = hosts.filter(({ type, login }) => (type === "http" || type === "https") && login === undefined);
  const [first, ...spare] = usable;
  if (first === undefined) return unfit("no-mirror", "an http or https mirror without a login is needed");
  const url = below(first, options.mount) + options.path;
  // In single quotes nothing means anything to a shell but a single quote, which no plain value holds.
  if (!plainValue(url)) return unfit("unsafe-value", "an address, the mount or the path could end its word");
  const notes = [
    "suricata-update believes whoever answers: it checks no signature, so that https is worth its trouble here",
    ...leftOut(spare, "suricata-update fails over to no second address, it would put both sets of rules together"),
    ...leftOut(
      hosts.filter((entry) => !usable.includes(entry)),
      "suricata-update takes http and https only",
    ),
  ];
  return { kind: "written", name: "suricata-update.sh", text: `suricata-update --url '${url}'\n`, notes };
}
