import type { EventRecord } from "../core/ports.ts";
import { severityOf } from "./syslog-severity.ts";

/** What stays the same in every message of one sender. */
export interface SyslogSender {
  /** RFC 5424 section 6.2.1, table 1. */
  readonly facility: number;
  readonly hostname: string;
  readonly appName: string;
  readonly procId: string;
  readonly version: string;
  /** The private enterprise number that the event's fields stand under. */
  readonly enterprise: number;
}

/** RFC 5424 section 6.1: every receiver should take so many octets of one message; many cut there. */
const MOST_OCTETS = 2_048;
/** Octets of one value: a long detail must not push out the fields behind it. */
const MOST_VALUE_OCTETS = 512;
const NIL = "-";

/**
 * One RFC 5424 message of at most 2 KiB: the event's name is the MSGID, its fields are structured data, and a line for
 * people is the MSG. What has no room is left out whole, from the end: half a parameter would be read as another message.
 */
export function syslogMessage(sender: SyslogSender, event: EventRecord): Buffer {
  const priority = sender.facility * 8 + severityOf(event);
  const header = [
    `<${priority}>1`,
    timestamp(event.at),
    printable(sender.hostname, 255),
    printable(sender.appName, 48),
    printable(sender.procId, 128),
    printable(event.name, 32),
  ].join(" ");
  const origin = element("origin", [
    ["software", sender.appName],
    ["swVersion", sender.version],
  ]);
  const fixed = `${header} ${origin}`;
  const fields = Object.entries(event.fields).filter(([, value]) => value !== null);
  const data = fitting(`ringfort@${sender.enterprise}`, fields, MOST_OCTETS - octets(fixed));
  const head = Buffer.from(`${fixed}${data} `);
  // Section 6.4: the byte order mark says that what follows is UTF-8.
  const room = MOST_OCTETS - head.length - BOM.length;
  return room < 1 ? head.subarray(0, -1) : Buffer.concat([head, BOM, cutOctets(spoken(event), room)]);
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** Section 6.2.3: milliseconds in UTC; a time that no calendar has is the nil value. */
function timestamp(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) || date.getUTCFullYear() > 9_999 || date.getUTCFullYear() < 0
    ? NIL
    : date.toISOString();
}

/** A header field: printable US-ASCII without spaces (section 6), never empty. */
function printable(text: string, most: number): string {
  const kept = text.replace(/[^\x21-\x7e]/g, "").slice(0, most);
  return kept === "" ? NIL : kept;
}

type Parameter = readonly [name: string, value: string | number | boolean | null];

function element(id: string, parameters: readonly Parameter[]): string {
  return `[${id}${parameters.map(parameter).join("")}]`;
}

/** An element with as many parameters, in their order, as fit; nothing when not one does. */
function fitting(id: string, parameters: readonly Parameter[], room: number): string {
  const taken: string[] = [];
  let left = room - id.length - 2;
  for (const text of parameters.map(parameter)) {
    left -= octets(text);
    if (left < 0) break;
    taken.push(text);
  }
  return taken.length === 0 ? "" : `[${id}${taken.join("")}]`;
}

function parameter([name, value]: Parameter): string {
  return ` ${parameterName(name)}="${escapeValue(cutOctets(String(value), MOST_VALUE_OCTETS).toString("utf8"))}"`;
}

/** Section 6.3.3: a parameter's name is 1 to 32 printable characters, none of `=`, `]`, `"` or space. */
function parameterName(name: string): string {
  return printable(name.replace(/[=\]"]/g, ""), 32);
}

/** Section 6.3.3: only `"`, `\` and `]` are escaped. Control characters would end a line in many a receiver. */
function escapeValue(text: string): string {
  return text.replace(/\p{Cc}/gu, "\ufffd").replace(/["\\\]]/g, "\\$&");
}

/** For people who read the log as text: the name and the fields that a person wants first. */
function spoken({ name, fields }: EventRecord): string {
  const pairs = Object.entries(fields).filter(([, value]) => value !== null && value !== "");
  return [name, ...pairs.map(([key, value]) => `${key}=${String(value)}`)].join(" ").replace(/\p{Cc}/gu, "\ufffd");
}

function octets(text: string): number {
  return Buffer.byteLength(text);
}

/** The first octets of a text as UTF-8, cut between characters. */
function cutOctets(text: string, most: number): Buffer {
  const bytes = Buffer.from(text.toWellFormed());
  if (bytes.length <= most) return bytes;
  let end = most;
  // 10xxxxxx goes on with a character that began before.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
