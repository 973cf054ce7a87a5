/** One package as the lock file has it. */
export interface Locked {
  readonly version: string;
  readonly integrity: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
}

/** The name of a package by its place in the lock file, which may be nested. */
function nameOf(place: string): string {
  return place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
}

/** A file that was taken from a package of the system that it was built on. */
interface SystemFile {
  /** Where it lies, absolute. */
  readonly place: string;
  readonly sha256: string;
}

/** A Debian package of which files were taken. */
export interface SystemPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly files: readonly SystemFile[];
}

/** What one artifact is made of. */
export interface Bill {
  readonly name: string;
  readonly version: string;
  /** By place in the lock file. */
  readonly packages: readonly (readonly [place: string, locked: Locked])[];
  readonly system?: readonly SystemPackage[];
}

/** A bill of materials in CycloneDX 1.5: what is in an artifact, with the digests that the lock file pins. No time and no random number: it is the same in each build. */
export function sbomOf({ name, version, packages, system = [] }: Bill): string {
  const bom = {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: { type: "application", name, version } },
    components: [...packages.map(([place, locked]) => ofNpm(place, locked)), ...system.map(ofDebian)],
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}

function ofNpm(place: string, { version, integrity, license }: Locked): object {
  const name = nameOf(place);
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  return {
    type: "library",
    "bom-ref": `${purl}#${place}`,
    name,
    version,
    purl,
    ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
    hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex") }],
  };
}

function ofDebian({ name, version, architecture, files }: SystemPackage): object {
  // "+" of a Debian version stands in a package URL as its escape.
  const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`;
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    purl,
    components: files.map(({ place, sha256 }) => ({
      type: "file",
      name: place,
      hashes: [{ alg: "SHA-256", content: sha256 }],
    })),
  };
}
