import { Failure, quoteOutside } from "../core/kernel/errors.ts";

/** The first descriptor that a service manager hands over: sd_listen_fds(3). */
const FIRST = 3;
/** More sockets than this nobody hands over. */
const MOST = 4_096;

/**
 * Sockets that a service manager has opened for this process, by their names (`FileDescriptorName=` of a systemd socket
 * unit). A process that gets them needs no right to open any.
 */
export class HandedSockets {
  readonly #byName = new Map<string, number[]>();

  /**
   * Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, and takes them out of the environment, as sd_listen_fds(3) asks of
   * a process that has children. What was meant for another process is not ours.
   */
  constructor(env: Record<string, string | undefined>, pid: number) {
    const { LISTEN_PID: whose, LISTEN_FDS: count = "0", LISTEN_FDNAMES: names = "" } = env;
    for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete env[name];
    if (whose !== String(pid)) return;
    if (!/^\d{1,4}$/.test(count) || Number(count) > MOST)
      throw new Failure("listen.failed", "LISTEN_FDS is no number of sockets");
    const given = names.split(":");
    for (let index = 0; index < Number(count); index += 1) {
      const name = given[index] ?? "";
      this.#byName.set(name, [...(this.#byName.get(name) ?? []), FIRST + index]);
    }
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** The sockets of a name, which are then whoever's that asked. */
  take(name: string): readonly number[] {
    const fds = this.#byName.get(name) ?? [];
    this.#byName.delete(name);
    return fds;
  }

  /** Throws `listen.failed` for a socket of another name: it would listen, and nobody would ever answer on it. */
  expect(names: readonly string[]): void {
    const others = [...this.#byName.keys()].filter((name) => !names.includes(name));
    if (others.length === 0) return;
    const shown = others.map((name) => `"${quoteOutside(name)}"`).join(", ");
    throw new Failure("listen.failed", `no channel of the configuration has a socket of the name ${shown}`);
  }
}
