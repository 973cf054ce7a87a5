import { createServer, type Server, type Socket } from "node:net";
import { Failure } from "../../../core/kernel/errors.ts";
import type { ServeFtp } from "../../../wire/jobs.ts";
import { beginListening, type ListenAt } from "../../begin-listening.ts";
import { plainAddress } from "../../connections.ts";
import type { Listening, Protocol, Serving } from "../../protocol.ts";
import type { ShownIdentity } from "../../tls/shown-identity.ts";
import { openListeners, passivePool } from "./passive.ts";
import { FtpSession } from "./session.ts";
import { type Source, Sources } from "./sources.ts";
import type { FtpService } from "./talk.ts";

/**
 * Connections that are being told why they are refused; further ones are dropped as they come, so that a flood of what
 * is refused cannot take the room of what would be let in.
 */
const MOST_TOLD = 64;
/** How long one that is told may take to read it. */
const TELLING = 1_000;

/** FTP, read-only. `tls`: what AUTH shows, `null` where it is refused. `pick` gives a whole number below its argument that nobody can foresee. */
export function ftp(options: ServeFtp, tls: ShownIdentity | null, pick: (below: number) => number): Protocol {
  return { listen: (serving, at) => listen(serving, at, options, tls, pick) };
}

async function listen(
  serving: Serving,
  at: ListenAt,
  options: ServeFtp,
  tls: ShownIdentity | null,
  pick: (below: number) => number,
): Promise<Listening> {
  const { limits, passive } = options;
  const server = createServer({ noDelay: true });
  const { host } = at;
  const admits = serving.gate.on(host, options.allow);
  await beginListening(server, at, `ftp ${host}:${at.port}`, admits);
  // All that this process will ever listen on is opened or adopted here: afterwards it gives up the right to.
  const ports = await openListeners(host, passive, limits.ports, pick, admits);
  if (ports.length === 0) {
    server.close();
    throw new Failure("listen.failed", `${host}: no passive port from ${passive.from} to ${passive.to}`, {
      retry: "later",
    });
  }
  const service: FtpService = {
    serving,
    options,
    listeners: passivePool(ports, limits, pick),
    sources: new Sources(limits),
    tls,
    startedAt: serving.now(),
  };
  const open = new Set<FtpSession>();
  const tell = teller();
  let sessions = 0;
  server.on("connection", (socket: Socket) => {
    const refused = admit(socket, service);
    if (typeof refused === "string") return tell(socket, refused);
    sessions += 1;
    begin(new FtpSession(sessions, socket, service, refused), socket, service, open);
  });
  const looking = setInterval(() => {
    for (const session of open) session.look(serving.elapsed());
    service.sources.sweep(serving.elapsed());
  }, serving.limits.checkingInterval);
  looking.unref();
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a TCP server without an address");
  return {
    address: address.address,
    port: address.port,
    stop: () => stop(server, service, open, looking),
  };
}

/** Who comes, counted; or the reply with which it is turned away, RFC 959 section 5.4: 421 instead of a greeting. */
function admit(socket: Socket, { serving, sources }: FtpService): Source | string {
  const client = plainAddress(socket.remoteAddress ?? "");
  const source = sources.admit(client, serving.elapsed());
  return typeof source === "string" ? REFUSALS[source] : source;
}

const REFUSALS = {
  full: "421 Too many sessions; try later.",
  "yours-full": "421 Too many sessions from your address.",
  "yours-spent": "421 Too many connections from your address; try later.",
} as const;

function begin(session: FtpSession, socket: Socket, { sources }: FtpService, open: Set<FtpSession>): void {
  open.add(session);
  socket.once("close", () => {
    open.delete(session);
    sources.leave(session.source);
  });
}

/** What tells a connection why it is refused, and ends it. */
function teller(): (socket: Socket, reply: string) => void {
  let telling = 0;
  return (socket, reply) => {
    socket.on("error", () => undefined);
    if (telling >= MOST_TOLD) {
      socket.resetAndDestroy();
      return;
    }
    telling += 1;
    socket.resume();
    socket.end(`${reply}\r\n`);
    const timer = setTimeout(() => socket.destroy(), TELLING);
    socket.once("close", () => {
      clearTimeout(timer);
      telling -= 1;
    });
  };
}

async function stop(
  server: Server,
  { serving, listeners }: FtpService,
  open: ReadonlySet<FtpSession>,
  looking: NodeJS.Timeout,
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const session of open) session.finish();
  const timer = setTimeout(() => {
    for (const session of open) session.destroy();
  }, serving.limits.stopGrace);
  await closed;
  clearTimeout(timer);
  clearInterval(looking);
  listeners.stop();
}
