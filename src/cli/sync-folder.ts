import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** Makes the names in a folder durable: without it a power cut may take back a rename whose file is safe. Throws what the file system throws. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
