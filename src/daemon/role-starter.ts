import { closeSync, readSync } from "node:fs";
import path from "node:path";
import { Failure, quoteOutside } from "../core/kernel/errors.ts";
import type { FrameHandler } from "../wire/frame.ts";
import { Lane } from "../wire/lane.ts";
import {
  ROLE_ANSWER_BYTES,
  ROLE_DESCRIPTORS,
  ROLE_PATIENCE,
  type RoleStart,
  roleAnswer,
} from "../wire/role-message.ts";
import { pipeFrom, Tether } from "../wire/tether.ts";
import type { Level } from "./jails.ts";
import type { ProcessStarter, StartedProcess, WorkerRole } from "./process-starter.ts";
import { ROLES } from "./roles.ts";

/** The calls that hand descriptors from process to process (`confine/descriptors.ts`). */
export interface DescriptorCalls {
  connect(path: string): number;
  pair(): readonly [number, number];
  close(fd: number): void;
  send(fd: number, payload: Uint8Array, fds: readonly number[]): void;
  receive(
    fd: number,
    most: { readonly bytes: number; readonly fds: number },
  ):
    | { readonly kind: "received"; readonly bytes: Uint8Array; readonly fds: readonly number[] }
    | { readonly kind: "refused"; readonly why: string }
    | null;
}

/** How often an answer is looked for: nothing of Node's reads descriptors without losing them. */
const LOOK_EVERY = 5;
const STATUS_BYTES = 8_192;

export interface RoleStarterParts {
  /** Where the roles' sockets are. */
  readonly folder: string;
  readonly calls: DescriptorCalls;
  /** What the kernel's `/proc/<pid>/status` says of a process: how far it is confined, whether it has another user than we. */
  readonly levelOf: (status: string) => Level;
  readonly isOthers: (status: string) => boolean;
  /** A process that turns out to be less confined does not run. */
  readonly least: Level;
}

/** Has systemd start workers, each with the user of its role: by a connection to the role's socket, which hands over all that it needs. */
export class RoleStarter implements ProcessStarter {
  readonly #parts: RoleStarterParts;
  readonly #calls: DescriptorCalls;

  constructor(parts: RoleStarterParts) {
    this.#parts = parts;
    this.#calls = parts.calls;
  }

  async start(
    role: WorkerRole,
    handlers: readonly FrameHandler[],
    sockets: readonly number[],
  ): Promise<StartedProcess> {
    const networks: readonly string[] = ROLES[role.name].networks;
    if (!networks.includes(role.jail.network))
      throw new Failure("config.invalid", `${role.jail.role}: with a user of its own it has no network to connect by`);
    const calls = this.#calls;
    const tether = calls.connect(path.join(this.#parts.folder, `${role.name}.sock`));
    const ours: number[] = [];
    const theirs: number[] = [];
    try {
      for (let more = handlers.length + role.inherits.length; more > 0; more -= 1) {
        const [near, far] = calls.pair();
        ours.push(near);
        theirs.push(far);
      }
      calls.send(tether, messageOf(role, theirs.length + sockets.length), [...theirs, ...sockets]);
      const status = await this.#answer(tether, role);
      this.#orTooWeak(status, role);
      return this.#started(role, handlers, ours, tether, status);
    } catch (cause) {
      for (const fd of [tether, ...ours]) calls.close(fd);
      throw cause;
    } finally {
      for (const fd of theirs) calls.close(fd);
    }
  }

  /** The starter's `/proc/self/status`, which goes on telling of it when it has become the worker. */
  async #answer(tether: number, { jail }: WorkerRole): Promise<number> {
    const until = performance.now() + ROLE_PATIENCE;
    for (;;) {
      const received = this.#calls.receive(tether, { bytes: ROLE_ANSWER_BYTES, fds: 1 });
      if (received?.kind === "received") return this.#statusIn(received, jail.role);
      if (received?.kind === "refused") throw died(jail.role, "ended before it was confined");
      if (performance.now() > until) throw died(jail.role, "did not say in time that it was ready");
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    }
  }

  #statusIn({ bytes, fds }: { readonly bytes: Uint8Array; readonly fds: readonly number[] }, role: string): number {
    const answer = roleAnswer.safeParse(jsonOf(bytes));
    const [status] = fds;
    if (answer.data?.kind === "role-ready" && status !== undefined) return status;
    for (const fd of fds) this.#calls.close(fd);
    const why = answer.data?.kind === "role-refused" ? quoteOutside(answer.data.why, 500) : "no answer of a starter";
    throw died(role, `refused: ${why}`);
  }

  /** Of the user alone: it says that it is ready before it gives its rights up, and ends where it cannot. */
  #orTooWeak(statusFd: number, { jail }: WorkerRole): void {
    const { least, isOthers } = this.#parts;
    if (least !== "users" || isOthers(statusOf(statusFd) ?? "")) return;
    this.#calls.close(statusFd);
    throw new Failure("confinement.too-weak", `the ${jail.role} process has the keeper's user`);
  }

  #started(
    role: WorkerRole,
    handlers: readonly FrameHandler[],
    ours: readonly number[],
    tetherFd: number,
    statusFd: number,
  ): StartedProcess {
    const pid = Number(/^Pid:\t(\d+)$/m.exec(statusOf(statusFd) ?? "")?.[1] ?? 0);
    const tether = new Tether(tetherFd);
    const lanes = handlers.map((handler, at) => Lane.adopt(ours[at] ?? -1, handler, role.mostMessageBytes));
    role.inherits.forEach((read, at) => read(pipeFrom(ours[handlers.length + at] ?? -1)));
    let over = false;
    const end = async (): Promise<void> => {
      await tether.gone;
      over = true;
      closeSync(statusFd);
    };
    return {
      pid,
      lanes,
      // Of a process that is just ending nothing is known.
      level: () => this.#parts.levelOf(over ? "" : (statusOf(statusFd) ?? "")),
      kill: () => tether.kill(),
      gone: end(),
    };
  }
}

function messageOf({ name, jail, args }: WorkerRole, descriptors: number): Uint8Array {
  if (descriptors > ROLE_DESCRIPTORS)
    throw new Failure(
      "config.invalid",
      `${jail.role}: ${descriptors} descriptors are more than the ${ROLE_DESCRIPTORS} that can be handed over: have fewer passive ports`,
    );
  const { reads, writes = [], network } = jail;
  return Buffer.from(
    JSON.stringify({ kind: "role-start", role: name, args, reads, writes, network, descriptors } satisfies RoleStart),
  );
}

function died(role: string, what: string): Failure {
  return new Failure("worker.died", `the ${role} process ${what}`, { retry: "later" });
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return null;
  }
}

/** `null` once the process is gone (ESRCH). */
function statusOf(fd: number): string | null {
  try {
    const bytes = Buffer.alloc(STATUS_BYTES);
    return bytes.toString("latin1", 0, readSync(fd, bytes, 0, bytes.length, 0));
  } catch {
    return null;
  }
}
