import { createHmac } from "node:crypto";
import { Failure, type FailureCode, quoteOutside } from "../core/kernel/errors.ts";
import { MINUTE, SECOND } from "../core/kernel/instant.ts";
import { nextStep } from "../core/notices/next-step.ts";
import { dueAt, nextTry, wantsEvent } from "../core/notices/plan-notice.ts";
import type { MailRoute, Subscriber, WebhookRoute } from "../core/notices/subscriber.ts";
import { MOST_TOLD, mailOf, type Told, webhookBody } from "../core/notices/write-notice.ts";
import type { Clock, EventRecord, Events, Ledger, Notice, NoticeDraft } from "../core/ports.ts";
import { type NotifyRequest, notifyAnswer } from "../wire/jobs.ts";
import { askWorker } from "./ask-worker.ts";
import type { JobLanes } from "./job-lanes.ts";

const LOOK_EVERY = SECOND;
/** Notices that may wait for one subscriber; past it the oldest go. */
const MOST_WAITING = 1_000;
/** The longest that a delivery may take before the process is taken for hung. */
const LIMIT = MINUTE;

export interface NotifierParts {
  readonly subscribers: Readonly<Record<string, Subscriber>>;
  /** What this mirror calls itself in a notice. */
  readonly mirror: string;
  readonly lanes: JobLanes;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly events: Events;
  readonly severityOf: (event: EventRecord) => number;
  readonly adviceFor: (code: string) => string;
  readonly readSecret: (file: string) => Promise<string>;
  readonly onBug: (error: unknown) => void;
}

interface Tale {
  lastSentAt: number | null;
  trouble: { readonly code: FailureCode; readonly detail: string } | null;
}

/** Tells subscribers of events: each is kept in the ledger until it has been told, or has been tried for a day. */
export class Notifier {
  readonly #parts: NotifierParts;
  readonly #tales = new Map<string, Tale>();
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();
  #looking: Promise<void> | null = null;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
    for (const name of Object.keys(parts.subscribers)) this.#tales.set(name, { lastSentAt: null, trouble: null });
  }

  /** Takes every event of the house; those that somebody wants are kept in the ledger. Never throws. */
  take(event: EventRecord): void {
    const { subscribers, clock, severityOf, onBug } = this.#parts;
    const severity = severityOf(event);
    const drafts = Object.entries(subscribers)
      .filter(([, subscriber]) => wantsEvent(subscriber, event.name, severity))
      .map(([name, subscriber]) => ({ subscriber: name, event, dueAt: dueAt(subscriber, severity, clock.now()) }));
    if (drafts.length === 0) return;
    this.#turn = this.#turn.then(() => this.#keep(drafts)).catch(onBug);
  }

  async #keep(drafts: readonly NoticeDraft[]): Promise<void> {
    try {
      await this.#parts.ledger.putNotices(drafts);
      for (const { subscriber } of drafts) await this.#trim(subscriber);
    } catch (cause) {
      this.#failed(cause);
    }
  }

  start(): void {
    if (this.#tales.size > 0) this.#timer = setInterval(() => this.#lookAgain(), LOOK_EVERY).unref();
  }

  /**
   * What has been taken is in the ledger; what has not been told is told after the next start. Comes after the stop of
   * the lanes, which ends a delivery under way.
   */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#turn;
    await this.#looking;
  }

  /** One look at a time: a receiver that is slow holds up no clock. */
  #lookAgain(): void {
    this.#looking ??= this.#look()
      .catch(this.#parts.onBug)
      .finally(() => {
        this.#looking = null;
      });
  }

  async state(): Promise<readonly ({ readonly subscriber: string; readonly waiting: number } & Readonly<Tale>)[]> {
    const waiting = await this.#parts.ledger.waitingNotices();
    return [...this.#tales].map(([subscriber, tale]) => ({
      subscriber,
      waiting: waiting.get(subscriber) ?? 0,
      ...tale,
    }));
  }

  /** Sends one notice now, whatever the hour, and says how it went. Throws `Failure` `notice.*`, `config.*`. */
  async test(name: string, by: string): Promise<void> {
    const subscriber = this.#parts.subscribers[name];
    const names = Object.keys(this.#parts.subscribers).join(", ");
    if (subscriber === undefined)
      throw new Failure("config.invalid", `no subscriber "${name}" under notify; there is ${names || "none"}`);
    const event = { at: this.#parts.clock.now(), name: "notice.test", fields: { by } };
    await this.#deliver(name, subscriber, [{ id: 0, subscriber: name, event, dueAt: event.at, tries: 0 }]);
  }

  async #look(): Promise<void> {
    try {
      for (const [name, subscriber] of Object.entries(this.#parts.subscribers)) await this.#tell(name, subscriber);
    } catch (cause) {
      this.#failed(cause);
    }
  }

  /** In order: what comes behind a notice that fails waits for it. */
  async #tell(name: string, subscriber: Subscriber): Promise<void> {
    const { ledger, clock, events } = this.#parts;
    const most = subscriber.mail === undefined ? 1 : MOST_TOLD;
    const due = await ledger.dueNotices(name, clock.now(), most);
    const [first] = due;
    if (first === undefined) return;
    const ids = due.map(({ id }) => id);
    try {
      await this.#deliver(name, subscriber, due);
      await ledger.endNotices(ids, { kind: "done" });
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause;
      const detail = quoteOutside(cause.message, 500);
      const later = nextTry(first.tries + 1, first.event.at, clock.now());
      await ledger.endNotices(ids, later === null ? { kind: "done" } : { kind: "later", dueAt: later });
      // Once when it begins, once when it is given up: a receiver that is away for a day is no event a minute.
      if (first.tries === 0 || later === null)
        events.emit(later === null ? "notice.dropped" : "notice.failed", {
          subscriber: name,
          notices: ids.length,
          code: cause.code,
          detail,
        });
    }
  }

  async #deliver(name: string, subscriber: Subscriber, notices: readonly Notice[]): Promise<void> {
    const { mirror, adviceFor, clock } = this.#parts;
    const told = notices.map(({ event }) => ({ event, next: nextStep(event, adviceFor) }));
    const tale = this.#tales.get(name);
    try {
      const key = `${notices[0]?.id ?? 0}.${notices[0]?.event.at ?? 0}`;
      if (subscriber.mail !== undefined) await this.#send(await this.#mail(subscriber.mail, told, key));
      else if (subscriber.webhook !== undefined)
        for (const one of told)
          await this.#send(await this.#webhook(subscriber.webhook, webhookBody(mirror, one), key));
      if (tale !== undefined) [tale.lastSentAt, tale.trouble] = [clock.now(), null];
    } catch (cause) {
      if (cause instanceof Failure && tale !== undefined)
        tale.trouble = { code: cause.code, detail: quoteOutside(cause.message, 500) };
      throw cause;
    }
  }

  async #mail(route: MailRoute, told: readonly Told[], key: string): Promise<NotifyRequest> {
    const { protocol, hostname, port } = new URL(route.server);
    const tls = protocol === "smtps:";
    const login =
      route.user === undefined
        ? null
        : {
            user: route.user,
            password: route.passwordFile === undefined ? "" : await this.#parts.readSecret(route.passwordFile),
          };
    return {
      kind: "mail",
      server: {
        host: hostname.replace(/^\[|\]$/g, ""),
        port: port === "" ? (tls ? 465 : login === null ? 25 : 587) : Number(port),
        tls,
      },
      // A login never crosses the line in clear.
      startTls: !tls && (route.startTls === "required" || login !== null),
      login,
      from: route.from,
      to: [...route.to],
      ...mailOf(this.#parts.mirror, told),
      messageId: `<${key}.ringfort@${route.from.slice(route.from.indexOf("@") + 1)}>`,
    };
  }

  /** Signed as Standard Webhooks 1.0 has it: HMAC-SHA256 over id, time and body. */
  async #webhook(route: WebhookRoute, body: string, key: string): Promise<NotifyRequest> {
    const written = (await this.#parts.readSecret(route.secretFile)).trim().replace(/^whsec_/, "");
    const secret = Buffer.from(written, "base64");
    if (secret.length < 24 || secret.length > 64)
      throw new Failure("config.invalid", `${route.secretFile} holds no secret of 24 to 64 bytes in base64`);
    const id = `msg_${key}`;
    const timestamp = String(Math.floor(this.#parts.clock.now() / SECOND));
    const signature = createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64");
    return {
      kind: "webhook",
      url: route.url,
      headers: {
        "Content-Type": "application/json",
        "User-Agent": "Ringfort",
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${signature}`,
      },
      body,
    };
  }

  async #send(request: NotifyRequest): Promise<void> {
    await askWorker(this.#parts.lanes, request, notifyAnswer, LIMIT);
  }

  async #trim(subscriber: string): Promise<void> {
    const gone = await this.#parts.ledger.trimNotices(subscriber, MOST_WAITING);
    if (gone > 0)
      this.#parts.events.emit("notice.dropped", {
        subscriber,
        notices: gone,
        code: "notice.undelivered",
        detail: `more than ${MOST_WAITING} wait`,
      });
  }

  /** The world's failures are said; a bug goes up. */
  #failed(cause: unknown): void {
    if (!(cause instanceof Failure)) throw cause;
    const { code, message } = cause;
    this.#parts.events.emit("notice.failed", { subscriber: null, notices: 0, code, detail: message });
  }
}
