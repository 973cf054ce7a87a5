import path from "node:path";
import type { Config } from "../core/config.ts";
import { pairPlace } from "../core/config-tls.ts";
import { Failure } from "../core/kernel/errors.ts";
import { SECOND } from "../core/kernel/instant.ts";
import type { AtStep, BlobStore, Clock, EventRecord, Events, Ledger, Quarantine, Trees, Views } from "../core/ports.ts";
import { recover } from "../operations/recover.ts";
import { ringHealth } from "../operations/ring-health.ts";
import type { SyncDoors } from "../operations/sync-run.ts";
import type { TlsIdentity } from "../wire/jobs.ts";
import { readShutoff, shutOffBy } from "../wire/shutoff-file.ts";
import { type CertificateParts, Certificates } from "./certificates.ts";
import { openChecker } from "./checker-door.ts";
import { type CheckpointParts, Checkpoints } from "./checkpoints.ts";
import { collectDue } from "./collection-verb.ts";
import { Collector } from "./collector.ts";
import { type ControlServer, openApiServer, openControlServer } from "./control-server.ts";
import { openFetchDoor } from "./fetch-door.ts";
import { Gate } from "./gate.ts";
import { HealthWatch } from "./health-watch.ts";
import { openInspectDoor } from "./inspect-door.ts";
import { IssuerLogin } from "./issuer-login.ts";
import { LEVELS, type Level } from "./jails.ts";
import { KeptTrees } from "./kept-trees.ts";
import { Notifier, type NotifierParts } from "./notifier.ts";
import { Pacer } from "./pacer.ts";
import { Passwords } from "./passwords.ts";
import type { ProcessStarter } from "./process-starter.ts";
import { Runs } from "./runs.ts";
import { Schedule } from "./schedule.ts";
import { SightingBook } from "./sighting-book.ts";
import { Turnstile } from "./turnstile.ts";
import type { VerbParts } from "./verb-parts.ts";
import { runNow, verbsOf } from "./verbs.ts";
import { type Places, type ServerDoors, Workers } from "./workers.ts";

/** How long a stop waits for runs to end by themselves, before the workers that they may wait for are ended. */
const RUNS_PATIENCE = 10 * SECOND;

/** What the keeper is made of; `main/ringfortd.ts` chooses each part. */
export interface DaemonParts {
  readonly config: Config;
  readonly version: string;
  readonly places: Places & { readonly control: string };
  readonly clock: Clock;
  readonly random: () => number;
  readonly ledger: Ledger;
  readonly blobs: BlobStore;
  readonly quarantine: Quarantine;
  readonly views: Views;
  readonly trees: Trees;
  readonly events: Events;
  readonly atStep: AtStep;
  readonly starter: ProcessStarter;
  /** How far processes that it starts are confined. */
  readonly level: Level;
  readonly auditDoors: Pick<CheckpointParts, "settleFolder" | "witness">;
  readonly serverDoors: ServerDoors;
  /** Whoever is to be told of events; `listen` takes what is called with each. */
  readonly notices: Pick<NotifierParts, "mirror" | "severityOf" | "adviceFor"> & {
    readonly listen: (listener: (event: EventRecord) => void) => void;
  };
  readonly readIdentity: CertificateParts["readIdentity"];
  readonly readSecret: (file: string) => Promise<string>;
  /** Where a bug of ours goes that nobody waits for. */
  readonly onBug: (error: unknown) => void;
}

export interface Daemon {
  /** Where clients find each channel by HTTP. */
  readonly urls: ReadonlyMap<string, string | null>;
  /** Reads again what others renew: the certificates. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the keeper: recover, serve, listen, schedule, in that order. Clients are served before anything is fetched. */
export async function startDaemon(parts: DaemonParts): Promise<Daemon> {
  const { config, clock, events, places } = parts;
  const certificates = await Certificates.open(config, { clock, events, readIdentity: parts.readIdentity });
  const serverDoors = { ...parts.serverDoors, certificates, consoleIdentity: await consoleIdentity(parts) };
  const book = new SightingBook({
    log: parts.ledger.sightings,
    clock,
    events,
    config: config.clients,
    onBug: parts.onBug,
  });
  const workers = new Workers(config, parts.version, places, parts.starter, serverDoors, events, (channel, batch) =>
    book.take(channel, batch),
  );
  const doors = doorsOf(parts, workers, (channel) => trees.follow(channel));
  const checkpoints = new Checkpoints({
    signer: workers.signer,
    ledger: parts.ledger,
    clock,
    events,
    ...parts.auditDoors,
  });
  const notifier = new Notifier({
    ...parts.notices,
    subscribers: config.notify,
    lanes: workers.notify,
    ledger: parts.ledger,
    clock,
    events,
    readSecret: parts.readSecret,
    onBug: parts.onBug,
  });
  parts.notices.listen((event) => notifier.take(event));
  const passwords = new Passwords();
  const healthWatch = new HealthWatch(doors, parts.onBug);
  const turnstile = new Turnstile();
  const trees = new KeptTrees({
    channels: config.channels,
    doors: { ...doors, trees: parts.trees },
    turnstile,
    onBug: parts.onBug,
  });
  const runs = new Runs(doors, turnstile);
  const schedule = new Schedule(
    () => clock.now(),
    parts.random,
    (source) => void runDue(verbParts, source).catch(parts.onBug),
  );
  const pacer = new Pacer(doors, parts.onBug);
  const verbParts: VerbParts = {
    doors,
    pacer,
    runs,
    schedule,
    workers,
    certificates,
    checkpoints,
    book,
    healthWatch,
    notifier,
    passwords,
    trees,
    turnstile,
    atStep: parts.atStep,
    grace: config.collect.grace,
    issuer: config.console?.oidc?.issuer ?? null,
    version: parts.version,
    data: config.data,
    startedAt: clock.now(),
  };
  const collector = new Collector({
    sources: () => parts.ledger.sources(),
    collect: (only, signal) => collectDue(verbParts, only, signal),
    every: config.collect.every,
    events,
    onBug: parts.onBug,
  });
  const sockets: ControlServer[] = [];
  const stop = async (): Promise<void> => {
    schedule.stop();
    const collected = collector.stop();
    certificates.stop();
    for (const socket of sockets) await socket.close();
    const ended = Promise.all([runs.stop(), ...sockets.map((socket) => socket.settled())]);
    await within(RUNS_PATIENCE, ended);
    await collected;
    await trees.stop();
    await healthWatch.stop();
    await pacer.stop();
    await checkpoints.stop();
    await workers.stop();
    await book.stop();
    // Whoever waited for a hung worker has now learned that it is gone; nobody may use the ledger once it is closed.
    await ended;
    events.emit("daemon.stopped", {});
    await notifier.stop();
  };
  try {
    const recovered = await recover(doors);
    await book.start();
    await Promise.all([...workers.servers.values()].map((server) => server.start()));
    const verbs = verbsOf(verbParts);
    sockets.push(await openControlServer(places.control, verbs, parts.onBug));
    if (workers.console !== null) {
      const gate = new Gate({ ledger: parts.ledger, clock, events, passwords });
      const issuer = issuerLogin(parts, workers, gate);
      sockets.push(await openApiServer(places.api, verbs, gate, issuer, parts.onBug));
      await workers.console.start();
    }
    for (const spec of await parts.ledger.sources())
      schedule.plan(spec, (await parts.ledger.syncs(spec.name, 1))[0]?.startedAt ?? null);
    void workers.warm();
    checkpoints.start();
    healthWatch.start();
    collector.start();
    pacer.nudge();
    notifier.start();
    certificates.start((channel, by, identity) => workers.servers.get(channel)?.show(by, identity));
    events.emit("daemon.started", { version: parts.version, level: lowest(workers, parts.level), ...recovered });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    get urls() {
      return new Map([...workers.servers].map(([channel, { urls }]) => [channel, urls.http]));
    },
    reload: () => certificates.reload(),
    stop,
  };
}

/** The level of the process that has the lowest: the servers run by now. */
function lowest(workers: Workers, meant: Level): Level {
  const levels = new Set([meant, ...workers.states().map(({ state }) => state.level)]);
  return LEVELS.find((level) => levels.has(level)) ?? meant;
}

/** What the console shows in its handshakes; `null` where it speaks on the loopback alone. Throws `Failure` `config.*`. */
async function consoleIdentity({ config, readIdentity }: DaemonParts): Promise<TlsIdentity | null> {
  const pair = config.console?.tls === undefined ? null : pairPlace(config.console.tls);
  return pair === null ? null : (await readIdentity({ pair, authorities: null })).identity;
}

/** `null`: people log in by password alone. */
function issuerLogin({ config, ledger, clock, events, readSecret }: DaemonParts, { login }: Workers, gate: Gate) {
  const oidc = config.console?.oidc;
  return oidc === undefined
    ? null
    : new IssuerLogin({ config: oidc, lanes: login, gate, ledger, clock, events, readSecret });
}

async function within(patience: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise((resolve) => {
    timer = setTimeout(resolve, patience);
  });
  await Promise.race([work, enough]);
  clearTimeout(timer);
}

function doorsOf(parts: DaemonParts, workers: Workers, announced: (channel: string) => void): SyncDoors {
  const { clock, ledger, blobs, quarantine, views, events } = parts;
  let last: Promise<unknown> = Promise.resolve();
  return {
    clock,
    ledger,
    blobs,
    quarantine,
    views,
    events,
    channels: Object.keys(parts.config.channels),
    shutOff: (channel, source) => {
      const order = shutOffBy(readShutoff(parts.places.views), channel, source);
      return order === null ? null : `stopped by ${order.by}${order.reason === "" ? "" : `: ${order.reason}`}`;
    },
    shutoffs: () =>
      readShutoff(parts.places.views).map(
        ({ source, channel, by, reason }) => `${source ?? "*"} in ${channel ?? "*"} by ${by}: ${reason}`,
      ),
    health: async (asked) => (await ringHealth({ ledger }, asked)).verdict,
    announce: async (channel) => {
      await workers.servers.get(channel)?.reopen();
      announced(channel);
    },
    inTurn: (work) => {
      const turn = last.then(work, work);
      last = turn.catch(() => {});
      return turn;
    },
    fetcher: openFetchDoor({
      quarantine,
      lanesFor: (address) => workers.lanesFor(address),
      readSecret: parts.readSecret,
    }),
    inspector: openInspectDoor(workers.inspect),
    checker: openChecker(path.join(parts.places.blobs, "sha256")),
  };
}

/** A scheduled run: what it refuses or fails is recorded, and shown by `status` and `log`; nobody waits for it here. */
async function runDue(parts: VerbParts, source: string): Promise<void> {
  const spec = await parts.doors.ledger.source(source);
  if (spec === null) return;
  try {
    await runNow(parts, spec, "schedule", () => {});
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}
