import type { ImageManifest } from "./manifest.ts";

/** A bill of materials in CycloneDX 1.5 of an image's Debian packages. No time and no random number: it is the same in each build. */
export function imageSbom({ name, created, packages }: Pick<ImageManifest, "name" | "created" | "packages">): string {
  const components = packages.map((each) => {
    const version = encodeURIComponent(each.version);
    const purl = `pkg:deb/debian/${encodeURIComponent(each.name)}@${version}?arch=${each.architecture}`;
    return { type: "library", "bom-ref": purl, name: each.name, version: each.version, purl };
  });
  const bom = {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: { type: "operating-system", name, version: String(created) } },
    components,
  };
  return `${JSON.stringify(bom, null, 2)}\n`;
}
