import { type ChildProcess, spawn } from "node:child_process";
import { Readable } from "node:stream";
import type { FrameHandler } from "../wire/frame.ts";
import { type LanePair, lanePair } from "../wire/lane-pair.ts";
import type { Confine, Level } from "./jails.ts";
import type { ProcessStarter, StartedProcess, WorkerRole } from "./process-starter.ts";
import { ROLES } from "./roles.ts";

/** Starts workers as children of the keeper, with its user. */
export class SpawnStarter implements ProcessStarter {
  readonly #confine: Confine;
  readonly #levelOf: (pid: number) => Level;

  constructor(confine: Confine, levelOf: (pid: number) => Level) {
    this.#confine = confine;
    this.#levelOf = levelOf;
  }

  async start(
    role: WorkerRole,
    handlers: readonly FrameHandler[],
    sockets: readonly number[],
  ): Promise<StartedProcess> {
    const pairs: LanePair[] = [];
    try {
      for (const handler of handlers) pairs.push(await lanePair(handler, role.mostMessageBytes));
      return this.#spawn(role, pairs, sockets);
    } catch (cause) {
      for (const { ours } of pairs) ours.close();
      throw cause;
    } finally {
      for (const { theirs } of pairs) theirs.destroy();
    }
  }

  #spawn(role: WorkerRole, pairs: readonly LanePair[], sockets: readonly number[]): StartedProcess {
    const plain = [process.execPath, ...ROLES[role.name].runtime, role.entry, ...role.args];
    const descriptors = 3 + pairs.length + role.inherits.length + sockets.length;
    const [program = "", ...args] = this.#confine(role.jail, plain, descriptors);
    const child = spawn(program, args, {
      // Nothing of our environment: a worker needs none of it, and must not read what is in it.
      env: {},
      cwd: "/",
      stdio: [
        "ignore",
        "ignore",
        "inherit",
        ...pairs.map(({ theirs }) => theirs),
        ...role.inherits.map(() => "pipe" as const),
        ...sockets,
      ],
    });
    // What could not be started is told apart only by having no id; its error comes too late for whoever waits here.
    child.once("error", () => {});
    const { pid } = child;
    if (pid === undefined) throw new Error(`${program} could not be started`);
    role.inherits.forEach((read, at) => {
      const from = child.stdio.at(3 + pairs.length + at);
      if (from instanceof Readable) read(from);
    });
    return {
      pid,
      lanes: pairs.map(({ ours }) => ours),
      level: () => this.#levelOf(pid),
      kill: () => void child.kill("SIGKILL"),
      gone: exitOf(child),
    };
  }
}

function exitOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once("exit", () => resolve()));
}
