/** One name in the listing of one folder, as the upstream writes it: not yet safe. */
export interface FolderEntry {
  readonly name: string;
  readonly folder: boolean;
  /** Bytes, where the listing gives them exactly. */
  readonly size: number | null;
}

/** Takes an entry; answers with a fault when there must be no more of them. */
type TakeEntry = (entry: FolderEntry) => string | null;

/**
 * Reads the listing of one folder. Answers with what is wrong and where, or `null`. Links, devices and the folder's
 * own and parent's names are left out: what is mirrored are the files that are there.
 */
export type ReadFolder = (text: string, take: TakeEntry) => string | null;

/** A whole number of bytes, or `null` when the text is no such number. */
export function parseByteCount(text: string): number | null {
  const count = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(count) ? count : null;
}
