import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import fc from "fast-check";
import { config, type SystemLogConfig } from "../core/config.ts";
import type { EventRecord } from "../core/ports.ts";
import { isJournal, type SystemLog, stderrLog, syslogLog } from "./syslog.ts";
import { syslogMessage } from "./syslog-message.ts";
import { severityOf } from "./syslog-severity.ts";
import { tcpTransport, udpTransport } from "./syslog-transport.ts";

const AT = Date.UTC(2026, 10, 23, 16, 40, 0, 7);
const SENDER = { hostname: "mirror.example.net", appName: "ringfortd", procId: "4711", version: "0.1.0" };
const FULL = { ...SENDER, facility: 3, enterprise: 32_473 };
const ENDED: EventRecord = {
  at: AT,
  name: "sync.ended",
  fields: {
    source: "clamav",
    outcome: "refused",
    code: "feed.signature-wrong",
    detail: 'the "list" [1] \\',
    bytes: 12,
  },
};

/** A strict reader of RFC 5424 section 6, written from the grammar and not from the writer. */
function parse(message: Buffer): { readonly head: readonly string[]; readonly data: Map<string, string>; msg: string } {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(message);
  const head = /^<(\d{1,3})>1 (\S+) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) /.exec(text);
  assert.ok(head !== null, text);
  let rest = text.slice(head[0].length);
  const data = new Map<string, string>();
  while (rest.startsWith("[")) {
    const [, id = ""] = /^\[([^\s=\]"]{1,32})/.exec(rest) ?? assert.fail(rest);
    rest = rest.slice(1 + id.length);
    for (let pair = PARAMETER.exec(rest); pair !== null; pair = PARAMETER.exec(rest)) {
      data.set(`${id}.${pair[1]}`, (pair[2] ?? "").replace(/\\(["\\\]])/g, "$1"));
      rest = rest.slice(pair[0].length);
    }
    assert.equal(rest[0], "]", text);
    rest = rest.slice(1);
  }
  assert.ok(rest === "" || rest.startsWith(" \ufeff"), rest);
  return { head: head.slice(1), data, msg: rest.slice(2) };
}
const PARAMETER = /^ ([^\s=\]"]{1,32})="((?:[^"\\\]]|\\["\\\]])*)"/;

test("one message is this line of RFC 5424, to the byte", () => {
  assert.equal(
    syslogMessage(FULL, ENDED).toString("utf8"),
    "<28>1 2026-11-23T16:40:00.007Z mirror.example.net ringfortd 4711 sync.ended " +
      '[origin software="ringfortd" swVersion="0.1.0"]' +
      '[ringfort@32473 source="clamav" outcome="refused" code="feed.signature-wrong" detail="the \\"list\\" [1\\] \\\\" bytes="12"] ' +
      '\ufeffsync.ended source=clamav outcome=refused code=feed.signature-wrong detail=the "list" [1] \\ bytes=12',
  );
  const bare = syslogMessage(
    { ...FULL, hostname: "", facility: 23 },
    { at: Number.NaN, name: "x", fields: { a: null } },
  );
  assert.equal(
    bare.toString("utf8"),
    '<190>1 - - ringfortd 4711 x [origin software="ringfortd" swVersion="0.1.0"] \ufeffx',
  );
});

test("whatever stands in an event, the message is well formed, at most 2 KiB, and gives short values back", () => {
  const value = fc.oneof(fc.string({ unit: "binary", maxLength: 3_000 }), fc.string(), fc.integer(), fc.boolean());
  const name = fc.stringMatching(/^[a-zA-Z]{1,12}$/);
  fc.assert(
    fc.property(fc.dictionary(name, value, { maxKeys: 12 }), fc.string({ unit: "binary" }), (fields, hostname) => {
      const message = syslogMessage({ ...FULL, hostname }, { at: AT, name: "a.b", fields });
      assert.ok(message.length <= 2_048);
      const { data } = parse(message);
      assert.ok(!/\p{Cc}/u.test(message.toString("utf8")));
      const short = Object.values(fields).every((text) => String(text).length < 20);
      for (const [key, written] of Object.entries(fields).slice(0, short ? 12 : 0)) {
        const shown = String(written)
          .toWellFormed()
          .replace(/\p{Cc}/gu, "\ufffd");
        assert.equal(data.get(`ringfort@32473.${key}`), shown);
      }
    }),
  );
});

test("a text is cut between characters, and what has no room is left out whole", () => {
  const fields = Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`f${at}`, "€".repeat(900)]));
  const { data, msg } = parse(syslogMessage(FULL, { at: AT, name: "a.b", fields }));
  assert.equal(data.get("ringfort@32473.f0"), "€".repeat(170));
  assert.equal(data.get("ringfort@32473.f8"), undefined);
  assert.doesNotMatch(msg, /\ufffd/);
});

test("every event of the reference has a severity of its own, and a run's end weighs by its outcome", () => {
  const page = readFileSync(new URL("../../docs/reference/events.md", import.meta.url), "utf8");
  const names = [...page.matchAll(/^\| `([a-z-]+\.[a-z-]+)` \|/gm)].map(([, name = ""]) => name);
  assert.ok(names.length > 20);
  const ended = (outcome: string): number => severityOf({ name: "sync.ended", fields: { outcome } });
  assert.deepEqual(["failed", "refused", "new-revision", "nothing-new"].map(ended), [3, 4, 5, 6]);
  for (const name of names.filter((event) => /failed|died|down|damaged|missing/.test(event)))
    assert.ok(severityOf({ name, fields: {} }) <= 4, name);
});

test("the journal reads a severity in front of a line; any other standard error is left alone", () => {
  const written: string[] = [];
  for (const journal of [true, false]) stderrLog({ write: (text) => written.push(text), journal }).record(ENDED, "{}");
  assert.deepEqual(written, ["<4>{}\n", "{}\n"]);
  assert.equal(isJournal("9:123", { dev: 9n, ino: 123n }), true);
  assert.equal(
    isJournal("9:123", { dev: 9n, ino: 124n }),
    false,
    "inherited from somebody whose stderr was the journal",
  );
  assert.equal(isJournal(undefined, { dev: 9n, ino: 123n }), false);
});

function settings(part: Partial<SystemLogConfig>): SystemLogConfig {
  const channels = { staging: { listen: "127.0.0.1:0" } };
  return { ...config.parse({ data: "x", channels, systemLog: { to: "syslog" } }).systemLog, ...part };
}

function opened(t: TestContext, part: Partial<SystemLogConfig>): SystemLog {
  const log = syslogLog(settings(part), SENDER);
  t.after(() => log.close());
  return log;
}

test("over UDP each event that is wanted is one datagram", async (t) => {
  const receiver = createSocket("udp4").bind(0, "127.0.0.1");
  t.after(() => receiver.close());
  await once(receiver, "listening");
  const log = opened(t, { address: `udp://127.0.0.1:${receiver.address().port}`, facility: "local3" });
  const came: Buffer[] = [];
  const two = new Promise<void>((resolve) => {
    receiver.on("message", (message) => void (came.push(message) === 2 && resolve()));
  });
  log.record(ENDED, "");
  log.record({ at: AT, name: "sync.started", fields: { source: "clamav" } }, "");
  log.record({ at: AT, name: "channel.moved", fields: { source: "clamav" } }, "");
  await two;
  assert.deepEqual(
    came.map((message) => parse(message).head[5]),
    ["sync.ended", "channel.moved"],
  );
  assert.equal(parse(came[0] ?? Buffer.alloc(0)).head[0], String(19 * 8 + 4));
});

test("a UDP receiver that is not there, or whose name is none, harms nobody", async (t) => {
  const log = opened(t, { address: "udp://no-such-host.invalid:514" });
  for (let at = 0; at < 50; at += 1) log.record(ENDED, "");
  await log.close();
  const other = udpTransport({ host: "127.0.0.1", port: 9 }, 5);
  for (let at = 0; at < 9; at += 1) other.send(Buffer.from("x"));
  assert.equal(other.takeDropped(), 4, "the queue has an end");
  await other.close(1_000);
});

interface TcpReceiver {
  readonly server: Server;
  readonly sockets: Set<Socket>;
  readonly messages: Buffer[];
  readonly host: string;
  readonly port: number;
}

/** A receiver of octet-counted frames (RFC 6587 section 3.4.1). */
async function tcpReceiver(port = 0): Promise<TcpReceiver> {
  const messages: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let held = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (piece: Buffer) => {
      held = Buffer.concat([held, piece]);
      for (;;) {
        const [whole, length] = /^([1-9]\d*) /.exec(held.toString("latin1")) ?? [];
        if (whole === undefined || held.length < whole.length + Number(length)) return;
        messages.push(held.subarray(whole.length, whole.length + Number(length)));
        held = held.subarray(whole.length + Number(length));
      }
    });
  }).listen(port, "127.0.0.1");
  await once(server, "listening");
  return { server, sockets, messages, host: "127.0.0.1", port: (server.address() as AddressInfo).port };
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries += 1) {
    assert.ok(tries < 500, "it did not come to pass within 10 s");
    await wait(20);
  }
}

test("over TCP messages are counted, wait while the receiver is gone, and the oldest go first", async (t) => {
  const first = await tcpReceiver();
  const transport = tcpTransport(first, { mostWaiting: 3, pauses: { first: 20, last: 40 } } as const);
  const send = (text: string): void => transport.send(Buffer.from(text));
  send("one two");
  send("€");
  await until(() => first.messages.length === 2);
  assert.deepEqual(first.messages.map(String), ["one two", "€"]);
  for (const socket of first.sockets) socket.destroy();
  first.server.close();
  await once(first.server, "close");
  await wait(50);
  for (const text of ["a", "b", "c", "d", "e"]) send(text);
  assert.equal(transport.takeDropped(), 2);
  const second = await tcpReceiver(first.port);
  t.after(() => second.server.close());
  await until(() => second.messages.length === 3);
  assert.deepEqual(second.messages.map(String), ["c", "d", "e"]);
  send("last");
  await transport.close(5_000);
  await until(() => second.messages.length === 4);
});

test("a TCP receiver that never reads holds neither an event nor a stop", async (t) => {
  const server = createServer((socket) => {
    socket.pause();
    socket.on("error", () => {});
    t.after(() => socket.destroy());
  }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const log = opened(t, { address: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` });
  await wait(50);
  const began = performance.now();
  const long = { ...ENDED, fields: { detail: "x".repeat(1_500) } };
  for (let at = 0; at < 20_000; at += 1) log.record(long, "");
  assert.ok(performance.now() - began < 10_000);
  const stopping = performance.now();
  await log.close();
  assert.ok(performance.now() - stopping < 5_000);
});

test("what was lost is said to the receiver that comes back", async (t) => {
  const gone = await tcpReceiver();
  gone.server.close();
  await once(gone.server, "close");
  const log = opened(t, { address: `tcp://127.0.0.1:${gone.port}` });
  for (let at = 0; at < 1_005; at += 1) log.record(ENDED, "");
  const back = await tcpReceiver(gone.port);
  t.after(() => {
    for (const socket of back.sockets) socket.destroy();
    back.server.close();
  });
  await until(() => back.messages.length >= 1_000);
  const told = back.messages.map(parse).filter(({ head }) => head[5] === "log.dropped");
  assert.ok(told.length > 0);
});
