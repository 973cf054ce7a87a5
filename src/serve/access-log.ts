import { write, writeSync } from "node:fs";
import type { Instant } from "../core/kernel/instant.ts";
import { type AccessLogField, accessLogHeader } from "../core/model/access-log.ts";

/** Characters of one field. */
const MOST_FIELD = 2_048;
/** Characters that wait to be written; past it lines are lost, and counted. */
const MOST_WAITING = 4 * 1024 * 1024;
const FLUSH_EVERY = 200;

/** One request as the log has it: `null` where there is nothing. `time-taken` is in milliseconds. */
export type AccessRecord = Readonly<
  Partial<Record<Exclude<AccessLogField, "date" | "time" | "s-sitename">, string | number | null>>
>;

/** What is written as it is: most of what clients send. */
const PLAIN = /^[!$-,.-~][!#-~]*$/;

/**
 * A W3C Extended Log Format field: blanks become `+`, and whatever could end the field, the line or the file's meaning
 * is percent-escaped. Header fields come as one character for each byte.
 */
export function logField(value: string | number | null): string {
  if (value === null || value === "") return "-";
  if (typeof value === "number") return String(value);
  if (value.length <= MOST_FIELD && PLAIN.test(value)) return value;
  const cut = value.slice(0, MOST_FIELD).replaceAll(" ", "+");
  return cut.replace(/[^!-~]|^[-#]|"/g, (character) => escapeBytes(character));
}

function escapeBytes(character: string): string {
  const bytes = character.charCodeAt(0) < 0x100 ? Buffer.from(character, "latin1") : Buffer.from(character);
  return bytes.reduce((text, byte) => `${text}%${byte.toString(16).toUpperCase().padStart(2, "0")}`, "");
}

/** The access log of one channel: lines for an inherited descriptor that was opened for appending. */
export class AccessLog {
  readonly #fd: number;
  readonly #channel: string;
  readonly #fields: readonly AccessLogField[];
  readonly #timer: NodeJS.Timeout;
  #waiting = "";
  #lost = 0;
  #writing = false;

  constructor(options: {
    readonly fd: number;
    readonly channel: string;
    readonly fields: readonly AccessLogField[];
    readonly now: Instant;
  }) {
    this.#fd = options.fd;
    this.#channel = options.channel;
    this.#fields = options.fields;
    this.#waiting = accessLogHeader(options.fields, options.now);
    this.#timer = setInterval(() => this.#flush(), FLUSH_EVERY);
    this.#timer.unref();
  }

  record(at: Instant, record: AccessRecord): void {
    if (this.#waiting.length > MOST_WAITING) {
      this.#lost += 1;
      return;
    }
    const values = this.#fields.map((field) => {
      if (field === "date") return dateOf(at);
      if (field === "time") return timeOf(at);
      return logField(field === "s-sitename" ? this.#channel : (record[field] ?? null));
    });
    this.#waiting += `${values.join(" ")}\n`;
  }

  #take(): Buffer {
    const lost = this.#lost === 0 ? "" : `#Remark: ${this.#lost} lines lost\n`;
    const bytes = Buffer.from(this.#waiting + lost, "latin1");
    this.#waiting = "";
    this.#lost = 0;
    return bytes;
  }

  /** One write at a time: the order of lines is the order of requests. */
  #flush(): void {
    if (this.#writing || this.#waiting === "") return;
    this.#writing = true;
    this.#write(this.#take());
  }

  #write(bytes: Buffer): void {
    write(this.#fd, bytes, 0, bytes.length, null, (error, written) => {
      if (error === null && written < bytes.length) {
        this.#write(bytes.subarray(written));
        return;
      }
      // A full disk must not stop the serving: security updates matter more than the record of who took them.
      if (error !== null) this.#lost += bytes.toString("latin1").split("\n").length - 1;
      this.#writing = false;
    });
  }

  /** Writes what waits and stops; for the end of the process. */
  close(): void {
    clearInterval(this.#timer);
    const bytes = this.#take();
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
    } catch (cause) {
      if (!(cause instanceof Error && "syscall" in cause)) throw cause;
    }
  }
}

let shown = { second: Number.NaN, date: "", time: "" };

/** Of the second: it is that of the last one nearly always. */
function shownAt(at: Instant): { readonly date: string; readonly time: string } {
  const second = Math.floor(at / 1_000);
  if (second === shown.second) return shown;
  const text = new Date(second * 1_000).toISOString();
  shown = { second, date: text.slice(0, 10), time: text.slice(11, 19) };
  return shown;
}

function dateOf(at: Instant): string {
  return shownAt(at).date;
}

function timeOf(at: Instant): string {
  return shownAt(at).time;
}
