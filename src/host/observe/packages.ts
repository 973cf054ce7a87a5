import { type Fact, known, unknown } from "../../core/machine/facts.ts";
import type { Root } from "../root.ts";

const LISTS = "var/lib/dpkg/info";

/** Which package brought each of these files, as dpkg wrote it down: one pass over its lists. */
export function packagesOf(root: Root, files: ReadonlySet<string>): ReadonlyMap<string, Fact<string | null>> {
  const names = root.names(LISTS);
  if ("unknown" in names) return new Map([...files].map((file) => [file, unknown("there is no record of dpkg's")]));
  const found = new Map<string, string>();
  // On a merged /usr a package may have said /lib where the kernel says /usr/lib.
  const asked = new Map([...files].flatMap((file) => [[file, file] as const, [file.replace(/^\/usr\//, "/"), file]]));
  for (const name of names.is.filter((each) => each.endsWith(".list"))) {
    const list = root.text(`${LISTS}/${name}`, 16 * 1024 * 1024);
    for (const line of "is" in list ? list.is.split("\n") : []) {
      const file = asked.get(line);
      if (file !== undefined) found.set(file, name.replace(/\.list$/, ""));
    }
  }
  return new Map([...files].map((file) => [file, known(found.get(file) ?? null)]));
}
