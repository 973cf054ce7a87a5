import { type Instant, SECOND } from "../kernel/instant.ts";
import type { ChannelPosition, ChannelStep, MoveKind } from "../model/channel.ts";

/** Forward moves that a channel remembers since its last rollback, and how many are kept when they are folded. */
export const MOST_STEPS = 256;
const KEPT_STEPS = 128;

/**
 * The Last-Modified of a path in a channel, a whole second. It rises whenever the path's content changes, in a rollback
 * too, and stays when it does not: a client that asks `If-Modified-Since` follows the channel wherever it goes. It is
 * never older than the content's own build time: freshclam asks with that, and would be told 304 for ever.
 */
export function lastModified(since: number, builtAt: Instant | null, steps: readonly ChannelStep[]): Instant {
  // Steps rise by revision; the last one is the channel's revision, and no entry of it is newer.
  const step = steps.find((candidate) => candidate.revision >= since) ?? steps.at(-1);
  return Math.max(step?.movedAt ?? 0, builtAt === null ? 0 : upToSecond(builtAt));
}

/**
 * The steps and the time of a channel's next move. `newestShown` is the latest build time among what the channel has
 * shown; that of its present revision is enough, for earlier ones are older than its last move. A promotion goes to a
 * higher revision than the present one; the first move of a channel is a promotion from `null`.
 */
export function nextMove(input: {
  readonly present: Pick<ChannelPosition, "revision" | "movedAt" | "steps"> | null;
  readonly now: Instant;
  readonly newestShown: Instant | null;
  readonly kind: MoveKind;
  readonly target: number;
}): { readonly steps: readonly ChannelStep[]; readonly movedAt: Instant } {
  const { present, kind, target } = input;
  if (kind === "promotion" && present !== null && target <= present.revision)
    throw new Error("a promotion goes forward");
  // HTTP dates have whole seconds: two moves within one would look the same. And a vendor's build time may lie ahead of
  // our clock; what was served under it must be followed by something later still.
  const movedAt = Math.max(
    Math.floor(input.now / SECOND) * SECOND,
    present === null ? 0 : upToSecond(present.movedAt) + SECOND,
    input.newestShown === null ? 0 : upToSecond(input.newestShown) + SECOND,
  );
  const before = kind === "rollback" || present === null ? [] : present.steps;
  return { steps: fold([...before, { revision: target, movedAt }]), movedAt };
}

/**
 * Forgets the oldest steps. What was older than the oldest kept takes that one's time, which is later: a client may
 * fetch again what it has, but never keeps what it should not. Half at once, so that this happens once in 128 moves.
 */
function fold(steps: readonly ChannelStep[]): readonly ChannelStep[] {
  return steps.length > MOST_STEPS ? steps.slice(-KEPT_STEPS) : steps;
}

function upToSecond(instant: Instant): Instant {
  return Math.ceil(instant / SECOND) * SECOND;
}
