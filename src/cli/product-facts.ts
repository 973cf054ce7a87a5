import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import * as z from "zod";
import type { Config } from "../core/config.ts";
import { errnoOf } from "../core/kernel/disk.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { Instant } from "../core/kernel/instant.ts";
import {
  type ChannelFacts,
  type ConfiguredFacts,
  type Fact,
  known,
  type ProductFacts,
  unknown,
} from "../core/machine/facts.ts";
import { readMinisignKeys } from "../formats/signatures/minisign.ts";
import { readVerifier } from "../formats/transparency/signed-note.ts";
import type { Results } from "../wire/requests.ts";
import { exportAuditLog } from "./audit-export.ts";
import { verifyExport } from "./audit-verify.ts";
import { type CommandContext, isRefusal } from "./context.ts";

type Status = Results["status"];

/** How many of the newest events are searched for the last check of the store. */
const EVENTS_SEARCHED = 10_000;

export function configuredFacts(config: Config): ConfiguredFacts {
  const channels = Object.entries(config.channels);
  return {
    channels: channels.map(([name, channel]) => channelFacts(name, channel)),
    connections: config.limits.connections,
    connectionsPerClient: config.limits.connectionsPerClient,
    leastRate: config.limits.leastRate,
    headerTimeout: config.limits.headerTimeout,
    ftpSessions: channels.flatMap(([channel, { ftp }]) =>
      ftp === undefined ? [] : [{ channel, most: ftp.sessions, perClient: ftp.sessionsPerClient }],
    ),
    logFields: config.logs.fields,
    logTotal: config.logs.total,
    hasTls: channels.some(([, { https, ftp }]) => https !== undefined || ftp?.tls !== undefined),
  };
}

function channelFacts(name: string, { listen, https, ftp, interface: on }: Config["channels"][string]): ChannelFacts {
  const passive = ftp?.passive;
  return {
    name,
    listens: [listen, https?.listen, ftp?.listen].flatMap((at) => {
      if (at === undefined) return [];
      const colon = at.lastIndexOf(":");
      return [{ host: at.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(at.slice(colon + 1)) }];
    }),
    passive: passive === undefined ? null : { from: passive.from, to: passive.to },
    interface: on ?? null,
  };
}

/** The daemon's own word, or `null` when none answers: then everything that only it knows is unknown. */
export async function statusOrNull(context: CommandContext): Promise<Status | null> {
  try {
    const status = await context.ask({ verb: "status" }, { silent: true });
    return isRefusal(status) ? null : status;
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

export async function productFacts(
  context: CommandContext,
  config: Config,
  status: Status | null,
): Promise<ProductFacts> {
  const recovery = {
    rehearsedAt: await rehearsal(config.data, "rehearsed.json"),
    imageRehearsedAt: await rehearsal(config.data, IMAGE_REHEARSED),
    image: await goldenImage(context, config),
  };
  if (status === null) {
    const silent = unknown("no daemon answers");
    return {
      certificates: silent,
      storeChecked: silent,
      auditLog: silent,
      releases: silent,
      sources: silent,
      ...recovery,
    };
  }
  const last = Object.keys(config.channels).at(-1) ?? "";
  const released = new Set(
    status.positions
      .filter(({ channel, revision }) => channel === last && revision !== null)
      .map(({ source }) => source),
  );
  return {
    certificates: known(
      status.channels.flatMap(({ channel, certificates }) =>
        certificates.map(({ notAfter, refused }) => ({ channel, notAfter, refused })),
      ),
    ),
    storeChecked: await asked(() => lastCheck(context)),
    auditLog: await asked(() => auditLogFact(context, config)),
    releases: await asked(() => releasesOf(context, status, released, last)),
    sources: known(
      status.sources.map(({ name, trust, lastRun }) => ({
        source: name,
        trust,
        released: released.has(name),
        lastCode: lastRun?.code ?? null,
      })),
    ),
    ...recovery,
  };
}

/** What the daemon does not answer is unknown; the rest of the audit goes on. */
async function asked<T>(ask: () => Promise<Fact<T>>): Promise<Fact<T>> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Failure) return unknown(`the daemon did not answer: ${error.code}`);
    throw error;
  }
}

/** The newest check of the store that the daemon tells of. */
export async function lastCheck(context: CommandContext): Promise<ProductFacts["storeChecked"]> {
  const log = await context.ask(
    { verb: "log", what: "events", source: null, limit: EVENTS_SEARCHED },
    { silent: true },
  );
  if (isRefusal(log)) return unknown(log.code);
  const checks = log.events.filter(({ name }) => name === "store.checked").toSorted((a, b) => b.at - a.at);
  const [newest] = checks;
  const damaged = newest?.fields["damaged"];
  return known(newest === undefined || typeof damaged !== "number" ? null : { at: newest.at, damaged });
}

/** Exports the log and verifies the export as anybody would, against what the witness holds. */
async function auditLogFact(context: CommandContext, config: Config): Promise<ProductFacts["auditLog"]> {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-audit-"));
  try {
    const exported = await exportAuditLog(context, path.join(folder, "log"));
    if (isRefusal(exported)) return unknown(exported.code);
    const key = readVerifier(exported.verifier);
    if (key === null) return unknown("the log's public key is not one");
    const { witness } = config.auditLog;
    const kept = witness === undefined ? [] : [witness];
    const verified = await verifyExport(exported.folder, key, kept);
    return known(isRefusal(verified) ? { wrong: verified.code, kept: 0 } : { wrong: null, kept: verified.kept });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function releasesOf(
  context: CommandContext,
  { sources }: Status,
  released: ReadonlySet<string>,
  last: string,
): Promise<ProductFacts["releases"]> {
  const all: { source: string; released: boolean; soak: number; signOffs: number }[] = [];
  for (const { name } of sources) {
    const answer = await context.ask({ verb: "policy-show", source: name, limit: 1 }, { silent: true });
    if (isRefusal(answer)) return unknown(answer.code);
    const ring = answer.policy.rings.find(({ channel }) => channel === last);
    const signOffs = (ring?.signOffs ?? []).reduce((sum, { people }) => sum + people, 0);
    all.push({ source: name, released: released.has(name), soak: ring?.soak ?? 0, signOffs });
  }
  return known(all);
}

/** When an image last brought a mirror back, as `image rehearsed` has written it. */
export const IMAGE_REHEARSED = "rehearsed-image.json";
const rehearsalNote = z.strictObject({ format: z.literal(1), at: z.int().nonnegative() });

async function rehearsal(data: string, name: string): Promise<Fact<Instant | null>> {
  const file = path.join(data, name);
  try {
    const parsed = rehearsalNote.safeParse(JSON.parse(await readFile(file, "utf8")));
    return parsed.success ? known(parsed.data.at) : unknown(`${file} is not what was written`);
  } catch (cause) {
    if (errnoOf(cause) === "ENOENT") return known(null);
    return unknown(`${file}: ${errnoOf(cause) ?? "unreadable"}`);
  }
}

async function goldenImage({ surroundings }: CommandContext, { audit }: Config): Promise<ProductFacts["image"]> {
  if (audit.image === undefined) return known(null);
  try {
    const read = await surroundings.images.manifest(audit.image.manifest, readMinisignKeys([audit.image.key]));
    return "code" in read ? unknown(`audit.image: ${read.code}`) : known(read);
  } catch (error) {
    if (error instanceof Failure) return unknown(`audit.image: ${error.message}`);
    throw error;
  }
}
