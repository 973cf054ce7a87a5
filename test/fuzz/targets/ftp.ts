import { openSync, rmSync } from "node:fs";
import { AccessLog } from "../../../src/serve/access-log.ts";
import { Blobs } from "../../../src/serve/blobs.ts";
import { BufferPool } from "../../../src/serve/buffer-pool.ts";
import { Connections } from "../../../src/serve/connections.ts";
import { Gate } from "../../../src/serve/gate.ts";
import { OpenChannel } from "../../../src/serve/open-view.ts";
import type { PassiveListeners } from "../../../src/serve/protocols/ftp/passive.ts";
import { FtpSession } from "../../../src/serve/protocols/ftp/session.ts";
import { Sources } from "../../../src/serve/protocols/ftp/sources.ts";
import type { FtpService } from "../../../src/serve/protocols/ftp/talk.ts";
import { Sessions } from "../../../src/serve/sessions.ts";
import { SightingNotes } from "../../../src/serve/sightings.ts";
import { serveRequest } from "../../../src/wire/jobs.ts";
import { ChannelFolder } from "../../fixtures/channel-folder.ts";
import type { Dice } from "../../fixtures/dice.ts";
import { ftpStart } from "../../fixtures/serve-process.ts";
import { mutate } from "../mutate.ts";
import { type FuzzTarget, mustHold } from "../target.ts";
import { Wire } from "../wire.ts";

const FILES = { a: "the file", "sub/b": "another", "sub/ü": "umlaut" };
const LOGIN = "USER anonymous\r\nPASS me@\r\n";
/** What a session consists of; what stands in no client's script comes from mutation. */
const LINES = [
  "FEAT",
  "HELP",
  "HELP SITE",
  "SYST",
  "NOOP",
  "OPTS UTF8 ON",
  "OPTS MLST size;type;",
  "CLNT x",
  "SITE HELP",
  "USER anonymous",
  "USER ftp",
  "USER root",
  "PASS me@",
  "AUTH TLS",
  "PBSZ 0",
  "PROT P",
  "CCC",
  "PWD",
  "XPWD",
  "CWD one",
  "CWD /one/sub",
  "CWD ..",
  "CDUP",
  "TYPE I",
  "TYPE A N",
  "STRU F",
  "MODE S",
  "ALLO 1",
  "ACCT x",
  "REIN",
  "PASV",
  "EPSV",
  "EPSV 1",
  "EPSV ALL",
  "PORT 127,0,0,1,200,1",
  "EPRT |1|127.0.0.1|51201|",
  "REST 4",
  "REST 0",
  "RETR /one/a",
  "RETR one/a",
  "RETR sub/b",
  "RETR /one/sub",
  "LIST",
  "LIST -la /one",
  "NLST one",
  "MLSD /one",
  "MLST /one/a",
  "SIZE /one/a",
  "MDTM /one/a",
  "STAT",
  "STAT /one/a",
  "ABOR",
  "QUIT",
  "STOR a",
  "DELE /one/a",
  "GET / HTTP/1.1",
  "",
] as const;
const WORDS = [
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "..",
  "/",
  "\\",
  "*",
  "~",
  "-a ",
  "%2e",
  Buffer.from([0xff, 0xf4, 0xff, 0xf2]),
  Buffer.from([0xff, 0xfb, 1]),
  Buffer.from([0xff, 0xfa, 1, 0xff, 0xf0]),
  Buffer.from([0xff]),
  Buffer.from([0xc0, 0xae]),
  Buffer.from([0x16, 3, 1]),
  "|||",
  ",",
  "anonymous",
  "/one/a",
  "ABOR\r\n",
  "PASV\r\n",
  "EPSV\r\n",
  "RETR /one/a\r\n",
  "USER ",
  "REST ",
  "é",
  "\ufeff",
];
/** Bytes that a socket reads at once. */
const MOST_PIECE = 65_536;
/** A session whose bytes never end a line is ended from this side. */
const MOST_TURNS = 400;

/**
 * The real session, with its reader, parser, answers and transfers, over connections that are none. Whatever is sent,
 * replies are replies, no byte leaves that is not the channel's, nobody who is not logged in gets any, and nothing is
 * held when it is over.
 */
export async function ftpTarget(): Promise<FuzzTarget> {
  const folder = await ChannelFolder.make();
  process.once("exit", () => rmSync(folder.root, { recursive: true, force: true }));
  await folder.revision("one", 1, FILES);
  await folder.point("staging", { one: 1 });
  const house = serviceOver(folder);
  return {
    input: (dice) => sessionOf(dice),
    run: (input) => house.run(input),
  };
}

function sessionOf(dice: Dice): Uint8Array {
  const lines = Array.from(
    { length: 1 + dice.number(12) },
    () => `${dice.pick(LINES)}${dice.pick(["\r\n", "\r\n", "\n"])}`,
  );
  const whole = Buffer.from((dice.once(4) ? "" : LOGIN) + lines.join(""));
  return dice.once(5)
    ? whole
    : mutate(dice, whole, { words: WORDS, corpus: LINES.map((line) => Buffer.from(`${line}\r\n`)) });
}

function serviceOver(folder: ChannelFolder): { readonly run: (input: Uint8Array) => Promise<boolean> } {
  const asked = {
    kind: "serve-start",
    channel: "staging",
    listen: { host: "127.0.0.1", port: 0 },
    blobs: folder.blobs,
    views: folder.views,
    session: { idle: 0, most: 0 },
    ftp: ftpStart({ limits: { refusalDelay: 0, commandsPerMinute: 1_000_000_000 } }),
  };
  const start = serveRequest.parse(asked);
  if (start.kind !== "serve-start" || start.ftp === null) throw new Error("not a start");
  const channel = new OpenChannel(folder.views, "staging");
  const sessions = new Sessions(start.session, () => channel.current);
  const elapsed = (): number => performance.now();
  const log = new AccessLog({
    fd: openSync("/dev/null", "a"),
    channel: "staging",
    fields: start.ftp.logFields,
    now: 0,
  });
  const ports = new FakePorts();
  const sources = new Sources(start.ftp.limits);
  const service: FtpService = {
    serving: {
      channel: "staging",
      limits: start.limits,
      sessions,
      blobs: new Blobs(folder.blobs),
      buffers: new BufferPool(4),
      connections: new Connections(8, 8),
      gate: new Gate([], elapsed, () => mustHold(false, "somebody was turned away")),
      log,
      sightings: new SightingNotes({ send: () => {}, ready: () => true, now: () => 1_795_442_400_000 }),
      now: () => 1_795_442_400_000,
      elapsed,
      boundary: () => "x",
      shutOff: () => false,
      blobMissing: ({ path }) => mustHold(false, `${path} missing`),
      viewDamaged: (detail) => mustHold(false, detail),
    },
    options: start.ftp,
    listeners: ports,
    sources,
    tls: null,
    startedAt: 1_795_442_400_000,
  };
  return { run: (input) => oneSession(service, ports, input) };
}

/** Passive ports whose connections are there at once. */
class FakePorts implements PassiveListeners {
  held = 0;
  data: Wire[] = [];

  open(): ReturnType<PassiveListeners["open"]> {
    this.held += 1;
    let open = true;
    const close = (): void => {
      if (open) this.held -= 1;
      open = false;
    };
    return {
      port: 50_000,
      connected: async () => {
        if (!open) return null;
        close();
        const wire = new Wire();
        // A client that has all ends its side too.
        wire.once("finish", () => wire.push(null));
        this.data.push(wire);
        return wire;
      },
      close,
    };
  }

  stop(): void {}
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function oneSession(service: FtpService, ports: FakePorts, input: Uint8Array): Promise<boolean> {
  const { sources, serving } = service;
  ports.data = [];
  const source = sources.admit("127.0.0.1", serving.elapsed());
  mustHold(typeof source === "object", "a session that was counted twice");
  const wire = new Wire();
  const session = new FtpSession(1, wire, service, source);
  const half = Math.min(input.length >> 1, MOST_PIECE);
  for (const [from, to] of piecesOf(input.length, half)) {
    if (!wire.destroyed) wire.push(input.subarray(from, to));
    await turn();
  }
  if (!wire.destroyed) wire.push("\r\nQUIT\r\n");
  for (let turns = 0; turns < MOST_TURNS && !wire.destroyed; turns += 1) {
    await turn();
    // Its last reply has left: a client that has read it leaves.
    if (wire.writableFinished) wire.push(null);
  }
  session.destroy();
  await turn();
  sources.leave(source);
  sources.sweep(serving.elapsed());
  const replies = Buffer.concat(wire.sent).toString();
  checkReplies(replies);
  checkData(replies, ports.data);
  mustHold(ports.held === 0, "a data port that is held when the session is over");
  mustHold(
    ports.data.every(({ destroyed }) => destroyed),
    "a data connection that is open when the session is over",
  );
  mustHold(sources.sessions === 0, "a session that is counted when it is over");
  return /^(?:230|226) /m.test(replies);
}

function piecesOf(length: number, first: number): readonly (readonly [number, number])[] {
  const pieces: [number, number][] = [[0, first]];
  for (let from = first; from < length; from += MOST_PIECE) pieces.push([from, Math.min(length, from + MOST_PIECE)]);
  return pieces;
}

/** RFC 959 section 4.2. */
const REPLIES = /^(?:(\d{3})-[^\r\n]*\r\n(?:(?!\1 )[^\r\n]*\r\n)*\1 [^\r\n]+\r\n|[1-5]\d\d [^\r\n]+\r\n)*$/;

function checkReplies(replies: string): void {
  mustHold(replies.startsWith("220 "), "no greeting");
  mustHold(REPLIES.test(replies), `replies that are none: ${JSON.stringify(replies.slice(0, 500))}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
  mustHold(!/[\0-\x09\x0b\x0c\x0e-\x1f\x7f]/.test(replies), "a control character in a reply");
}

const CONTENTS = [...Object.values(FILES), JSON.stringify({ ringfort: 1, channel: "staging" })];
const LISTED = /^(?:[^\r\n]*(?:one|\/?a|sub|b|ü|channel)\r\n)*$/;

function checkData(replies: string, data: readonly Wire[]): void {
  const sent = data.map((wire) => Buffer.concat(wire.sent).toString());
  if (!/^230 /m.test(replies)) mustHold(sent.length === 0, "data for who is not logged in");
  for (const bytes of sent) {
    // Of a file its end, from where REST said; of a folder its names.
    const known = CONTENTS.some((content) => content.endsWith(bytes) || content.trim().endsWith(bytes.trim()));
    mustHold(known || LISTED.test(bytes), `data that is not the channel's: ${JSON.stringify(bytes.slice(0, 200))}`);
  }
}
