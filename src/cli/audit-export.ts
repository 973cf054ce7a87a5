import { mkdir, open, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { onDisk } from "../core/kernel/disk.ts";
import { Failure, type Refusal } from "../core/kernel/errors.ts";
import { type CommandContext, isRefusal } from "./context.ts";
import { progressLine } from "./progress-line.ts";

/** The files of an export, in the folder that is named. */
export const EXPORT_FILES = { entries: "entries.jsonl", checkpoints: "checkpoints.txt", key: "key.txt" } as const;
/** Lines asked for at once. */
const PAGE = 50;
const ALL_CHECKPOINTS = 10_000;

export interface Exported {
  readonly folder: string;
  readonly entries: number;
  readonly checkpoints: number;
  readonly verifier: string;
}

/**
 * Writes the whole log up to a fresh checkpoint into a new folder: its entries, every checkpoint, the public key. The
 * folder has its name only when it is complete. Throws `Failure` `store.*`.
 */
export async function exportAuditLog(context: CommandContext, folder: string): Promise<Exported | Refusal> {
  const signed = await context.ask({ verb: "audit-checkpoint" });
  if (isRefusal(signed)) return signed;
  const kept = await context.ask({ verb: "audit-checkpoints", limit: ALL_CHECKPOINTS });
  if (isRefusal(kept)) return kept;
  const beside = `${folder}.partial`;
  await onDisk("making a folder for the export", () => mkdir(beside));
  const refusal = await writeEntries(context, path.join(beside, EXPORT_FILES.entries), signed.size);
  if (refusal !== null) return refusal;
  const notes = kept.checkpoints.filter(({ size }) => size <= signed.size).toReversed();
  await onDisk("writing the export", async () => {
    await writeFile(path.join(beside, EXPORT_FILES.checkpoints), notes.map(({ note }) => `${note}\n`).join(""));
    await writeFile(path.join(beside, EXPORT_FILES.key), `${signed.verifier}\n`);
    await rename(beside, folder);
  });
  return { folder, entries: signed.size, checkpoints: notes.length, verifier: signed.verifier };
}

async function writeEntries(context: CommandContext, file: string, size: number): Promise<Refusal | null> {
  const progress = progressLine(context.terminal, false);
  const handle = await onDisk("writing the export", () => open(file, "wx"));
  try {
    for (let from = 0; from < size; ) {
      progress.show({ kind: "progress", phase: "entries", done: from, total: size, unit: "steps" });
      const page = await context.ask({ verb: "audit-log", from, limit: Math.min(PAGE, size - from) });
      if (isRefusal(page)) return page;
      if (page.lines.length === 0) throw new Failure("worker.protocol", "the daemon's log ends before its size");
      await onDisk("writing the export", () => handle.appendFile(page.lines.map((line) => `${line}\n`).join("")));
      from += page.lines.length;
    }
    return null;
  } finally {
    progress.clear();
    await handle.close();
  }
}
