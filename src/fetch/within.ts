import type { Failure } from "../core/kernel/errors.ts";
import type { Duration } from "../core/kernel/instant.ts";

/** The longest time that a timer of the runtime can hold (2^31 - 1 ms); a longer one would fire at once. */
const LONGEST_TIMER = 2_147_483_647;

/** `duration`, made fit for a timer. */
export function timerFor(duration: Duration): Duration {
  return Math.min(duration, LONGEST_TIMER);
}

/** Tells the reason of `signal` once it aborts; the returned function stops listening. */
export function whenAborted(signal: AbortSignal, tell: (reason: Error) => void): () => void {
  const listener = (): void => {
    const reason: unknown = signal.reason;
    tell(reason instanceof Error ? reason : new Error("aborted"));
  };
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

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
  // The loser of the race must not count as an unhandled rejection when it fails later.
  promise.catch(() => {});
  signal.throwIfAborted();
  const interruption = Promise.withResolvers<never>();
  const timer = setTimeout(() => interruption.reject(late()), timerFor(most));
  const unlisten = whenAborted(signal, interruption.reject);
  try {
    return await Promise.race([promise, interruption.promise]);
  } finally {
    clearTimeout(timer);
    unlisten();
  }
}
