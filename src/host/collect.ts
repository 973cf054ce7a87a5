import { Failure } from "../core/kernel/errors.ts";
import { type Fact, type HostFacts, known, unknown, withFact } from "../core/machine/facts.ts";
import { type UnitEntries, valuesOf } from "../core/units/unit-file.ts";
import {
  addressesOn,
  defaultInterfaces,
  interfaces as interfacesOf,
  listeners,
  packetFilter,
  sysctls,
} from "./network.ts";
import { type PatchWish, patchFacts } from "./patch.ts";
import { ourProcesses, processFacts, replacedElsewhere } from "./processes.ts";
import { Root } from "./root.ts";
import { runningRoot } from "./running-root.ts";
import { storeFacts } from "./store.ts";
import { exposuresOf } from "./unit-exposure.ts";
import { readUnitOf, unitsNamed } from "./unit-files.ts";

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
  const ours = ourProcesses(root, wish.workers);
  const processes = withFact(ours, (those) => known(processFacts(root, those)));
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
    replacedElsewhere: withFact(ours, (those) => replacedElsewhere(root, those)),
    store: storeFacts(root, wish.data, processes),
    patch: patchFacts(root, wish),
    root: runningRoot(root),
    clockSynchronized: root.isHere
      ? wish.clockKept()
      : withFact(root.exists("run/systemd/timesync/synchronized"), (kept) =>
          kept ? known(true) : unknown("an image has no clock"),
        ),
  };
}

/** What /etc, the package and its drop-ins make of our units together: a drop-in can open what the package has shut. */
function exposures(root: Root): HostFacts["exposures"] {
  const found: { readonly unit: string; readonly entries: UnitEntries }[] = [];
  for (const unit of unitsNamed(root, /^ringfort[\w@.-]*\.service$/)) {
    try {
      const read = readUnitOf(root, unit);
      if ("kind" in read) return unknown(`${unit}: ${read.detail}`);
      found.push({ unit, entries: read.entries });
    } catch (error) {
      if (error instanceof Failure) return unknown(error.message);
      throw error;
    }
  }
  if (found.length === 0) return known([]);
  return withFact(exposuresOf(found.map(({ entries }) => entries)), (scores) =>
    known(
      found.map(({ unit, entries }, at) => ({
        unit,
        score: scores[at]?.score ?? 10,
        passing: valuesOf(entries, "Type").at(-1) === "oneshot",
      })),
    ),
  );
}
