import type { Instant } from "../../../core/kernel/instant.ts";
import type { OpenBlob } from "../../blobs.ts";
import { type BufferPool, LARGE_BYTES, SMALL_BYTES } from "../../buffer-pool.ts";
import { Pace } from "../../pace.ts";
import type { Exchange } from "./exchange.ts";
import type { Piece } from "./plan-file.ts";
import type { ByteRange } from "./ranges.ts";

/** How a body ended: `short` when the file no longer has the bytes that were promised. */
type Sent = "sent" | "gone" | "short";

/** Where the bytes of bodies pass through, and the clock that says how fast they are taken. */
interface Means {
  readonly buffers: BufferPool;
  readonly elapsed: () => Instant;
}

/** Sends a body, each piece after the one before has left this process. */
export async function sendPieces(
  exchange: Exchange,
  pieces: readonly Piece[],
  blob: OpenBlob,
  means: Means,
): Promise<Sent> {
  for (const piece of pieces) {
    const sent =
      piece instanceof Uint8Array ? await sendOwn(exchange, piece) : await sendRange(exchange, piece, blob, means);
    if (sent !== "sent") return sent;
  }
  return "sent";
}

async function sendOwn(exchange: Exchange, bytes: Uint8Array): Promise<Sent> {
  return (await exchange.write(bytes)) ? "sent" : "gone";
}

async function sendRange(
  exchange: Exchange,
  range: ByteRange,
  blob: OpenBlob,
  { buffers, elapsed }: Means,
): Promise<Sent> {
  if (blob.held !== null) return sendHeld(exchange, blob.held.subarray(range.first, range.last + 1), elapsed);
  const pace = new Pace();
  for (let at = range.first; at <= range.last; ) {
    const left = range.last + 1 - at;
    const buffer = buffers.take(pace.large(left));
    try {
      const read = await blob.read(buffer, Math.min(left, buffer.length), at);
      if (read === 0) return "short";
      const began = elapsed();
      if (!(await exchange.write(buffer.subarray(0, read)))) return "gone";
      at += read;
      pace.took(read, elapsed() - began);
    } finally {
      buffers.give(buffer);
    }
  }
  return "sent";
}

/**
 * What is in memory already, in pieces as large as a buffer would be: TLS makes its own copy of what it is given, and
 * clients that read slowly would each hold one of the whole.
 */
async function sendHeld(exchange: Exchange, bytes: Uint8Array, elapsed: () => Instant): Promise<Sent> {
  const pace = new Pace(0);
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + (pace.large(bytes.length - at) ? LARGE_BYTES : SMALL_BYTES));
    const began = elapsed();
    if (!(await exchange.write(piece))) return "gone";
    at += piece.length;
    pace.took(piece.length, elapsed() - began);
  }
  return "sent";
}
