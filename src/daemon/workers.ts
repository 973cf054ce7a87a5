import path from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Config, ConsoleConfig, FtpConfig, HttpsConfig } from "../core/config.ts";
import { Failure } from "../core/kernel/errors.ts";
import { SECOND } from "../core/kernel/instant.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import type { AccessLogField } from "../core/model/access-log.ts";
import type { Events } from "../core/ports.ts";
import { PASSIVE_PORTS, type ServeFtpInput, type ServeHttpsInput, type TlsIdentity } from "../wire/jobs.ts";
import type { Certificates } from "./certificates.ts";
import { ChannelServer, type Sighted } from "./channel-server.ts";
import { ChannelSockets, type SocketDoor } from "./channel-sockets.ts";
import { ConsoleServer } from "./console-server.ts";
import type { Jail } from "./jails.ts";
import { JobLanes } from "./job-lanes.ts";
import type { ProcessStarter } from "./process-starter.ts";
import type { RoleName } from "./roles.ts";
import { WorkerProcess, type WorkerState } from "./worker-process.ts";

/** Where things lie: all absolute. */
export interface Places {
  /** What every worker must read to run: files and folders. */
  readonly program: readonly string[];
  readonly quarantine: string;
  readonly blobs: string;
  readonly views: string;
  /** The keeper's socket for the console, and who may open it. */
  readonly api: { readonly path: string; readonly mode: number };
  /** The signer's own folder, and the audit log's name for a key that has to be made. */
  readonly signer: { readonly folder: string; readonly logName: string };
  readonly entries: {
    readonly fetch: string;
    readonly inspect: string;
    readonly serve: string;
    readonly sign: string;
    readonly notify: string;
    readonly login: string;
    readonly console: string;
  };
}

/** What main opens for the servers, which can open nothing. */
export interface ServerDoors {
  /** Writes what comes out of a server's pipe into an access log, by its name, until the server is gone. */
  readonly keepLog: (name: string, fields: readonly AccessLogField[], lines: Readable) => void;
  /** Opens listeners; `null` on a platform where the servers open their own. */
  readonly sockets: SocketDoor | null;
  /** A whole number from 0 to below its argument that nobody can guess. */
  readonly pick: (below: number) => number;
}

/** What servers show in their handshakes, from their start. */
interface Identities {
  readonly certificates: Pick<Certificates, "shown">;
  /** `null`: the console speaks in clear, on the loopback. */
  readonly consoleIdentity: TlsIdentity | null;
}

/** How many files are inspected side by side: inspection is work for the processor, not for the line. */
const INSPECT_LANES = 2;

/** Questions to the OpenID issuer at once. */
const LOGIN_LANES = 1;

/** Every process of the house but the keeper, by role. */
export class Workers {
  readonly inspect: JobLanes;
  readonly signer: JobLanes;
  readonly notify: JobLanes;
  /** Asks the OpenID issuer; it is started by the first log-in. */
  readonly login: JobLanes;
  readonly servers: ReadonlyMap<string, ChannelServer>;
  /** `null`: there is none. */
  readonly console: ConsoleServer | null;
  readonly #places: Places;
  readonly #starter: ProcessStarter;
  readonly #fetchLanes: number;
  readonly #version: string;
  readonly #online: JobLanes;
  readonly #hasIssuer: boolean;
  /** One process for each folder that a `file:` address names: it has no network, and reads that folder alone. */
  readonly #offline = new Map<string, JobLanes>();

  constructor(
    config: Config,
    version: string,
    places: Places,
    starter: ProcessStarter,
    doors: ServerDoors & Identities,
    events: Events,
    sighted: Sighted,
  ) {
    this.#places = places;
    this.#starter = starter;
    this.#fetchLanes = config.fetch.lanes;
    this.#version = version;
    this.#hasIssuer = config.console?.oidc !== undefined;
    this.#online = this.#lanes(
      "fetch",
      { role: "fetch", program: places.program, reads: [], network: "connect" },
      places.entries.fetch,
      config.fetch.lanes,
      [version],
    );
    this.inspect = this.#lanes(
      "inspect",
      { role: "inspect", program: places.program, reads: [places.quarantine, places.blobs], network: "none" },
      places.entries.inspect,
      INSPECT_LANES,
      [places.quarantine, places.blobs],
    );
    this.signer = this.#lanes(
      "signer",
      { role: "signer", program: places.program, reads: [], writes: [places.signer.folder], network: "none" },
      places.entries.sign,
      1,
      [places.signer.folder, places.signer.logName],
    );
    this.notify = this.#lanes(
      "notify",
      { role: "notify", program: places.program, reads: [], network: "connect" },
      places.entries.notify,
      1,
      [],
    );
    this.login = this.#lanes(
      "login",
      { role: "login", program: places.program, reads: [], network: "connect" },
      places.entries.login,
      LOGIN_LANES,
      [],
    );
    const servers = Object.keys(config.channels).map((channel): [string, ChannelServer] => [
      channel,
      channelServer(channel, config, places, starter, doors, events, sighted),
    ]);
    this.servers = new Map(servers);
    this.console =
      config.console === undefined ? null : consoleServer(config.console, version, places, starter, doors, events);
  }

  #lanes(name: RoleName, jail: Jail, entry: string, lanes: number, args: readonly string[]): JobLanes {
    const mostMessageBytes = jail.role === "inspect" ? LIMITS.messageBytes : LIMITS.shortMessageBytes;
    const role = { name, jail, entry, args: [String(lanes), ...args], lanes, mostMessageBytes, inherits: [] };
    return new JobLanes(new WorkerProcess(role, this.#starter));
  }

  /** The lanes of the process that may reach an address of a source. */
  lanesFor(address: string): JobLanes {
    if (!address.startsWith("file:")) return this.#online;
    const folder = path.resolve(fileURLToPath(address));
    const known = this.#offline.get(folder);
    if (known !== undefined) return known;
    const jail: Jail = { role: `fetch ${folder}`, program: this.#places.program, reads: [folder], network: "none" };
    const lanes = this.#lanes("folder", jail, this.#places.entries.fetch, this.#fetchLanes, [this.#version]);
    this.#offline.set(folder, lanes);
    return lanes;
  }

  /**
   * Brings up what the first run will need, so that it need not wait. What can't be brought up now is tried again by
   * the first job, which then says why.
   */
  async warm(): Promise<void> {
    await Promise.allSettled([this.#online.warm(), this.inspect.warm()]);
  }

  states(): readonly { readonly state: WorkerState; readonly jail: Jail }[] {
    const jobs = this.#jobLanes().map(({ worker }) => ({ state: worker.state, jail: worker.role.jail }));
    return [...jobs, ...this.#listeners().map(({ state, jail }) => ({ state, jail }))];
  }

  async stop(): Promise<void> {
    await Promise.all([
      ...this.#jobLanes().map((lanes) => lanes.stop()),
      ...this.#listeners().map((server) => server.stop()),
    ]);
  }

  #jobLanes(): readonly JobLanes[] {
    const login = this.#hasIssuer ? [this.login] : [];
    return [this.#online, this.inspect, this.signer, this.notify, ...login, ...this.#offline.values()];
  }

  #listeners(): readonly (ChannelServer | ConsoleServer)[] {
    return [...this.servers.values(), ...(this.console === null ? [] : [this.console])];
  }
}

function consoleServer(
  { listen, oidc }: ConsoleConfig,
  version: string,
  places: Places,
  starter: ProcessStarter,
  { consoleIdentity: tls, sockets }: ServerDoors & Identities,
  events: Events,
): ConsoleServer {
  // It connects to the keeper's socket, which Node's flags do not tell from a network.
  const jail: Jail = { role: "console", program: places.program, reads: [], network: "listen-and-connect" };
  const { shortMessageBytes: mostMessageBytes } = LIMITS;
  const role = {
    name: "console",
    jail,
    entry: places.entries.console,
    args: [],
    lanes: 1,
    mostMessageBytes,
    inherits: [],
  } as const;
  const issuer = oidc === undefined ? null : { secure: oidc.redirect.startsWith("https:") };
  const start = {
    kind: "console-start",
    ...hostAndPort(listen),
    fd: null,
    tls,
    socket: places.api.path,
    version,
    issuer,
  } as const;
  return new ConsoleServer(new WorkerProcess(role, starter), start, events, sockets);
}

function channelServer(
  channel: string,
  { channels, limits, session, clients, logs }: Config,
  places: Places,
  starter: ProcessStarter,
  { keepLog, certificates, sockets, pick }: ServerDoors & Identities,
  events: Events,
  sighted: Sighted,
): ChannelServer {
  const where = channels[channel];
  if (where === undefined) throw new Error(`no channel ${channel}`);
  const jail: Jail = {
    role: `serve-${channel}`,
    program: places.program,
    reads: [places.blobs, places.views],
    network: where.ftp?.active === true ? "listen-and-call-back" : "listen",
  };
  const worker = new WorkerProcess(
    {
      name: "serve",
      jail,
      entry: places.entries.serve,
      args: [],
      lanes: 1,
      mostMessageBytes: LIMITS.shortMessageBytes,
      inherits: [
        (lines) => keepLog(channel, logs.fields, lines),
        ...(where.ftp === undefined ? [] : [(lines: Readable) => keepLog(`${channel}.ftp`, logs.ftpFields, lines)]),
      ],
    },
    starter,
  );
  const start = {
    kind: "serve-start",
    channel,
    listen: where.listen === undefined ? null : hostAndPort(where.listen),
    https: where.https === undefined ? null : httpsStart(where.https, certificates.shown(channel, "https")),
    allow: where.allow,
    caches: where.caches,
    ftp: where.ftp === undefined ? null : ftpStart(where.ftp, certificates.shown(channel, "ftp"), logs.ftpFields),
    blobs: places.blobs,
    views: places.views,
    limits,
    session,
    sightings: clients.record,
    logFields: logs.fields,
  } as const;
  const device = where.interface ?? null;
  if (sockets === null && device !== null)
    throw new Failure(
      "listen.failed",
      `channels.${channel}.interface: a server can be bound to one on Linux (x86-64) only`,
    );
  const wishes = { channel, interface: device, passivePorts: PASSIVE_PORTS, pick };
  return new ChannelServer(
    worker,
    start,
    events,
    sighted,
    sockets === null ? null : new ChannelSockets(sockets, wishes),
  );
}

function httpsStart(
  { listen, leastVersion, clients, hsts }: HttpsConfig,
  identity: TlsIdentity | null,
): ServeHttpsInput | null {
  if (identity === null) return null;
  return {
    ...hostAndPort(listen),
    ...identity,
    leastVersion,
    clients: clients?.mode ?? "none",
    hsts: hsts === undefined ? null : Math.floor(hsts / SECOND),
  };
}

function ftpStart(
  { listen, passive, active, allow, password, tls, ...limits }: FtpConfig,
  identity: TlsIdentity | null,
  logFields: Config["logs"]["ftpFields"],
): ServeFtpInput {
  const { sessions, sessionsPerClient, commandsPerMinute, idle, longest } = limits;
  return {
    ...hostAndPort(listen),
    passive: { from: passive.from, to: passive.to, announce: passive.announce ?? null },
    active,
    allow,
    password: password ?? null,
    tls:
      tls === undefined || identity === null
        ? null
        : { required: tls.mode === "required", leastVersion: tls.leastVersion, boundData: tls.boundData, ...identity },
    limits: { sessions, sessionsPerClient, commandsPerMinute, idle, longest },
    logFields,
  };
}

function hostAndPort(listen: string): { readonly host: string; readonly port: number } {
  const colon = listen.lastIndexOf(":");
  return { host: listen.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(listen.slice(colon + 1)) };
}
