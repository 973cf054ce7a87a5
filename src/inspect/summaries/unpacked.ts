import { gunzip } from "../../formats/archive/gunzip.ts";
import { type FileRange, readRange } from "../../formats/archive/read-range.ts";
import type { Gathered } from "./gathered.ts";

export interface Unpack {
  /** Bytes that a file may unpack to; reading stops there, and says so. */
  readonly expandedBytes: number;
}

/** Gives a file's bytes on, unpacked where it is gzip, up to the cap; why they end early is a fault of what is gathered. */
export async function unpacked(
  range: FileRange,
  gzip: boolean,
  { expandedBytes }: Unpack,
  gathered: Gathered,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  if (gzip) {
    const end = await gunzip(range, expandedBytes, (piece) => {
      take(piece);
      return true;
    });
    if (end.outcome !== "whole") gathered.fail(end.detail);
    return;
  }
  const { start, end } = range;
  for await (const piece of readRange({ ...range, end: Math.min(end, start + expandedBytes) })) take(piece);
  if (end - start > expandedBytes) gathered.fail(`more than ${expandedBytes} bytes`);
}
