import { randomUUID } from "node:crypto";
import path from "node:path";
import * as z from "zod";
import { Failure, type Refusal } from "../core/kernel/errors.ts";
import { HOUR } from "../core/kernel/instant.ts";
import type { ChannelMove } from "../core/model/channel.ts";
import type { Series } from "../core/model/feed-listing.ts";
import type { Revision } from "../core/model/revision.ts";
import { mountOf, type SourceSpec, sourceSpec } from "../core/model/source.ts";
import type { SyncRecord } from "../core/ports.ts";
import { recoveryAfterRollback } from "../core/release/recovery.ts";
import { checkStore } from "../operations/check-store.ts";
import { compareRevisions } from "../operations/compare-revisions.ts";
import { linkPerson, makeToken, revokeToken, setPassword, setPerson } from "../operations/keep-people.ts";
import { type MoveWish, previewRollback, promoteChannel, rollBackChannel } from "../operations/promote.ts";
import { removeSource, setUpSource } from "../operations/set-up-source.ts";
import { clientsAnswer } from "./clients-verb.ts";
import { collectionAnswer, purgedOf } from "./collection-verb.ts";
import type { Answers, Verbs } from "./control-server.ts";
import { newToken } from "./gate.ts";
import { healthVerbs } from "./health-verbs.ts";
import { describeJail } from "./jails.ts";
import { metricsVerb } from "./metrics-verb.ts";
import { proposalVerbs } from "./proposal-verbs.ts";
import { releaseVerbs, ringsWaiting } from "./release-verbs.ts";
import { restraintVerbs } from "./restraint-verbs.ts";
import type { Runs } from "./runs.ts";
import { nextRun } from "./schedule.ts";
import { traceVerb } from "./trace-verb.ts";
import { known, type VerbParts } from "./verb-parts.ts";

type Summary = Answers["source-list"]["sources"][number];
type Position = Answers["channels"]["positions"][number];

/** Everything that the command line may ask for, each verb a few lines over the operations. */
export function verbsOf(parts: VerbParts): Verbs {
  const { doors, runs, schedule, trees, turnstile } = parts;
  const { ledger } = doors;
  return {
    "source-add": ({ spec, by }) => putSource(parts, spec, false, by),
    "source-change": ({ spec, by }) => putSource(parts, spec, true, by),
    "source-list": async () => ({ sources: await summaries(parts) }),
    "source-show": async ({ source }) => {
      const spec = await known(parts, source);
      return { summary: await summaryOf(parts, spec), spec, revisions: await revisionsOf(parts, source) };
    },
    "source-remove": async ({ source, force, by }) => {
      if (runs.isGoing(source))
        throw new Failure("source.busy", `a sync of ${source} is still going`, { retry: "later" });
      await removeSource(doors, source, force, by);
      schedule.forget(source);
      return { source };
    },
    sync: async ({ source, by }, report) => {
      const record = await runNow(parts, await known(parts, source), by, report);
      if (record.outcome === "refused") return { kind: "refused", code: record.code, detail: record.detail } as Refusal;
      const position = await ledger.position(source, doors.channels[0] ?? "");
      return {
        run: record,
        channel: record.revision !== null && position?.revision === record.revision ? position.channel : null,
      };
    },
    channels: async ({ source }) => ({ positions: await positionsOf(parts, source) }),
    revisions: async ({ source }) => {
      await known(parts, source);
      return { revisions: await revisionsOf(parts, source), purged: await purgedOf(parts, source) };
    },
    diff: async ({ source, from, to }) => {
      await known(parts, source);
      return compareRevisions(doors, source, from, to);
    },
    promote: async (wish) => {
      await known(parts, wish.source);
      const move = await promoteChannel(doors, wish);
      return "code" in move ? move : { move, url: urlOf(parts, wish) };
    },
    "rollback-preview": async ({ source, channel, revision }) => {
      const wish = { source, channel, revision };
      const spec = await known(parts, source);
      const step = await previewRollback(doors, wish);
      if ("code" in step) return step;
      return { source, channel, ...step, recovery: await recoveryOf(parts, spec, channel, step) };
    },
    rollback: async (wish) => {
      const spec = await known(parts, wish.source);
      const move = await rollBackChannel(doors, wish);
      if ("code" in move) return move;
      return { move, url: urlOf(parts, wish), recovery: await recoveryOf(parts, spec, move.channel, move) };
    },
    ...releaseVerbs(parts),
    ...proposalVerbs(parts),
    clients: (wish) => clientsAnswer(ledger, wish),
    ...traceVerb(parts),
    ...healthVerbs(parts),
    ...restraintVerbs(parts),
    status: () => status(parts),
    "backup-ledger": async () => {
      const file = `backup-${process.pid}-${randomUUID()}.sqlite`;
      await ledger.copyTo(path.join(parts.data, file));
      return { file };
    },
    metrics: metricsVerb(parts),
    "store-check": ({ repair }, report, gone) => turnstile.shared(() => checkStore(doors, repair, gone, report)),
    export: async ({ channel, folder, method, anew }, report, gone) => {
      const configured = trees.configured(channel);
      const place = folder ?? configured?.folder;
      if (place === undefined)
        throw new Failure("request.malformed", `the configuration has no tree for ${channel}: say where it goes`);
      const own = configured?.folder === place ? configured : null;
      const wish = { channel, folder: place, method: method ?? own?.method ?? "link", anew, grace: own?.grace ?? HOUR };
      return trees.export(wish, report, gone);
    },
    gc: (wish, report, gone) => collectionAnswer(parts, wish, report, gone),
    "audit-log": async ({ from, limit }) => ({
      size: await ledger.auditSize(),
      lines: await ledger.auditLines(from, limit),
    }),
    "audit-checkpoint": async () => {
      const { verifier, size, at, note } = await parts.checkpoints.sign();
      return { verifier, size, at, note };
    },
    "audit-checkpoints": async ({ limit }) => ({ checkpoints: await ledger.checkpoints(limit) }),
    people: async () => ({ people: await ledger.people() }),
    "person-set": async ({ person, ...wish }) => ({ person: await setPerson(doors, { name: person, ...wish }) }),
    "person-password": async ({ person, password, by }) => {
      await setPassword(doors, person, password === null ? null : await parts.passwords.hash(password), by);
      return { person };
    },
    "person-link": async ({ person, subject, by }) => {
      if (parts.issuer === null) throw new Failure("config.invalid", "the configuration has no console.oidc");
      return { person: await linkPerson(doors, person, { issuer: parts.issuer, subject }, by) };
    },
    tokens: async ({ person }) => ({ tokens: await ledger.tokens(person) }),
    "token-make": async (wish) => {
      const { text, ...fresh } = newToken();
      return { token: await makeToken(doors, wish, fresh), text };
    },
    "token-revoke": async ({ id, by }) => {
      await revokeToken(doors, id, by);
      return { id };
    },
    "notify-list": async () => ({ subscribers: await parts.notifier.state() }),
    "notify-test": async ({ subscriber, by }) => {
      await parts.notifier.test(subscriber, by);
      return { subscriber };
    },
    log: async ({ what, source, limit }) => ({
      runs: what === "runs" ? await ledger.syncs(source, limit) : [],
      moves: what === "moves" ? await movesOf(parts, source, limit) : [],
      events:
        what === "events"
          ? (await ledger.events(limit)).filter(({ fields }) => source === null || fields["source"] === source)
          : [],
    }),
  };
}

async function putSource(
  parts: VerbParts,
  value: unknown,
  change: boolean,
  by: string,
): Promise<Answers["source-add"]> {
  const parsed = sourceSpec.safeParse(value);
  if (!parsed.success) throw new Failure("source.invalid", z.prettifyError(parsed.error));
  const spec = parsed.data;
  // A schedule that can't be read is refused here, not when it is first due.
  nextRun(spec.schedule, parts.doors.clock.now(), null);
  await setUpSource(parts.doors, spec, change, by);
  parts.schedule.plan(spec, (await lastRun(parts, spec.name))?.startedAt ?? null);
  return { spec };
}

/** Who follows a rollback by itself, who does not, and what to do about it. */
async function recoveryOf(
  parts: VerbParts,
  spec: SourceSpec,
  channel: string,
  step: { readonly from: number | null; readonly to: number },
): Promise<readonly string[]> {
  const [from, to] = await Promise.all([seriesOf(parts, spec.name, step.from), seriesOf(parts, spec.name, step.to)]);
  return recoveryAfterRollback(spec, { channel, from, to });
}

async function seriesOf({ doors }: VerbParts, source: string, number: number | null): Promise<readonly Series[]> {
  return number === null ? [] : ((await doors.ledger.revision(source, number))?.series ?? []);
}

/** Runs a source now and plans its next run. */
export async function runNow(
  parts: VerbParts,
  spec: SourceSpec,
  by: string,
  report: Parameters<Runs["start"]>[2],
): Promise<SyncRecord> {
  const startedAt = parts.doors.clock.now();
  const record = await parts.runs.start(spec, by, report).finally(async () => {
    const present = await parts.doors.ledger.source(spec.name);
    if (present !== null) parts.schedule.plan(present, startedAt);
    parts.pacer.nudge();
  });
  if (record.outcome === "failed") {
    const failure = record.code as ConstructorParameters<typeof Failure>[0];
    throw new Failure(failure, record.detail, {
      retry: failure.startsWith("upstream.") || failure === "store.full" ? "later" : "never",
    });
  }
  return record;
}

async function lastRun({ doors }: VerbParts, source: string): Promise<SyncRecord | null> {
  return (await doors.ledger.syncs(source, 1))[0] ?? null;
}

async function summaries(parts: VerbParts): Promise<readonly Summary[]> {
  const specs = await parts.doors.ledger.sources();
  return Promise.all(specs.map((spec) => summaryOf(parts, spec)));
}

async function summaryOf(parts: VerbParts, spec: SourceSpec): Promise<Summary> {
  return {
    name: spec.name,
    format: spec.feed.format,
    trust: spec.trust.kind,
    addresses: spec.addresses,
    schedule: spec.schedule,
    nextRun: parts.schedule.nextRun(spec.name),
    syncing: parts.runs.isGoing(spec.name),
    lastRun: await lastRun(parts, spec.name),
    latestRevision: (await parts.doors.ledger.latestRevision(spec.name))?.number ?? null,
  };
}

async function revisionsOf({ doors }: VerbParts, source: string): Promise<Answers["revisions"]["revisions"]> {
  const positions = (await doors.ledger.positions()).filter((position) => position.source === source);
  const summary = (revision: Revision) => {
    const { number, newestBuiltAt: _, ...rest } = revision;
    return {
      ...rest,
      revision: number,
      channels: positions.filter((position) => position.revision === number).map((position) => position.channel),
    };
  };
  return (await doors.ledger.revisions(source)).map(summary);
}

async function positionsOf(parts: VerbParts, only: string | null): Promise<readonly Position[]> {
  const { ledger, channels } = parts.doors;
  const specs = only === null ? await ledger.sources() : [await known(parts, only)];
  const positions = await ledger.positions();
  const found: Position[] = [];
  for (const spec of specs) {
    const latest = await ledger.latestRevision(spec.name);
    for (const channel of channels) {
      const at = positions.find((position) => position.source === spec.name && position.channel === channel);
      const revision = at === undefined ? null : await ledger.revision(spec.name, at.revision);
      found.push({
        source: spec.name,
        channel,
        revision: at?.revision ?? null,
        movedAt: at?.movedAt ?? null,
        files: revision?.files ?? null,
        bytes: revision?.bytes ?? null,
        url: urlOf(parts, { source: spec.name, channel }, spec),
        behind:
          at === undefined || latest === null
            ? null
            : (await ledger.revisions(spec.name)).filter(({ number }) => number > at.revision).length,
        unsigned: revision?.unsigned ?? spec.trust.kind === "none",
      });
    }
  }
  return found;
}

function urlOf(
  { workers }: VerbParts,
  { source, channel }: Pick<MoveWish, "source" | "channel">,
  spec?: SourceSpec,
): string | null {
  const urls = workers.servers.get(channel)?.urls;
  const base = urls?.http ?? urls?.https ?? null;
  return base === null ? null : base.replace(/\/$/, "") + mountOf(spec ?? { name: source, mount: undefined });
}

async function movesOf({ doors }: VerbParts, source: string | null, limit: number): Promise<readonly ChannelMove[]> {
  const names = source === null ? (await doors.ledger.sources()).map(({ name }) => name) : [source];
  const moves = await Promise.all(names.map((name) => doors.ledger.moves(name, limit)));
  return moves
    .flat()
    .toSorted((a, b) => b.at - a.at)
    .slice(0, limit);
}

async function status(parts: VerbParts): Promise<Answers["status"]> {
  const { doors, workers } = parts;
  const blobs = await doors.ledger.referencedBlobs();
  const seen = await parts.book.seenLately();
  let bytes = 0;
  for (const size of blobs.values()) bytes += size;
  return {
    version: parts.version,
    startedAt: parts.startedAt,
    data: parts.data,
    store: { blobs: blobs.size, bytes, freeBytes: await doors.blobs.freeBytes() },
    processes: workers.states().map(({ state, jail }) => ({
      ...state,
      permissions: describeJail(jail),
    })),
    channels: [...workers.servers.values()].map(({ channel, urls: { http, https, ftp } }) => ({
      channel,
      url: http,
      https,
      ftp,
      seen: seen.get(channel) ?? 0,
      certificates: [...parts.certificates.states(channel)],
    })),
    sources: await summaries(parts),
    positions: await positionsOf(parts, null),
    rings: await ringsWaiting(parts),
    restraints: await doors.ledger.restraints(false),
  };
}
