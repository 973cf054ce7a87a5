import { Failure } from "../core/kernel/errors.ts";
import type { Duration } from "../core/kernel/instant.ts";
import { type Restraint, type RestraintOn, restraintText } from "../core/model/restraint.ts";
import { blocksIn } from "./blocks.ts";
import { publishChannel, rollBackChannel } from "./promote.ts";
import { checkChannel } from "./release-facts.ts";
import type { ChannelDoors } from "./sync-run.ts";

export interface RestraintWish {
  readonly on: RestraintOn;
  readonly reason: string;
  /** Over by itself after so long; `null`: never. */
  readonly expires: Duration | null;
  readonly by: string;
}

/** What a block did to the channels that showed what it blocks. */
export interface Touched {
  readonly source: string;
  readonly channel: string;
  /** `taken-back`: it shows an older revision; `withheld`: it shows nothing of the source, or not the blocked paths. */
  readonly now: "taken-back" | "withheld";
  readonly revision: number;
}

/**
 * Puts a hold, a pin or a block. A block works at once and fails safe: whatever shows what is blocked stops serving it
 * before anything else is tried; a channel at a blocked revision then goes back, where there is something to go to.
 */
export async function restrain(
  doors: ChannelDoors,
  { on, reason, expires, by }: RestraintWish,
): Promise<{ readonly restraint: Restraint; readonly touched: readonly Touched[] }> {
  const { ledger, clock, events } = doors;
  await check(doors, on);
  const at = clock.now();
  const expiresAt = expires === null ? null : at + expires;
  const restraint = await ledger.addRestraint({ on, reason, by, at, expiresAt });
  events.emit("restraint.set", { restraint: restraint.id, on: restraintText(on), by, reason, expiresAt });
  if (on.kind === "hold" || on.kind === "pin") return { restraint, touched: [] };
  for (const channel of doors.channels) await publishChannel(doors, channel);
  return { restraint, touched: await takeBack(doors, restraint) };
}

async function check(doors: ChannelDoors, on: RestraintOn): Promise<void> {
  const { ledger } = doors;
  if ("source" in on && on.source !== null && (await ledger.source(on.source)) === null)
    throw new Failure("source.unknown", `no source "${on.source}"`);
  if ("channel" in on && on.channel !== null) checkChannel(doors, on.channel);
  if (on.kind === "pin" && (await ledger.position(on.source, on.channel))?.revision !== on.revision)
    throw new Failure(
      "revision.unknown",
      `${on.channel} of ${on.source} does not show revision ${on.revision}; promote or roll back to it first`,
    );
}

/** Takes channels back from what is blocked. A channel that is held or pinned stays, and goes on withholding. */
async function takeBack(doors: ChannelDoors, { id, by, reason }: Restraint): Promise<readonly Touched[]> {
  const touched: Touched[] = [];
  for (const position of await doors.ledger.positions()) {
    const { source, channel } = position;
    const blocked = await blocksIn(doors, source, position.revision);
    if (!blocked.some((each) => each.id === id)) continue;
    const words = `block ${id}${reason === "" ? "" : `: ${reason}`}`;
    const moved = await rollBackChannel(doors, { source, channel, revision: null, by, reason: words });
    const back = !("code" in moved);
    touched.push({
      source,
      channel,
      now: back ? "taken-back" : "withheld",
      revision: back ? moved.to : position.revision,
    });
  }
  return touched;
}

/** Ends a restraint. What it held back moves when its time or a person says so; blocked paths are served again. */
export async function releaseRestraint(
  doors: ChannelDoors,
  wish: { readonly id: number; readonly reason: string; readonly by: string },
): Promise<Restraint> {
  const { ledger, clock, events } = doors;
  const released = { by: wish.by, at: clock.now(), reason: wish.reason };
  const found = (await ledger.restraints(true)).find(({ id }) => id === wish.id);
  if (found === undefined) throw new Failure("restraint.unknown", `there is no hold, pin or block ${wish.id}`);
  if (!(await ledger.releaseRestraint(wish.id, released)))
    throw new Failure("restraint.unknown", `${restraintText(found.on)} is released already`);
  const { by, reason } = wish;
  events.emit("restraint.released", { restraint: wish.id, on: restraintText(found.on), by, reason });
  if (found.on.kind !== "hold" && found.on.kind !== "pin")
    for (const channel of doors.channels) await publishChannel(doors, channel);
  return { ...found, released };
}
