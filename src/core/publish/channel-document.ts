import * as z from "zod";
import { channelName } from "../model/source.ts";

/** Where a channel says which one it is, below its address; a copy of it on a share carries the same file. */
export const CHANNEL_FILE = ".ringfort/channel";
/** Where a client may leave one line in the access log. */
export const REPORT_FILE = ".ringfort/report";
/** Bytes of the document: whoever has more to say is no channel. */
export const MOST_CHANNEL_BYTES = 4_096;

/** Later versions may say more. */
const schema = z.object({ ringfort: z.literal(1), channel: channelName });

export function channelDocument(channel: string): string {
  return `${JSON.stringify({ ringfort: 1, channel })}\n`;
}

/** The channel that a document names; `null` for what is none. Whoever serves it may lie: it is a name, and no proof. */
export function readChannelDocument(bytes: Uint8Array): string | null {
  if (bytes.length > MOST_CHANNEL_BYTES) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return schema.safeParse(value).data?.channel ?? null;
  } catch {
    return null;
  }
}
