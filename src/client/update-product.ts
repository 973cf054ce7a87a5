import path from "node:path";
import { onDisk } from "../core/kernel/disk.ts";
import { quoteOutside } from "../core/kernel/errors.ts";
import type { HostEntry, HostFile } from "../core/model/host-file.ts";
import type { RecallList } from "../core/model/recall.ts";
import type { LiveupdateTrust } from "../core/model/source.ts";
import type { IndexedPackage } from "../formats/liveupdate/dialect.ts";
import { type AgentCode, Stop } from "./agent-code.ts";
import type { AgentConfig, ClientProduct } from "./agent-config.ts";
import { choosePackages, fullPackageOf } from "./choose-packages.ts";
import type { ClientDoors } from "./doors.ts";
import { download, type RunBudget } from "./download.ts";
import { type Fetched, type InstallParts, installPackages, pruneDownloads, verifyPackage } from "./install.ts";
import { installedSequence } from "./inventory.ts";
import { askFlag, readProductIndex } from "./read-mirror.ts";
import { obeyRecalls } from "./recall.ts";
import { type ProductState, productKey, type StateStore } from "./state.ts";
import { clearLeftovers, intactVersion, keepOnly, swapTo } from "./version-folder.ts";

/** All that the run of one product needs. */
export interface ProductRun {
  readonly config: AgentConfig;
  readonly hostFile: HostFile;
  readonly trust: LiveupdateTrust;
  readonly product: ClientProduct;
  readonly store: StateStore;
  readonly doors: ClientDoors;
  readonly budget: RunBudget;
  /** Say what would be done, and change nothing. */
  readonly check: boolean;
  /** The believed recalls of a mirror; asked once a run. */
  readonly recallsOf: (host: HostEntry) => Promise<RecallList | null>;
}

export interface ProductEnd {
  readonly result: "updated" | "back" | "nothing-new";
  readonly from: number | null;
  readonly to: number | null;
  /** Why nothing was done, where there is more to say than that nothing is new. */
  readonly code: AgentCode | null;
  readonly detail: string;
}

/** Brings one product forward, or back where a recall says so, from one mirror. Throws `Stop` and `Failure`. */
export async function updateProduct(run: ProductRun, host: HostEntry): Promise<ProductEnd> {
  const { product, doors, store } = run;
  await askFlag(doors.fetcher, host, product, run.budget);
  const installed = await installedSequence(product, store.product(product));
  const state = await heedRecalls(run, host, installed);
  const packages = await readProductIndex(doors.fetcher, host, product, run.trust, doors.now(), run.budget);
  const choice = await choose(run, packages ?? [], installed, state);
  if (choice.kind === "packages") {
    if (!run.check) await bringTo(run, host, choice.steps, installed);
    return { result: "updated", from: installed, to: choice.sequence, code: null, detail: "" };
  }
  if (state.owed !== null && installed !== null)
    return await goBack(run, host, packages ?? [], installed, state.owed.to);
  return nothingNew(installed, state, choice.offered);
}

/** Removes what a stop left behind. Comes first in every run. */
export async function recoverProduct({ product, store }: ProductRun): Promise<void> {
  const { install } = product;
  if (install.way !== "swap") return;
  await onDisk("clearing leftovers", () => clearLeftovers(install.folder));
  const state = store.product(product);
  const installed = await installedSequence(product, state);
  // Stopped between the link and the state: the link is what counts.
  if (installed !== null && installed !== state.sequence) await store.saveProduct(product, moved(state, installed));
}

async function heedRecalls(run: ProductRun, host: HostEntry, installed: number | null): Promise<ProductState> {
  const { product, store, hostFile } = run;
  const state = store.product(product);
  const list = await run.recallsOf(host);
  if (list === null) return state;
  const obeyed = obeyRecalls(state, list, hostFile.channel, product, installed);
  const back = obeyed.owed !== null && installed !== null && !isBarred(obeyed, installed);
  const next = back ? { ...obeyed, owed: null } : obeyed;
  // Written before it is acted on: a mirror that hides the recall from the next run changes nothing by that.
  return next === state ? state : await store.saveProduct(product, next);
}

async function choose(
  run: ProductRun,
  packages: readonly IndexedPackage[],
  installed: number | null,
  state: ProductState,
): Promise<ReturnType<typeof choosePackages>> {
  const { install } = run.product;
  const wish = { packages, installed, floor: state.floor, barred: state.barred };
  const choice = choosePackages({ ...wish, deltas: state.owed === null });
  const first = choice.kind === "packages" ? choice.steps[0]?.from : null;
  if (install.way !== "swap" || first === null || first === undefined) return choice;
  const whole = await onDisk("checking what is installed", () => intactVersion(install.folder, first));
  return whole === null ? choosePackages({ ...wish, deltas: false }) : choice;
}

async function bringTo(
  run: ProductRun,
  host: HostEntry,
  steps: readonly IndexedPackage[],
  installed: number | null,
): Promise<void> {
  const { product, config, doors, store, trust, budget } = run;
  const folder = path.join(config.state, "downloads", productKey(product));
  await pruneDownloads(folder, steps.map(nameOf));
  const parts: InstallParts = {
    product,
    trust,
    limits: config.limits,
    doors,
    reached: async (sequence) => void (await store.saveProduct(product, moved(store.product(product), sequence))),
  };
  const fetched: Fetched[] = [];
  for (const step of steps) {
    const sha1 = trust.profile === "legacy-sha1" ? step.sha1 : null;
    if (step.sha256 === null && sha1 === null) throw new Stop("feed.digest-missing", quoteOutside(step.file));
    const to = path.join(folder, nameOf(step));
    const { packageBytes: most, freeDisk } = config.limits;
    await download(
      {
        host,
        path: `${product.mount.slice(1)}${product.folder}${step.file}`,
        size: step.size,
        sha256: step.sha256,
        sha1,
        to,
        most,
        freeDisk,
      },
      doors.fetcher,
      budget,
    );
    const one = { step, file: to };
    await verifyPackage(one, parts);
    fetched.push(one);
  }
  await installPackages(fetched, installed, parts);
  await pruneDownloads(folder, []);
}

/** The sequence keeps apart what two revisions of a vendor may call the same. */
function nameOf(step: IndexedPackage): string {
  return `${step.sequence}-${step.file.slice(-180)}`;
}

/** A recall's way back: the kept version where it is whole, else the channel's full package of exactly that sequence. */
async function goBack(
  run: ProductRun,
  host: HostEntry,
  packages: readonly IndexedPackage[],
  installed: number,
  to: number,
): Promise<ProductEnd> {
  const { product, store } = run;
  const end: ProductEnd = { result: "back", from: installed, to, code: null, detail: "" };
  const { install } = product;
  const kept =
    install.way === "swap" ? await onDisk("checking what was kept", () => intactVersion(install.folder, to)) : null;
  const full = fullPackageOf(packages, to);
  if (kept === null && full === null)
    throw new Stop("install.nothing-to-go-back-to", `a recall leads back to ${to}, which is neither kept nor offered`);
  if (run.check) return end;
  if (kept !== null && install.way === "swap") await onDisk("going back", () => swapTo(install.folder, to));
  else if (full !== null) await bringTo(run, host, [full], installed);
  await store.saveProduct(product, { sequence: to, previous: null, owed: null });
  if (install.way === "swap") await onDisk("removing what was recalled", () => keepOnly(install.folder, [to]));
  return end;
}

/** The state once `sequence` is in its place. What a recall owed is settled by going on as well as by going back. */
function moved(state: ProductState, sequence: number): ProductState {
  const previous = state.sequence === sequence ? state.previous : state.sequence;
  const settled = state.owed === null || sequence === state.owed.to || !isBarred(state, sequence);
  const floor = Math.max(state.floor, sequence);
  return { ...state, sequence, previous, floor, owed: settled ? null : state.owed };
}

function isBarred({ barred }: ProductState, sequence: number): boolean {
  return barred.some(({ from, until }) => sequence >= from && sequence <= until);
}

function nothingNew(installed: number | null, state: ProductState, offered: number | null): ProductEnd {
  const end: ProductEnd = { result: "nothing-new", from: installed, to: installed, code: null, detail: "" };
  const least = Math.max(installed ?? 0, state.floor);
  if (offered === null || offered >= least) return end;
  const detail = `the channel offers ${offered}; this machine has had ${least} and goes back by a signed recall alone`;
  return { ...end, code: "feed.older-than-held", detail };
}
