import { compareDebianVersions } from "./debian-version.ts";
import type { PendingUpdate } from "./facts.ts";

export interface InstalledPackage {
  readonly name: string;
  readonly architecture: string;
  readonly version: string;
  /** The source package, under which advisories stand. */
  readonly source: string;
  readonly sourceVersion: string;
}

/** The packages that dpkg's status file says are installed (deb-src-control's stanzas; dpkg(1), status). */
export function installedPackages(status: string): readonly InstalledPackage[] {
  return stanzas(status).flatMap((fields) => {
    const { Package: name, Version: version, Architecture: architecture = "" } = fields;
    // Three words: what is wanted, an error, and the state. Half-installed is none.
    if (name === undefined || version === undefined || !(fields["Status"] ?? "").endsWith(" installed")) return [];
    const [, source = name, sourceVersion = version] = /^(\S+)(?: \((.+)\))?$/.exec(fields["Source"] ?? name) ?? [];
    return [{ name, architecture, version, source, sourceVersion }];
  });
}

/** Of each package and architecture the newest version that the lists name, where it is newer than what is installed. */
export function pendingUpdates(
  installed: readonly InstalledPackage[],
  lists: readonly string[],
): readonly PendingUpdate[] {
  const held = new Map(installed.map((each) => [`${each.name}:${each.architecture}`, each]));
  const newest = new Map<string, string>();
  for (const list of lists)
    for (const { Package: name, Version: version, Architecture: architecture = "" } of stanzas(list)) {
      const key = `${name ?? ""}:${architecture}`;
      const here = held.get(key);
      if (here === undefined || version === undefined) continue;
      if (compareDebianVersions(version, newest.get(key) ?? here.version) > 0) newest.set(key, version);
    }
  return [...newest].map(([key, candidate]) => {
    const here = held.get(key);
    return { name: here?.name ?? key, installed: here?.version ?? "", candidate };
  });
}

const FIELDS = /^(Package|Version|Architecture|Status|Source): ?(.*)$/;

function stanzas(text: string): readonly Readonly<Record<string, string>>[] {
  return text.split(/\n\n+/).map((stanza) => {
    const fields: Record<string, string> = {};
    for (const line of stanza.split("\n")) {
      const [, name, value] = FIELDS.exec(line) ?? [];
      if (name !== undefined && value !== undefined) fields[name] ??= value;
    }
    return fields;
  });
}
