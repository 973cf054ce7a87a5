import type { Readable } from "node:stream";
import type { FrameHandler } from "../wire/frame.ts";
import type { Lane } from "../wire/lane.ts";
import type { Jail, Level } from "./jails.ts";
import type { RoleName } from "./roles.ts";

/** What a worker is started as. */
export interface WorkerRole {
  readonly name: RoleName;
  readonly jail: Jail;
  /** The file that the process runs. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly lanes: number;
  /** Bytes of one message that it may send: one that was taken over must not fill our memory. */
  readonly mostMessageBytes: number;
  /** Pipes handed over after the lanes, to write into: who reads each, of every process that is started. */
  readonly inherits: readonly ((from: Readable) => void)[];
}

/** A worker that was started, and the keeper's ends of what it was handed. */
export interface StartedProcess {
  readonly pid: number;
  readonly lanes: readonly Lane[];
  /** How far it is confined, as the kernel tells it of this process now. */
  level(): Level;
  /** Ends it, whatever it does. */
  kill(): void;
  /** Resolves when it is gone. */
  readonly gone: Promise<void>;
}

/** The seam under every worker: as a child of the keeper's, or by systemd with a user of its own. */
export interface ProcessStarter {
  /**
   * Starts a process with a handler for each lane; the lanes are its descriptors from 3 on, then the pipes, then `sockets`. Throws
   * `Failure`, or what the system threw; then nothing was started.
   */
  start(role: WorkerRole, handlers: readonly FrameHandler[], sockets: readonly number[]): Promise<StartedProcess>;
}
