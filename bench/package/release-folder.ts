import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";

export const LIST = "SHA256SUMS";

/**
 * Takes away what an earlier build has listed in a folder. A signed release that is signed again is left to the publisher, which
 * takes nothing away before what replaces it is there.
 */
export async function clearRelease(folder: string, next: { readonly signed: boolean }): Promise<void> {
  const isSigned = existsSync(path.join(folder, `${LIST}.minisig`));
  if (isSigned && next.signed) return;
  const list = await readFile(path.join(folder, LIST), "utf8").catch(() => "");
  // Plain names only: the list may be anybody's.
  for (const [, name = ""] of list.matchAll(/^[0-9a-f]{64} {2}(\w[\w.+~-]*)$/gm))
    await rm(path.join(folder, name), { force: true });
  for (const name of [LIST, `${LIST}.minisig`]) await rm(path.join(folder, name), { force: true });
}
