import type { Config } from "../core/config.ts";
import { type PairPlace, pairPlace } from "../core/config-tls.ts";
import { Failure, type FailureCode, type RefusalCode } from "../core/kernel/errors.ts";
import { DAY, type Duration, formatInstant, type Instant, SECOND } from "../core/kernel/instant.ts";
import type { Clock, Events } from "../core/ports.ts";
import { type CertificateFacts, endOf, judgeCertificate } from "../core/publish/judge-certificate.ts";
import type { TlsIdentity } from "../wire/jobs.ts";

/** By what of a channel a certificate is shown. */
type ShownBy = "https" | "ftp";

/** Where all lies that a TLS server shows. */
export interface IdentityPlace {
  readonly pair: PairPlace;
  /** The file of the authorities whose certificates clients show. */
  readonly authorities: string | null;
}

/** What lies there. */
export interface ReadIdentity {
  readonly identity: TlsIdentity;
  readonly facts: CertificateFacts;
  /** Differs whenever a byte of the files does. */
  readonly mark: string;
}

export interface CertificateParts {
  readonly clock: Clock;
  readonly events: Events;
  /** Reads the files. Throws `Failure` `config.*`. */
  readonly readIdentity: (place: IdentityPlace) => Promise<ReadIdentity>;
}

/** How often the files are read: they are few and small, and watching them would miss links that are exchanged. */
const LOOK_EVERY: Duration = 30 * SECOND;

interface Trouble {
  readonly code: RefusalCode | FailureCode;
  readonly detail: string;
  readonly mark: string;
}

interface Watched {
  readonly channel: string;
  readonly by: ShownBy;
  readonly place: IdentityPlace;
  shown: ReadIdentity;
  trouble: Trouble | null;
  /** Trouble that was seen once: whoever renews may be between the two files. */
  doubted: string | null;
  warnedAt: Instant | null;
}

/** How one channel's certificate stands, for `status`. */
export interface CertificateState {
  readonly by: ShownBy;
  readonly fingerprint: string;
  readonly notAfter: Instant;
  readonly names: readonly string[];
  /** Why what lies in the files now is not shown; `null` when it is. */
  readonly refused: RefusalCode | FailureCode | null;
}

/**
 * The certificates of all channels. The keeper reads their files, for the servers can read none, and again every half
 * minute and on SIGHUP; a new pair is handed over when it is good, and while it is not the one before goes on being
 * shown.
 */
export class Certificates {
  readonly #parts: CertificateParts;
  readonly #watched: readonly Watched[];
  #hand: (channel: string, by: ShownBy, identity: TlsIdentity) => void = () => {};
  #timer: NodeJS.Timeout | null = null;
  #looking: Promise<void> | null = null;

  private constructor(parts: CertificateParts, watched: readonly Watched[]) {
    this.#parts = parts;
    this.#watched = watched;
  }

  /**
   * Reads what the configuration names. Throws `Failure` `config.*` where that cannot be shown at all. One that has
   * ended is shown: nothing else is there, and it says best itself why clients turn away.
   */
  static async open(config: Config, parts: CertificateParts): Promise<Certificates> {
    const watched: Watched[] = [];
    for (const { channel, by, place } of placesOf(config)) {
      const shown = await parts.readIdentity(place);
      const { fault } = shown.facts;
      if (fault !== null) throw new Failure("config.invalid", `channels.${channel}.${by}: ${fault.detail}`);
      watched.push({ channel, by, place, shown, trouble: null, doubted: null, warnedAt: null });
    }
    return new Certificates(parts, watched);
  }

  /** What a channel's server shows from its start. */
  shown(channel: string, by: ShownBy): TlsIdentity | null {
    return this.#watched.find((one) => one.channel === channel && one.by === by)?.shown.identity ?? null;
  }

  states(channel: string): readonly CertificateState[] {
    return this.#watched
      .filter((one) => one.channel === channel)
      .map(({ by, shown: { facts }, trouble }) => ({
        by,
        fingerprint: facts.fingerprint,
        notAfter: facts.notAfter,
        names: facts.names,
        refused: trouble?.code ?? null,
      }));
  }

  /** Begins to look again and again. `hand` gives a channel's server what it shows from now on. */
  start(hand: (channel: string, by: ShownBy, identity: TlsIdentity) => void): void {
    this.#hand = hand;
    for (const one of this.#watched) this.#warn(one);
    if (this.#watched.length > 0) this.#timer = setInterval(() => void this.#look(false), LOOK_EVERY).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Somebody says that the files are renewed, and complete. */
  async reload(): Promise<void> {
    await this.#looking;
    await this.#look(true);
  }

  #look(complete: boolean): Promise<void> {
    this.#looking ??= this.#lookAtAll(complete).finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #lookAtAll(complete: boolean): Promise<void> {
    for (const one of this.#watched) {
      const found = await this.#judged(one.place);
      if ("code" in found) this.#refused(one, found, complete);
      else this.#good(one, found);
      this.#warn(one);
    }
  }

  async #judged(place: IdentityPlace): Promise<ReadIdentity | Trouble> {
    try {
      const read = await this.#parts.readIdentity(place);
      const refusal = judgeCertificate(read.facts, this.#parts.clock.now());
      return refusal === null ? read : { code: refusal.code, detail: refusal.detail, mark: read.mark };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      return { code: error.code, detail: error.message, mark: `${error.code} ${error.message}` };
    }
  }

  #good(one: Watched, read: ReadIdentity): void {
    one.trouble = null;
    one.doubted = null;
    if (read.mark === one.shown.mark) return;
    one.shown = read;
    one.warnedAt = null;
    this.#hand(one.channel, one.by, read.identity);
    this.#parts.events.emit("certificate.loaded", {
      channel: one.channel,
      by: one.by,
      fingerprint: read.facts.fingerprint,
      notAfter: formatInstant(read.facts.notAfter),
    });
  }

  /** Said once for each state of the files. What is shown already, and has ended since, is the warning's to tell. */
  #refused(one: Watched, trouble: Trouble, complete: boolean): void {
    if (trouble.mark === one.shown.mark) {
      one.trouble = null;
      return;
    }
    const settled = complete || one.doubted === trouble.mark;
    one.doubted = trouble.mark;
    if (!settled) return;
    const said = one.trouble?.mark === trouble.mark && one.trouble.code === trouble.code;
    one.trouble = trouble;
    if (said) return;
    this.#parts.events.emit("certificate.refused", {
      channel: one.channel,
      by: one.by,
      code: trouble.code,
      detail: trouble.detail,
    });
  }

  /** Once a day, from when it should have been renewed. */
  #warn(one: Watched): void {
    const now = this.#parts.clock.now();
    const end = endOf(one.shown.facts, now);
    if (end === "far" || (one.warnedAt !== null && now - one.warnedAt < DAY)) return;
    one.warnedAt = now;
    this.#parts.events.emit("certificate.ending", {
      channel: one.channel,
      by: one.by,
      notAfter: formatInstant(one.shown.facts.notAfter),
      expired: end === "expired",
    });
  }
}

function placesOf({
  channels,
}: Config): readonly { readonly channel: string; readonly by: ShownBy; readonly place: IdentityPlace }[] {
  return Object.entries(channels).flatMap(([channel, { https, ftp }]) =>
    [["https", https, https?.clients?.authorities ?? null] as const, ["ftp", ftp?.tls, null] as const].flatMap(
      ([by, tls, authorities]) => {
        const pair = tls === undefined ? null : pairPlace(tls);
        return pair === null ? [] : [{ channel, by, place: { pair, authorities } }];
      },
    ),
  );
}
