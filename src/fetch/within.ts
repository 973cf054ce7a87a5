import type { Failure } from "../core/kernel/errors.ts";
import type { Duration } from "../core/kernel/instant.ts";

/**
 * Waits for `promise`, but no longer than `most`, and not after `signal` has aborted: then it throws `late()` or the
 * signal's reason. The work behind the promise is not stopped; the caller destroys what it was waiting on.
 */
export async function within<T>(
  promise: Promise<T>,
  most: Duration,
  late: () => Failure,
  signal: AbortSignal,
): Promise<T> {
  signal.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  let onAbort = (): void => {};
  const interruption = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), Math.min(most, 2_147_483_647));
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
  });
  // The loser of the race must not count as an unhandled rejection when it fails later.
  promise.catch(() => {});
  try {
    return await Promise.race([promise, interruption]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
