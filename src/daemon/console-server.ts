import { Failure, quoteOutside } from "../core/kernel/errors.ts";
import { SECOND } from "../core/kernel/instant.ts";
import type { Events } from "../core/ports.ts";
import { type ConsoleStart, consoleAnswer } from "../wire/jobs.ts";
import type { Lane } from "../wire/lane.ts";
import type { SocketDoor } from "./channel-sockets.ts";
import type { Jail } from "./jails.ts";
import type { WorkerProcess, WorkerState } from "./worker-process.ts";

const START_LIMIT = 20 * SECOND;
/** Under which name a service manager may hand over the console's listener. */
export const CONSOLE_SOCKET = "console";

/** The console's process, kept up at its address, also at one that the system chose. */
export class ConsoleServer {
  readonly #worker: WorkerProcess;
  readonly #start: ConsoleStart;
  readonly #events: Events;
  readonly #sockets: SocketDoor | null;
  /** The listener that was handed over for it, kept over its restarts. */
  #handed: number | null = null;
  #port: number;
  #url: string | null = null;
  #lane: Lane | null = null;
  #listening: PromiseWithResolvers<void> | null = null;
  #stopping = false;
  #restarting = false;

  constructor(worker: WorkerProcess, start: ConsoleStart, events: Events, sockets: SocketDoor | null = null) {
    this.#sockets = sockets;
    this.#worker = worker;
    this.#start = start;
    this.#events = events;
    this.#port = start.port;
  }

  get url(): string | null {
    return this.#url;
  }

  get jail(): Jail {
    return this.#worker.role.jail;
  }

  get state(): WorkerState {
    return this.#worker.state;
  }

  /** Rejects with `listen.failed` when its address can't be had, `worker.*`. */
  async start(): Promise<void> {
    const listening = Promise.withResolvers<void>();
    listening.promise.catch(() => {});
    this.#listening = listening;
    const late = new Failure("worker.silent", "the console did not start in time", { retry: "later" });
    const timer = setTimeout(() => listening.reject(late), START_LIMIT);
    try {
      const handed = this.#listener();
      const [lane] = await this.#worker.start(
        [{ message: (value) => this.#heard(value), data: () => this.#worker.kill() }],
        () => this.#lost(),
        handed === null ? [] : [handed],
      );
      this.#lane = lane ?? null;
      // Without a listener the end of a lane would go unnoticed; the process ends with it by itself.
      lane?.onClose(() => {});
      const fd = handed === null ? null : this.#worker.firstSocket;
      lane?.send({ ...this.#start, port: this.#port, fd } satisfies ConsoleStart);
      await listening.promise;
    } finally {
      clearTimeout(timer);
      this.#listening = null;
    }
  }

  /** Throws `listen.failed` for a socket that is not the one that the configuration names. */
  #listener(): number | null {
    if (this.#handed !== null || this.#sockets?.isHanded(CONSOLE_SOCKET) !== true) return this.#handed;
    const { host, port } = this.#start;
    const opened = this.#sockets.open({ name: CONSOLE_SOCKET, host, port, backlog: 0, interface: null });
    if (opened.length !== 1)
      throw new Failure(
        "listen.failed",
        `${opened.length} sockets are handed over as ${CONSOLE_SOCKET}; one is needed`,
      );
    this.#handed = opened[0]?.fd ?? null;
    return this.#handed;
  }

  #heard(value: unknown): void {
    const answer = consoleAnswer.safeParse(value);
    if (!answer.success || this.#listening === null) return this.#worker.kill();
    if (answer.data.kind === "failed") {
      const { code, detail, retry } = answer.data;
      this.#listening.reject(new Failure(code, quoteOutside(detail, 500), { retry }));
      return;
    }
    const { address, port } = answer.data;
    this.#port = port;
    const scheme = this.#start.tls === null ? "http" : "https";
    this.#url = `${scheme}://${address.includes(":") ? `[${address}]` : address}:${port}/`;
    this.#events.emit("console.listening", { url: this.#url });
    this.#listening.resolve();
  }

  #lost(): void {
    this.#lane = null;
    this.#url = null;
    this.#listening?.reject(new Failure("worker.died", "the console died as it started", { retry: "later" }));
    if (this.#stopping || this.#restarting || this.#listening !== null) return;
    this.#events.emit("worker.died", { role: this.state.role, restarts: this.state.restarts });
    void this.#again();
  }

  /** The worker's own pause lies between two tries. */
  async #again(): Promise<void> {
    this.#restarting = true;
    while (!this.#stopping && this.#url === null) {
      try {
        await this.start();
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        if (this.#stopping) break;
        this.#events.emit("console.down", { code: error.code, detail: error.message });
        await this.#worker.end();
      }
    }
    this.#restarting = false;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#lane?.close();
    await this.#worker.stop(2 * SECOND);
  }
}
