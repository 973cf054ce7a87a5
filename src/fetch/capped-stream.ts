import { Failure } from "../core/kernel/errors.ts";
import type { Instant } from "../core/kernel/instant.ts";
import type { FetchJob } from "../wire/jobs.ts";
import { RateMeter } from "./rate-meter.ts";
import type { BodyHead, Outlet } from "./transport.ts";
import { timerFor } from "./within.ts";

/**
 * The one place where the caps of a job are held, whatever the transport: bytes, wall time, least rate. The limit
 * comes before trust: nothing that an upstream announces is believed here, only counted, and what goes over the cap
 * is never passed on.
 */
export class CappedStream {
  readonly #outlet: Outlet;
  readonly #caps: FetchJob["caps"];
  readonly #first: number | null;
  readonly #now: () => Instant;
  readonly #abort = new AbortController();
  readonly #wallTimer: NodeJS.Timeout;
  #rateTimer: NodeJS.Timeout | undefined;
  #meter: RateMeter | null = null;
  #position = 0;
  #waiting: Promise<void> | null = null;

  /** `first`: how many bytes are wanted at most, `null` for the whole file. `now`: a clock that never goes back. */
  constructor(outlet: Outlet, caps: FetchJob["caps"], first: number | null, now: () => Instant) {
    this.#outlet = outlet;
    this.#caps = caps;
    this.#first = first;
    this.#now = now;
    this.#wallTimer = setTimeout(() => {
      const detail = `not finished after ${caps.wallTime} ms`;
      this.#abort.abort(new Failure("upstream.timeout", detail, { retry: "later" }));
    }, timerFor(caps.wallTime));
  }

  /** Aborts, with a `Failure` as its reason, when the wall time is over or the upstream is too slow. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The body begins. Throws `upstream.over-cap` when what is announced could not fit. */
  begin(head: BodyHead): void {
    const announced = head.size === null ? 0 : Math.min(head.size, this.#first ?? head.size);
    if (announced > this.#caps.bytes) throw this.#overCap(`${announced} bytes announced`);
    this.#position = head.offset;
    this.#outlet.head(head);
    if (this.#caps.leastRate > 0) this.#watchRate();
  }

  /**
   * Passes bytes on; `false` when they must stay untouched until `ready` resolves. Throws `upstream.over-cap`; bytes up
   * to the cap have been passed on then. What comes after the wanted first bytes is dropped.
   */
  write(piece: Uint8Array): boolean {
    const wanted = this.#first === null ? piece : piece.subarray(0, Math.max(0, this.#first - this.#position));
    const within = wanted.subarray(0, Math.max(0, this.#caps.bytes - this.#position));
    this.#meter?.count(piece.length);
    this.#position += within.length;
    const taken = within.length === 0 || this.#outlet.data(within);
    if (within.length < wanted.length) throw this.#overCap("the body goes on");
    if (!taken) this.#waiting ??= this.#drained();
    return this.#waiting === null;
  }

  /** Whether all that is wanted has come: the transport may stop. Never so when the whole file is wanted. */
  get full(): boolean {
    return this.#first !== null && this.#position >= this.#first;
  }

  /** Resolves when every byte written so far has left. */
  async ready(): Promise<void> {
    await (this.#waiting ?? this.#outlet.drained());
  }

  /** Stops the timers. Comes once, whatever the end. */
  end(): void {
    clearTimeout(this.#wallTimer);
    clearInterval(this.#rateTimer);
  }

  async #drained(): Promise<void> {
    this.#meter?.pause(this.#now());
    await this.#outlet.drained();
    this.#waiting = null;
    this.#meter?.resume(this.#now());
  }

  #watchRate(): void {
    const { leastRate, leastRateWindow } = this.#caps;
    const meter = new RateMeter(leastRate, leastRateWindow, this.#now());
    this.#meter = meter;
    const look = (): void => {
      if (!meter.tooSlow(this.#now())) return;
      const detail = `less than ${leastRate} bytes a second over ${leastRateWindow} ms`;
      this.#abort.abort(new Failure("upstream.stalled", detail, { retry: "later" }));
    };
    this.#rateTimer = setInterval(look, timerFor(Math.max(leastRateWindow / 8, 10)));
  }

  #overCap(what: string): Failure {
    return new Failure("upstream.over-cap", `${what}, the cap is ${this.#caps.bytes} bytes`);
  }
}
