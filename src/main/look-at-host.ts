import process from "node:process";
import * as z from "zod";
import type { HostQuestion, SeenFacts } from "../cli/context.ts";
import { isClockKept } from "../confine/clock-state.ts";
import { type Fact, known, unknown } from "../core/machine/facts.ts";
import { collectFacts } from "../host/collect.ts";
import type { Dependency } from "../host/patch.ts";
import { ownFile } from "./own-files.ts";

const lockFile = z.looseObject({
  packages: z.record(z.string(), z.looseObject({ version: z.string().optional(), name: z.string().optional() })),
});

/** Looks at this machine, or at an image of one, for `ringfort audit`. */
export async function lookAtHostHere(wish: HostQuestion): Promise<SeenFacts> {
  const isHere = wish.root === "/";
  return collectFacts({
    ...wish,
    runtime: isHere ? process.versions.node : null,
    dependencies: ownDependencies(),
    clockKept: () => {
      const kept = isClockKept();
      return kept === null ? unknown("the kernel does not tell") : known(kept);
    },
  });
}

/** What npm has put beside this program (package-lock.json, "packages"): a path ends in the package's name. */
function ownDependencies(): Fact<readonly Dependency[]> {
  try {
    const { packages } = lockFile.parse(JSON.parse(ownFile("node_modules/.package-lock.json")));
    return known(
      Object.entries(packages).flatMap(([place, { version, name }]) =>
        version === undefined ? [] : [{ name: name ?? place.split("node_modules/").at(-1) ?? place, version }],
      ),
    );
  } catch {
    return unknown("npm's record of what is installed cannot be read");
  }
}
