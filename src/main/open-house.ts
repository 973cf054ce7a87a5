import { randomBytes, randomInt } from "node:crypto";
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { adviceFor } from "../cli/advice.ts";
import { HandedSockets } from "../confine/handed-sockets.ts";
import { socketOpener } from "../confine/sockets.ts";
import type { Config } from "../core/config.ts";
import { Failure } from "../core/kernel/errors.ts";
import { accessLogHeader } from "../core/model/access-log.ts";
import type { AtStep, EventRecord } from "../core/ports.ts";
import { UNIT_PLACES } from "../core/unit-places.ts";
import { socketNames } from "../daemon/channel-sockets.ts";
import { CONSOLE_SOCKET } from "../daemon/console-server.ts";
import { type Daemon, type DaemonParts, startDaemon } from "../daemon/daemon.ts";
import type { Level } from "../daemon/jails.ts";
import { storeFailure, syncDirectory } from "../store/durable.ts";
import { openEventLog } from "../store/event-log.ts";
import { sweepCopies } from "../store/left-copies.ts";
import { LogFiles } from "../store/log-files.ts";
import { openQuarantine } from "../store/quarantine.ts";
import { blobStores, ledgers } from "../store/registry.ts";
import { openTrees } from "../store/trees.ts";
import { openViews } from "../store/views.ts";
import { keepNote } from "../store/witness-file.ts";
import { severityOf } from "../wire/syslog-severity.ts";
import { confineHere } from "./confine-here.ts";
import { programHere, version } from "./own-files.ts";
import { readIdentity } from "./tls-files.ts";

/** Bytes of a password file. */
const MOST_SECRET_BYTES = 4_096;

export interface HouseOptions {
  readonly config: Config;
  readonly atStep: AtStep;
  /** Takes each event's line, and what it says. */
  readonly echo: (line: string, event: EventRecord) => void;
  readonly onBug: (error: unknown) => void;
}

/** Chooses every concrete part and starts the daemon with them. Whoever holds the ledger holds the store. */
export async function openHouse({ config, atStep, echo, onBug }: HouseOptions): Promise<Daemon> {
  const confined = confineHere(config);
  const places = placesOf(config, confined.level);
  makeFolders([config.data, places.logs, ...(places.shared ? [] : [places.signer.folder])]);
  const clock = { now: () => Date.now() };
  const ledger = await ledgers.sqlite({
    file: path.join(config.data, "ledger.sqlite"),
    atStep,
    mostClients: config.clients.most,
  });
  // Set when the daemon is up: what happens before is in the log.
  let tell: ((event: EventRecord) => void) | null = null;
  const heard = (line: string, event: EventRecord): void => {
    echo(line, event);
    tell?.(event);
  };
  const events = openEventLog({ file: path.join(places.logs, "events.log"), ledger, clock, echo: heard, onBug });
  const logs = new LogFiles({
    folder: places.logs,
    // Each log that is being written may be full, and leaves room for as much that was put aside.
    policy: {
      ...config.logs,
      size: Math.min(config.logs.size, Math.floor(config.logs.total / (4 * Object.keys(config.channels).length))),
    },
    now: clock.now,
    onTrouble: (log, { code, message }) => events.emit("access-log.failed", { log, code, detail: message }),
    onBug,
  });
  const close = async (): Promise<void> => {
    await logs.close();
    await events.settle();
    events.close();
    await ledger.close();
  };
  try {
    const handed = new HandedSockets(process.env, process.pid);
    handed.expect([
      ...Object.entries(config.channels).flatMap(([name, channel]) => socketNames(name, channel)),
      ...(config.console === undefined ? [] : [CONSOLE_SOCKET]),
    ]);
    logs.tidy();
    const left = await sweepCopies(config.data, clock.now());
    if (left.length > 0) events.emit("store.copies-removed", { names: left.join(" ") });
    const daemon = await startDaemon({
      config,
      version: version(),
      places,
      clock,
      random: Math.random,
      ledger,
      blobs: await blobStores.filesystem({
        folder: places.blobs,
        quarantine: places.quarantine,
        atStep,
        now: clock.now,
      }),
      quarantine: await openQuarantine({
        folder: places.quarantine,
        atStep,
        shared: places.shared,
        random: () => randomBytes(8).toString("hex"),
      }),
      views: await openViews(places.views, atStep),
      trees: openTrees({ data: config.data, blobs: places.blobs, atStep: () => {}, now: clock.now }),
      events,
      atStep,
      ...confined,
      serverDoors: {
        keepLog: (name, fields, lines) => logs.read(name, (at) => accessLogHeader(fields, at), lines),
        sockets: socketOpener(handed),
        pick: (below) => randomInt(below),
      },
      auditDoors: {
        settleFolder: () => syncDirectory(places.signer.folder),
        witness: (note) => keepNote(config.auditLog.witness ?? null, note),
      },
      notices: {
        mirror: hostname(),
        severityOf,
        adviceFor,
        listen: (listener) => {
          tell = listener;
        },
      },
      readIdentity,
      readSecret,
      onBug,
    });
    return { urls: daemon.urls, reload: () => daemon.reload(), stop: () => daemon.stop().finally(close) };
  } catch (error) {
    await close();
    throw error;
  }
}

function makeFolders(folders: readonly string[]): void {
  for (const folder of folders) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o750 });
    } catch (cause) {
      throw storeFailure(cause, `making the folder ${folder}`);
    }
  }
}

/** Where everything lies below the data folder: docs/store-format.md. */
function placesOf(
  { data, auditLog, confinement }: Config,
  level: Level,
): DaemonParts["places"] & { readonly logs: string; readonly shared: boolean } {
  const shared = level === "users" && confinement.roles === UNIT_PLACES.roles;
  return {
    shared,
    program: programHere.files,
    quarantine: path.join(data, "quarantine"),
    blobs: path.join(data, "blobs"),
    views: path.join(data, "views"),
    logs: path.join(data, "logs"),
    control: path.join(data, "control.sock"),
    api: { path: shared ? UNIT_PLACES.api : path.join(data, "api.sock"), mode: shared ? 0o660 : 0o600 },
    signer: {
      folder: shared ? UNIT_PLACES.signer : path.join(data, "signer"),
      logName: auditLog.name ?? `ringfort/${hostname()}`,
    },
    entries: {
      fetch: programHere.entry("fetch-worker"),
      inspect: programHere.entry("inspect-worker"),
      serve: programHere.entry("serve-worker"),
      sign: programHere.entry("sign-worker"),
      notify: programHere.entry("notify-worker"),
      login: programHere.entry("login-worker"),
      console: programHere.entry("console"),
    },
  };
}

async function readSecret(file: string): Promise<string> {
  try {
    const text = await readFile(file, "utf8");
    if (text.length > MOST_SECRET_BYTES) throw new Failure("config.invalid", `${file} is too long for a password`);
    return text.replace(/\r?\n$/, "");
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure("config.unreadable", `the password file ${file} cannot be read`, { cause });
  }
}
