import { Failure } from "../../../core/kernel/errors.ts";
import type { CappedStream } from "../../capped-stream.ts";
import { errorCode } from "../../dial.ts";
import type { UpstreamSocket } from "../../upstream-socket.ts";
import { whenAborted } from "../../within.ts";

/**
 * Passes a data connection on until it ends or all that is wanted has come; the number of bytes. Every byte has left
 * the stream then. Throws `upstream.cut-off`, what the stream throws, and the signal's reason.
 */
export async function receiveData(socket: UpstreamSocket, stream: CappedStream, signal: AbortSignal): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let bytes = 0;
  const unlisten = whenAborted(signal, reject);
  socket.receive({
    data: (piece) => {
      try {
        bytes += piece.length;
        const taken = stream.write(piece);
        if (taken && !stream.full) return;
        socket.pause();
        if (stream.full) resolve();
        else void resumeWhenReady(socket, stream);
      } catch (cause) {
        socket.pause();
        reject(cause);
      }
    },
    end: resolve,
    broken: (cause) => {
      const detail = `the data connection broke (${errorCode(cause)})`;
      reject(new Failure("upstream.cut-off", detail, { cause, retry: "later" }));
    },
  });
  socket.resume();
  try {
    signal.throwIfAborted();
    await promise;
    await stream.ready();
    return bytes;
  } finally {
    unlisten();
    socket.destroy();
  }
}

async function resumeWhenReady(socket: UpstreamSocket, stream: CappedStream): Promise<void> {
  await stream.ready();
  socket.resume();
}
