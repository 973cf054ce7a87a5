import type { Instant } from "../../../core/kernel/instant.ts";
import type { OpenBlob } from "../../blobs.ts";
import { type BufferPool, LARGE_BYTES, SMALL_BYTES, STAGE_BYTES } from "../../buffer-pool.ts";
import { Pace } from "../../pace.ts";
import type { Exchange } from "./exchange.ts";
import type { Piece } from "./plan-file.ts";
import type { ByteRange } from "./ranges.ts";

/**
 * Bytes that a client has to take before it is lent a large buffer, where smaller ones cost it little: more than the
 * windows of two systems hold for one that reads nothing, where the host keeps what is unsent small (docs/hardening.md).
 */
const MORE_THAN_WINDOWS = 2 * 1024 * 1024;

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

async function sendRange(exchange: Exchange, range: ByteRange, blob: OpenBlob, means: Means): Promise<Sent> {
  if (blob.held !== null) return sendHeld(exchange, blob.held.subarray(range.first, range.last + 1), means.elapsed);
  return exchange.tellsAtOnce ? sendOffered(exchange, range, blob, means) : sendSealed(exchange, range, blob, means);
}

/**
 * Reads as much as a client seems to take and gives up what it then does not: nothing that is large is in use while a
 * client is waited for. Whoever has taken more than windows hold gets large buffers, where any is free.
 */
async function sendOffered(exchange: Exchange, range: ByteRange, blob: OpenBlob, means: Means): Promise<Sent> {
  const { buffers, elapsed } = means;
  const pace = new Pace(MORE_THAN_WINDOWS);
  let wanted = SMALL_BYTES;
  for (let at = range.first; at <= range.last; ) {
    const left = range.last + 1 - at;
    const large = pace.large(left) ? buffers.takeLarge() : null;
    const began = elapsed();
    const step =
      large === null
        ? await sendStaged(exchange, blob, at, Math.min(left, wanted), buffers)
        : await sendLent(exchange, blob, at, Math.min(left, large.length), large, buffers);
    if (typeof step === "string") return step;
    if (large === null && !(await exchange.taken())) return "gone";
    at += step;
    pace.took(step, elapsed() - began);
    wanted = Math.min(STAGE_BYTES, Math.max(SMALL_BYTES, 2 * step));
  }
  return "sent";
}

/** Resolves to the bytes that are on their way. */
async function sendStaged(
  exchange: Exchange,
  blob: OpenBlob,
  at: number,
  length: number,
  buffers: BufferPool,
): Promise<number | Sent> {
  const stage = await buffers.stage();
  try {
    const read = await blob.read(stage, length, at);
    if (read === 0) return "short";
    const step = exchange.offer(stage.subarray(0, read), buffers);
    return step === 0 ? "gone" : step;
  } finally {
    buffers.giveStage(stage);
  }
}

async function sendLent(
  exchange: Exchange,
  blob: OpenBlob,
  at: number,
  length: number,
  buffer: Buffer,
  buffers: BufferPool,
): Promise<number | Sent> {
  try {
    const read = await blob.read(buffer, length, at);
    if (read === 0) return "short";
    return (await exchange.write(buffer.subarray(0, read))) ? read : "gone";
  } finally {
    buffers.give(buffer);
  }
}

/** Under TLS: what was given is the client's until all of it has left. */
async function sendSealed(
  exchange: Exchange,
  range: ByteRange,
  blob: OpenBlob,
  { buffers, elapsed }: Means,
): Promise<Sent> {
  const pace = new Pace();
  for (let at = range.first; at <= range.last; ) {
    const left = range.last + 1 - at;
    const buffer = buffers.take(pace.large(left));
    const began = elapsed();
    const step = await sendLent(exchange, blob, at, Math.min(left, buffer.length), buffer, buffers);
    if (typeof step === "string") return step;
    at += step;
    pace.took(step, elapsed() - began);
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
