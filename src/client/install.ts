import { open, readdir, rm, statfs } from "node:fs/promises";
import path from "node:path";
import { onDisk } from "../core/kernel/disk.ts";
import { quoteOutside } from "../core/kernel/errors.ts";
import type { LiveupdateTrust } from "../core/model/source.ts";
import { type ByteSource, fileSource } from "../formats/archive/byte-source.ts";
import type { IndexedPackage } from "../formats/liveupdate/dialect.ts";
import { inspectPackage, isArchiveName } from "../formats/liveupdate/read-package.ts";
import { Stop } from "./agent-code.ts";
import type { AgentConfig, ClientProduct } from "./agent-config.ts";
import type { ClientDoors } from "./doors.ts";
import { judgeSignatures } from "./read-mirror.ts";
import { unpackInto } from "./unpack.ts";
import {
  beginVersion,
  clearLeftovers,
  completeVersion,
  intactVersion,
  keepOnly,
  layBase,
  swapTo,
  type VersionFiles,
} from "./version-folder.ts";

/** A package that has been downloaded: its digest is the index's. */
export interface Fetched {
  readonly step: IndexedPackage;
  readonly file: string;
}

export interface InstallParts {
  readonly product: ClientProduct;
  readonly trust: LiveupdateTrust;
  readonly limits: AgentConfig["limits"];
  readonly doors: ClientDoors;
  /** Called when a sequence is in its place, before what it replaces is removed. */
  readonly reached: (sequence: number) => Promise<void>;
}

/** Looks into a downloaded package as the mirror did, with the host file's keys. Throws `Stop`. */
export async function verifyPackage({ step, file }: Fetched, parts: InstallParts): Promise<void> {
  const { trust, doors } = parts;
  const findings = await withSource(file, async (source) =>
    inspectPackage({ name: step.file, source, trust, now: doors.now(), expandedBytes: await expansion(file, parts) }),
  );
  const place = quoteOutside(step.file);
  if (findings.malformed !== null)
    throw new Stop("artifact.malformed", `${place}: ${quoteOutside(findings.malformed, 300)}`);
  if (findings.expandedPastCap) throw new Stop("artifact.expands-too-far", place);
  judgeSignatures(findings.signatures, "artifact");
  if (findings.contradictions.length > 0)
    throw new Stop("artifact.contradicts-itself", `${place}: ${quoteOutside(findings.contradictions.join("; "), 300)}`);
}

/** Installs verified packages, in this order, over `installed` where the first is a delta. Throws `Stop` and `Failure`. */
export async function installPackages(
  fetched: readonly Fetched[],
  installed: number | null,
  parts: InstallParts,
): Promise<void> {
  const { install } = parts.product;
  if (install.way === "command") await byCommand(fetched, installed, install, parts);
  else await onDisk("installing", () => bySwap(fetched, installed, install.folder, parts));
}

async function bySwap(
  fetched: readonly Fetched[],
  installed: number | null,
  folder: string,
  parts: InstallParts,
): Promise<void> {
  const odd = fetched.find(({ step }) => !isArchiveName(step.file));
  if (odd !== undefined)
    throw new Stop(
      "install.unsupported",
      `${quoteOutside(odd.step.file)} is no zip: only a command can install it`,
      false,
    );
  const target = fetched.at(-1)?.step.sequence ?? null;
  if (target === null) return;
  await clearLeftovers(folder);
  const building = await beginVersion(folder, target);
  let files = await baseOf(fetched[0]?.step.from ?? null, folder, building);
  for (const { file } of fetched) {
    const most = await expansion(file, parts);
    files = { ...files, ...(await withSource(file, (source) => unpackInto(source, building, most))) };
  }
  await completeVersion(folder, target, building, files);
  await swapTo(folder, target);
  await parts.reached(target);
  await keepOnly(folder, [target, installed]);
}

async function baseOf(from: number | null, folder: string, building: string): Promise<VersionFiles> {
  if (from === null) return {};
  const files = await intactVersion(folder, from);
  if (files === null) throw new Stop("store.damaged", `version ${from} is not as it was installed`, false);
  await layBase(folder, from, files, building);
  return files;
}

async function byCommand(
  fetched: readonly Fetched[],
  installed: number | null,
  install: Extract<ClientProduct["install"], { readonly way: "command" }>,
  { doors, reached }: InstallParts,
): Promise<void> {
  let from = installed;
  for (const { step, file } of fetched) {
    const sequence = step.sequence ?? 0;
    const words: Readonly<Record<string, string>> = {
      file,
      sequence: `${sequence}`,
      from: from === null ? "" : `${from}`,
    };
    const [program = "", ...args] = install.argv;
    const end = await doors.runCommand({
      // The program's own name is never filled in: only what it is told.
      argv: [
        program,
        ...args.map((text) => text.replace(/\{(file|sequence|from)\}/g, (_, word: string) => words[word] ?? "")),
      ],
      env: {
        ...install.env,
        RINGFORT_FILE: file,
        RINGFORT_SEQUENCE: words["sequence"] ?? "",
        RINGFORT_FROM: words["from"] ?? "",
      },
      folder: path.dirname(file),
      timeLimit: install.timeLimit,
    });
    if (end.kind === "timeout")
      throw new Stop("install.command-timeout", `not ended after ${install.timeLimit} ms`, false);
    if (end.code !== 0)
      throw new Stop("install.command-failed", `exit ${end.code}: ${quoteOutside(end.output, 500)}`, false);
    await reached(sequence);
    from = sequence;
  }
}

/** Removes downloads of the product that are not among these: parts of what nobody wants any more. */
export async function pruneDownloads(folder: string, wanted: readonly string[]): Promise<void> {
  await onDisk("clearing downloads", async () => {
    const names = await readdir(folder).catch(() => []);
    const kept = new Set(wanted.flatMap((name) => [name, `${name}.part`, `${name}.part.json`]));
    for (const name of names) if (!kept.has(name)) await rm(path.join(folder, name), { recursive: true, force: true });
  });
}

async function expansion(file: string, { limits }: InstallParts): Promise<number> {
  const disk = await statfs(path.dirname(file));
  return Math.max(0, Math.min(limits.expandedBytes, disk.bavail * disk.bsize - limits.freeDisk));
}

async function withSource<T>(file: string, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const handle = await open(file, "r");
  try {
    return await use(fileSource(handle, (await handle.stat()).size));
  } finally {
    await handle.close();
  }
}
