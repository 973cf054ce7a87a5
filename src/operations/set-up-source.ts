import { Failure } from "../core/kernel/errors.ts";
import { mountOf, type SourceSpec } from "../core/model/source.ts";
import { publishChannel } from "./promote.ts";
import { setPolicy } from "./set-policy.ts";
import type { ChannelDoors } from "./sync-run.ts";

/** Takes a new source, or a changed description of one that exists. */
export async function setUpSource(doors: ChannelDoors, spec: SourceSpec, change: boolean, by: string): Promise<void> {
  const { ledger, clock, events } = doors;
  const before = await ledger.source(spec.name);
  if (before !== null && !change)
    throw new Failure("source.exists", `there is a source "${spec.name}" already; change it with "source change"`);
  if (before === null && change) throw new Failure("source.unknown", `no source "${spec.name}"`);
  if (before !== null && before.feed.format !== spec.feed.format) {
    throw new Failure(
      "source.invalid",
      `a source keeps its feed format: "${spec.name}" is ${before.feed.format}; add another source instead`,
    );
  }
  const rival = (await ledger.sources()).find((other) => other.name !== spec.name && mountOf(other) === mountOf(spec));
  if (rival !== undefined)
    throw new Failure(
      "source.invalid",
      `${mountOf(spec)} is where clients find source "${rival.name}"; give one of them another mount`,
    );
  const said = { source: spec.name, change, spec: JSON.stringify(spec), by };
  await ledger.audit([{ at: clock.now(), kind: "source.set", fields: said }]);
  await ledger.putSource(spec);
  // What the upstream said before may have been asked with other addresses, another selection or another trust: at the
  // next run "not modified" would mean that nothing of the change is ever looked at.
  if (before !== null) await ledger.putUpstreamNotes(spec.name, []);
  if (before !== null && mountOf(before) !== mountOf(spec))
    for (const channel of doors.channels) await publishChannel(doors, channel);
  events.emit(change ? "source.changed" : "source.added", {
    source: spec.name,
    format: spec.feed.format,
    trust: spec.trust.kind,
    by,
  });
}

/** Forgets a source. One that a channel serves is only forgotten by force: its clients would find nothing. */
export async function removeSource(doors: ChannelDoors, name: string, force: boolean, by: string): Promise<void> {
  const { ledger, clock, views, events } = doors;
  if ((await ledger.source(name)) === null) throw new Failure("source.unknown", `no source "${name}"`);
  const serving = (await ledger.positions())
    .filter((position) => position.source === name)
    .map((position) => position.channel);
  if (serving.length > 0 && !force) throw new Failure("source.in-use", `${name} is served in ${serving.join(", ")}`);
  const revisions = await ledger.revisions(name);
  await ledger.audit([{ at: clock.now(), kind: "source.removed", fields: { source: name, force, by } }]);
  await ledger.removeSource(name);
  // Another source of this name, some day, is not to go by a policy that nobody gave it.
  if ((await ledger.policy(name))?.policy != null)
    await setPolicy(doors, { source: name, policy: null, after: null, by, reason: "the source was removed" });
  for (const channel of doors.channels) await publishChannel(doors, channel);
  for (const { number } of revisions) await views.removeRevision(name, number);
  events.emit("source.removed", { source: name, by });
}
