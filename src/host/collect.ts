import { type Fact, type HostFacts, known, unknown, withFact } from "../core/machine/facts.ts";
import { exposureOf } from "./exposure.ts";
import {
  addressesOn,
  defaultInterfaces,
  interfaces as interfacesOf,
  listeners,
  packetFilter,
  sysctls,
} from "./network.ts";
import { type PatchWish, patchFacts } from "./patch.ts";
import { ourProcesses, processFacts } from "./processes.ts";
import { Root } from "./root.ts";
import { storeFacts } from "./store.ts";

export interface HostWish extends PatchWish {
  /** "/" for this machine. */
  readonly root: string;
  readonly data: string;
  /** Interfaces that lead outside; `null`: those with a default route. */
  readonly outside: readonly string[] | null;
  /** The daemon's workers, as it tells; `null`: every process of ours that is found. */
  readonly workers: readonly number[] | null;
  /** Whether the kernel says that somebody keeps the clock; of this machine. */
  readonly clockKept: () => Fact<boolean>;
}

/** Looks at a machine, changes nothing, and says of everything what it could not see. */
export function collectFacts(wish: HostWish): Omit<HostFacts, "now" | "configured" | "expected" | "product"> {
  const root = new Root(wish.root);
  const processes = withFact(ourProcesses(root, wish.workers), (ours) => known(processFacts(root, ours)));
  const interfaces = interfacesOf(root);
  const outside = wish.outside === null ? defaultInterfaces(root) : known(wish.outside);
  return {
    outside,
    outsideAddresses: withFact(outside, (names) => addressesOn(root, names)),
    interfaces,
    processes,
    listeners: listeners(root),
    ruleset: packetFilter(root),
    sysctls: sysctls(root, interfaces),
    exposures: exposures(root),
    store: storeFacts(root, wish.data, processes),
    patch: patchFacts(root, wish),
    clockSynchronized: root.isHere
      ? wish.clockKept()
      : withFact(root.exists("run/systemd/timesync/synchronized"), (kept) =>
          kept ? known(true) : unknown("an image has no clock"),
        ),
  };
}

const UNIT_FOLDERS = [
  "etc/systemd/system",
  "usr/local/lib/systemd/system",
  "usr/lib/systemd/system",
  "lib/systemd/system",
];

function exposures(root: Root): HostFacts["exposures"] {
  const units = new Map<string, string>();
  for (const folder of UNIT_FOLDERS) {
    const names = root.names(folder);
    // The first folder wins, as it does for systemd.
    for (const name of "is" in names ? names.is : [])
      if (/^ringfort[\w@.-]*\.service$/.test(name) && !units.has(name)) units.set(name, root.at(`${folder}/${name}`));
  }
  const scores: { unit: string; score: number }[] = [];
  for (const [unit, file] of units) {
    const score = exposureOf(file);
    if ("unknown" in score) return score;
    scores.push({ unit, score: score.is });
  }
  return known(scores);
}
