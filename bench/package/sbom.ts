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

/** A bill of materials in CycloneDX 1.5: what is in the package, with the digests that the lock file pins. No time and no random number: it is the same in each build. */
export function sbomOf(version: string, packages: readonly (readonly [place: string, locked: Locked])[]): string {
  const components = packages.map(([place, { version: of, integrity, license }]) => {
    const name = nameOf(place);
    const purl = `pkg:npm/${name.replace("@", "%40")}@${of}`;
    return {
      type: "library",
      "bom-ref": `${purl}#${place}`,
      name,
      version: of,
      purl,
      ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
      hashes: [{ alg: "SHA-512", content: Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex") }],
    };
  });
  const bom = {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: { type: "application", name: "ringfort", version } },
    components,
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}
