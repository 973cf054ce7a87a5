import type { Config } from "../core/config.ts";
import { Failure, type Refusal } from "../core/kernel/errors.ts";
import { SECOND } from "../core/kernel/instant.ts";
import type { Trees } from "../core/ports.ts";
import { type Exported, type ExportWish, exportChannel } from "../operations/export-channel.ts";
import type { ChannelDoors, Report } from "../operations/sync-run.ts";
import type { Turnstile } from "./turnstile.ts";

export interface KeptTreesOptions {
  readonly channels: Config["channels"];
  readonly doors: Pick<ChannelDoors, "ledger" | "clock" | "events" | "channels"> & { readonly trees: Trees };
  readonly turnstile: Turnstile;
  readonly onBug: (error: unknown) => void;
}

/**
 * The exported trees: those of the configuration follow their channels, others are written when somebody asks. One is
 * written at a time, and no collection runs beside it.
 */
export class KeptTrees {
  readonly #options: KeptTreesOptions;
  readonly #ending = new AbortController();
  /** Channels whose move is still to be followed: ten moves during one export are followed once. */
  readonly #waiting = new Set<string>();
  readonly #sweeps = new Map<string, NodeJS.Timeout>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: KeptTreesOptions) {
    this.#options = options;
  }

  /** The configured wish of a channel, or `null`. */
  configured(channel: string): ExportWish | null {
    const tree = this.#options.channels[channel]?.tree;
    return tree === undefined ? null : { channel, ...tree, anew: false };
  }

  /** Writes one now, after those before it. `gone`: nobody waits for it any more. */
  async export(wish: ExportWish, report: Report, gone: AbortSignal): Promise<Exported | Refusal> {
    const { doors, turnstile } = this.#options;
    const signal = AbortSignal.any([this.#ending.signal, gone]);
    const turn = this.#last.then(() => {
      if (signal.aborted) throw new Failure("daemon.stopping", "the export was ended", { retry: "later" });
      return turnstile.shared(() => exportChannel(doors, wish, report, signal));
    });
    this.#last = turn.catch(() => undefined);
    const exported = await turn;
    if (!("code" in exported) && exported.written) this.#planSweep(wish);
    return exported;
  }

  /** A channel has moved, or the daemon has started. Nobody waits: a move is done when clients are served. */
  follow(channel: string): void {
    const wish = this.configured(channel);
    if (wish === null || this.#waiting.has(channel) || this.#ending.signal.aborted) return;
    this.#waiting.add(channel);
    // What comes from here on is seen by this export, or asks for another.
    const begin = (): void => void this.#waiting.delete(channel);
    this.#last = this.#last.then(begin);
    void this.#follow(wish).catch(this.#options.onBug);
  }

  async #follow(wish: ExportWish): Promise<void> {
    try {
      const exported = await this.export(wish, () => undefined, this.#ending.signal);
      if ("code" in exported) this.#failed(wish, exported.code, exported.detail);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.code !== "daemon.stopping") this.#failed(wish, error.code, error.message);
    }
  }

  #failed({ channel, folder }: ExportWish, code: string, detail: string): void {
    this.#options.doors.events.emit("tree.failed", { channel, folder, code, detail });
  }

  /** The tree that was replaced goes when its grace is over, also when the channel does not move again. */
  #planSweep({ channel, grace }: ExportWish): void {
    if (this.configured(channel) === null || this.#ending.signal.aborted) return;
    clearTimeout(this.#sweeps.get(channel));
    const timer = setTimeout(() => this.follow(channel), Math.min(grace + SECOND, 2 ** 31 - 1));
    timer.unref();
    this.#sweeps.set(channel, timer);
  }

  /** Ends what is being written; resolves when nothing is. */
  async stop(): Promise<void> {
    this.#ending.abort();
    for (const timer of this.#sweeps.values()) clearTimeout(timer);
    await this.#last;
  }
}
