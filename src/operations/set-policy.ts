import { Failure, type Refusal, refuse } from "../core/kernel/errors.ts";
import type { ReleasePolicy, StoredPolicy } from "../core/model/policy.ts";
import type { ChannelDoors } from "./sync-run.ts";

export interface PolicyWish {
  readonly source: string;
  /** `null`: back to what a source without a policy goes by. */
  readonly policy: ReleasePolicy | null;
  /** The version that the writer has seen, 0 for none; `null`: whatever is there. */
  readonly after: number | null;
  readonly by: string;
  readonly reason: string;
}

/** Gives a source another release policy. What is on its way goes by the new one from now on. */
export async function setPolicy(doors: ChannelDoors, wish: PolicyWish): Promise<StoredPolicy | Refusal> {
  const { ledger, clock, events } = doors;
  const { source, policy, by, reason } = wish;
  if (policy !== null) checkRings(doors.channels, policy);
  const before = (await ledger.policy(source))?.version ?? 0;
  const stored = { source, version: before + 1, policy, at: clock.now(), by, reason };
  if ((wish.after !== null && wish.after !== before) || !(await ledger.putPolicy(stored)))
    return refuse("policy.changed-meanwhile", `the policy of ${source} is at version ${before} by now`);
  events.emit("policy.set", { source, version: stored.version, by, reason });
  return stored;
}

function checkRings(channels: readonly string[], { rings }: ReleasePolicy): void {
  let last = -1;
  for (const [index, { channel }] of rings.entries()) {
    const place = channels.indexOf(channel);
    if (place === -1)
      throw new Failure(
        "policy.invalid",
        `rings[${index}].channel: no channel "${channel}" is configured; there are ${channels.join(", ")}`,
      );
    if (place < last)
      throw new Failure(
        "policy.invalid",
        `rings[${index}].channel: ${channel} stands before ${channels[last] ?? ""} in the configuration; rings keep its order`,
      );
    if (index === 0 && place !== 0)
      throw new Failure(
        "policy.invalid",
        `rings[0].channel: a sync moves the first channel, ${channels[0] ?? ""}; the first ring must be that one`,
      );
    last = place;
  }
}
