import { open } from "node:fs/promises";
import { storeFailure } from "./durable.ts";

/**
 * Appends a checkpoint to the witness file, durably; `null`: there is none. The file is for reading by others: it lies
 * where the ledger does not. Throws `Failure` `store.*`.
 */
export async function keepNote(file: string | null, note: string): Promise<void> {
  if (file === null) return;
  try {
    const handle = await open(file, "a", 0o644);
    try {
      await handle.appendFile(`${note}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw storeFailure(cause, `appending a checkpoint to ${file}`);
  }
}
