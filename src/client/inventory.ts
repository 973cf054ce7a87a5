import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { errnoOf, onDisk } from "../core/kernel/disk.ts";
import { quoteOutside } from "../core/kernel/errors.ts";
import { Stop } from "./agent-code.ts";
import type { ClientProduct } from "./agent-config.ts";
import type { ProductState } from "./state.ts";
import { currentSequence } from "./version-folder.ts";

/** What a detector's file is read of. */
const MOST_BYTES = 64 * 1024;

/**
 * The sequence that is installed; `null` when the product is not there. Of what is swapped only the link counts: it was
 * moved before the state was written. Throws `Stop` when what is there cannot be understood: a guess could downgrade.
 */
export async function installedSequence(product: ClientProduct, state: ProductState): Promise<number | null> {
  const { install, detector } = product;
  if (install.way === "swap")
    return await onDisk("looking at what is installed", () => currentSequence(install.folder));
  if (detector.kind === "state") return state.sequence;
  const text = await onDisk("reading what is installed", () => firstBytes(detector.file));
  if (text === null) return null;
  const found = new RegExp(detector.pattern, "mu").exec(text)?.[1];
  if (found === undefined || !/^\d{1,15}$/.test(found))
    throw new Stop("config.invalid", `the detector finds no sequence in ${quoteOutside(detector.file, 300)}`, false);
  return Number(found);
}

async function firstBytes(file: string): Promise<string | null> {
  try {
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const buffer = Buffer.alloc(MOST_BYTES);
      const { bytesRead } = await handle.read(buffer, 0, MOST_BYTES, 0);
      return buffer.toString("utf8", 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return null;
    throw cause;
  }
}
