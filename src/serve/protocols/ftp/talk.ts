import type { Socket } from "node:net";
import type { Instant } from "../../../core/kernel/instant.ts";
import type { DirectoryRow, FoundDirectory, FoundFile } from "../../../core/publish/channel-view.ts";
import type { ServeFtp } from "../../../wire/jobs.ts";
import type { ChannelView } from "../../open-view.ts";
import type { Serving } from "../../protocol.ts";
import type { Session } from "../../sessions.ts";
import type { Seen } from "../../sightings.ts";
import type { ShownIdentity } from "../../tls/shown-identity.ts";
import { wellKnown } from "../http/well-known.ts";
import type { Fact } from "./listing.ts";
import type { DataPort, PassiveListeners } from "./passive.ts";
import type { SessionTls } from "./session-tls.ts";
import type { Source, Sources } from "./sources.ts";
import type { Transfer } from "./transfer.ts";

/** What all sessions of one channel share. */
export interface FtpService {
  readonly serving: Serving;
  readonly options: ServeFtp;
  readonly listeners: PassiveListeners;
  readonly sources: Sources;
  /** `null`: AUTH is refused. */
  readonly tls: ShownIdentity | null;
  readonly startedAt: Instant;
}

/** What one session has come to; changed by the answers to its commands. */
export interface SessionState {
  /** The name that USER gave and that was not refused. */
  user: string | null;
  /** What the client calls itself: CLNT's word, else the password, by which FTP programs are known. */
  agent: string;
  /** Set by the login, and for the whole session the only view that it sees. */
  view: ChannelView | null;
  /** `/` at both ends. */
  folder: string;
  /** The offset that the next RETR begins at. */
  rest: number;
  facts: ReadonlySet<Fact>;
  /** The way that the next transfer takes. */
  data: DataPort | null;
  /** EPSV ALL was said. */
  extendedOnly: boolean;
  refusals: number;
  /** The control connection's TLS, once it has one. */
  tls: SessionTls | null;
  bufferSizeSaid: boolean;
  protectData: boolean;
}

/** One line of the access log, beside what the session knows by itself. */
export interface LogEntry {
  /** Without the session's number: "USER", "sent". */
  readonly method: string;
  readonly stem: string | null;
  readonly status: number;
  readonly sent: number;
  readonly took: number;
  readonly owner: { readonly source: string; readonly revision: number } | null;
}

/** One session as the answers to its commands see it. */
export interface Talk {
  readonly service: FtpService;
  readonly state: SessionState;
  readonly source: Source;
  readonly lease: Session<ChannelView>;
  /** Plain addresses of both ends of the control connection. */
  readonly ends: { readonly client: string; readonly server: string; readonly port: number };
  /** Sends a reply ahead of the one that the command ends with. */
  say(reply: string): void;
  /** Says that the transfer under way is this, and keeps watch over it until `null`. */
  transferring(transfer: Transfer | null): void;
  /** Ends the session when the reply has left. */
  leave(): void;
  /** Sends a reply in clear and goes on under TLS; `false` when that failed, and the session has ended. */
  secure(reply: string, identity: ShownIdentity): Promise<boolean>;
  log(entry: LogEntry): void;
  /** Who it is, for what is noted of clients. */
  seen(): Seen;
}

/** What answers a verb: the reply that ends it, without the line's end, and `null` when there is none to send. */
export type Answer = (talk: Talk, argument: string | null) => string | null | Promise<string | null>;

/** A name that stands for the channel itself, and is in no view. */
export interface OwnFile {
  readonly kind: "own";
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly lastModified: Instant;
}

export type Found = FoundFile | FoundDirectory | OwnFile;

/** Looks a whole name up in the session's view. Throws `Failure` `store.*` on a damaged view. */
export function find({ service, state }: Talk, name: string | null): Found | null {
  if (name === null || state.view === null) return null;
  return findOwn(service, name) ?? state.view.find(name);
}

/** Clients walk to a file: its folder has to be there too, though no listing names it. */
function findOwn(service: FtpService, name: string): Found | null {
  if (!name.startsWith(OWN_PREFIX)) return null;
  const file = ownFile(service, OWN_FILE);
  if (file === null || name === OWN_FILE) return file;
  if (`${name}/` !== OWN_FOLDER && name !== OWN_FOLDER) return null;
  const row = rowOf(file, OWN_FILE.slice(OWN_FOLDER.length));
  return { kind: "directory", path: OWN_FOLDER, owner: null, rows: () => [row] };
}

const OWN_PREFIX = "/.ringfort";
const OWN_FOLDER = `${OWN_PREFIX}/`;
const OWN_FILE = `${OWN_FOLDER}channel`;

function ownFile({ serving, startedAt }: FtpService, name: string): OwnFile | null {
  const own = wellKnown(name, null, serving.channel);
  if (own?.status !== 200) return null;
  const bytes = Buffer.from(own.body);
  return { kind: "own", path: name, bytes, size: bytes.length, lastModified: startedAt };
}

/** What was found as a listing shows it, under the name that it was asked for by. */
export function rowOf(found: Found, name: string): DirectoryRow {
  return { name, file: found.kind === "directory" ? null : { size: found.size, lastModified: found.lastModified } };
}

/** RFC 959 section 4.2: the same for what is not there, what is not ours to show and what can't be a name. */
export const NOT_FOUND = "550 Not found.";
/** RFC 959 section 4.2. */
export const BAD_ARGUMENT = "501 Not understood.";

/** A socket and the one whose bytes are on the line; the same without TLS. */
export interface DataSocket {
  readonly socket: Socket;
  readonly wire: Socket;
}
