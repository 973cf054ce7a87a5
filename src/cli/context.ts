import path from "node:path";
import type { ImageProgress, ImageWish } from "../core/image/image-plan.ts";
import type { ImageManifest } from "../core/image/manifest.ts";
import type { FailureCode, Refusal } from "../core/kernel/errors.ts";
import type { Fact, HostFacts, RunningRoot } from "../core/machine/facts.ts";
import type { HostEntry } from "../core/model/host-file.ts";
import type { StopScope, Suspect } from "../core/model/suspect.ts";
import type { Machine } from "../core/setup/suggest.ts";
import type { UnitAdvice } from "../core/units/unit-advice.ts";
import type { MinisignKey } from "../formats/signatures/minisign.ts";
import { askDaemon, type RequestOf } from "../wire/client.ts";
import type { Results, Verb } from "../wire/requests.ts";
import type { LoadedConfig } from "./config-file.ts";
import type { Observer } from "./observe/doors.ts";
import { type ProgressLine, progressLine } from "./progress-line.ts";
import { type Paint, painter, type Terminal } from "./terminal.ts";

/** What the command line is surrounded by; `main/command-line.ts` makes the real one. */
export interface Surroundings {
  readonly terminal: Terminal;
  readonly cwd: string;
  /** The operating-system user, recorded as who asked. */
  readonly user: string;
  readonly version: string;
  /** Whether this is the command line alone, in one file, with no daemon beside it. */
  readonly isSingleFile: boolean;
  loadConfig(asked: string | null): Promise<LoadedConfig>;
  /** Waits so many milliseconds; `false` when the user wants to stop instead. */
  pause(milliseconds: number): Promise<boolean>;
  /** Asks a mirror of a host file for its channel, over the mirror's own transport, under a cap of bytes and of time. */
  probe(entry: HostEntry): Promise<Probed>;
  /** Looks at a machine for `audit`. */
  lookAtHost(wish: HostQuestion): Promise<SeenFacts>;
  /** Advice for a unit of systemd, tried where that is wished. Throws `unit.unreadable`, `host.no-manager`, `trial.interrupted`. */
  adviseUnit(wish: UnitWish): Promise<UnitAdvice | Refusal>;
  /** What the host has of a packet filter and of settings below /proc/sys, and what it would make of these rules. */
  readHostNetwork(rules: string, settings: readonly string[]): Promise<HostNetworkRead>;
  /** This machine's processes, for `observe`. */
  readonly observer: Observer;
  readonly ledgerFiles: LedgerFiles;
  readonly images: Images;
  /** Whether a person types the standard input. */
  readonly inIsTerminal: boolean;
  /** A line of the standard input that no terminal shows; `null` when there is none. */
  readSecret(prompt: string): Promise<string | null>;
  /** Whether the person at the terminal says yes; what is typed is shown. */
  confirm(question: string): Promise<boolean>;
  /** What the person at the terminal types; `null` when they end the input instead. */
  readAnswer(prompt: string): Promise<string | null>;
  readonly host: HostDoor;
}

/** The machine that `setup` makes a service of. */
export interface HostDoor {
  machine(): Promise<Machine>;
  /** Whether systemd is process 1 here. */
  systemdRuns(): boolean;
  /** `false` where the machine has no systemctl. Throws `service.refused`. */
  systemctl(args: readonly string[]): Promise<boolean>;
  /** Runs work that a Ctrl-C does not end in the middle. */
  undisturbed<T>(work: () => Promise<T>): Promise<T>;
  /** A command line that runs the daemon in the foreground. */
  readonly daemonCommand: string;
}

/** Golden images, made with the machine's own programs. */
interface Images {
  /** Throws `image.*` and `store.*`. */
  build(wish: Omit<ImageWish, "isRoot">, progress: (at: ImageProgress) => void): Promise<ImageManifest | Refusal>;
  /** Reads and judges all of an image's folder. */
  read(
    folder: string,
    keys: readonly MinisignKey[],
    progress: (at: ImageProgress) => void,
  ): Promise<ImageManifest | Refusal>;
  /** A signed manifest alone. */
  manifest(file: string, keys: readonly MinisignKey[]): Promise<ImageManifest | Refusal>;
  /** What this machine's root lies on. */
  runningRoot(): Promise<Fact<RunningRoot>>;
  /** Milliseconds since the kernel was started. */
  uptime(): number;
}

/** The ledger's file, where no daemon holds it. */
interface LedgerFiles {
  /** Copies a ledger that nobody has open. Throws `store.*`; `store.busy` where a daemon holds it. */
  copy(from: string, to: string): Promise<void>;
  /** Removes copies beside the ledger whose makers were killed; resolves to their names. Throws `store.io`. */
  sweep(data: string): Promise<readonly string[]>;
  /** Reads all of a copy. Throws `store.damaged`, and `store.schema` when a newer Ringfort wrote it. */
  check(file: string): Promise<{ readonly schema: number; readonly revisions: number; readonly auditEntries: number }>;
  /** Who took what the stopped channels show. Throws `store.*`; `store.busy` where a daemon holds it. */
  takers(file: string, scope: StopScope): Promise<readonly Suspect[]>;
}

/** What `audit` is about. */
export interface HostQuestion {
  /** "/" for this machine, else the folder of an image. */
  readonly root: string;
  readonly data: string;
  /** Interfaces that lead outside; `null`: those with a default route. */
  readonly outside: readonly string[] | null;
  /** The daemon's workers, as it tells; `null`: every process of ours that is found. */
  readonly workers: readonly number[] | null;
  /** Files of advisories; absolute. */
  readonly advisories: readonly string[];
}

/** What `audit --advise` is about. */
export interface UnitWish {
  /** A file, or the name of a unit of this machine. */
  readonly unit: string;
  readonly cwd: string;
  /** Paths that the daemon writes, for ReadWritePaths=. */
  readonly writable: readonly string[];
  readonly trial: UnitTrialWish | null;
}

export interface UnitTrialWish {
  /** How long a copy has to stay up, in milliseconds. */
  readonly settle: number;
  readonly check: string | null;
  readonly instead: boolean;
  /** Is told before each run. */
  readonly onRun: (directives: number) => void;
}

/** What a look at a machine tells; the configuration and the daemon say the rest. */
export type SeenFacts = Omit<HostFacts, "now" | "configured" | "expected" | "product">;

/** What came from a mirror that was asked for its channel; nothing in it is trusted. */
export type Probed =
  | { readonly kind: "answered"; readonly bytes: Uint8Array }
  | { readonly kind: "failed"; readonly code: FailureCode; readonly detail: string };

/** Rules as `nft -j` lists them; a setting that the kernel has not is `null`. */
interface HostNetworkRead {
  readonly loaded: unknown;
  readonly wanted: unknown;
  readonly settings: ReadonlyMap<string, string | null>;
}

/** The options that every command takes. */
export interface GlobalOptions {
  readonly config?: string;
  readonly socket?: string;
  readonly json?: boolean;
}

/** What a command has come to: one JSON document, the same as text, and the promised exit code. */
export interface Outcome {
  readonly json: unknown;
  readonly text: string;
  readonly exit: number;
}

/** What a running command may use. */
export interface CommandContext {
  readonly surroundings: Surroundings;
  readonly terminal: Terminal;
  readonly options: GlobalOptions;
  /** Colours for results. */
  readonly paint: Paint;
  readonly by: string;
  loadConfig(): Promise<LoadedConfig>;
  /** Asks the daemon; progress is shown on a terminal unless `silent`. Throws `Failure`. */
  ask<V extends Verb>(request: RequestOf<V>, options?: { readonly silent?: boolean }): Promise<Results[V] | Refusal>;
}

/** Something to run in a context; a refusal is a value like the rest. */
export type Work = (context: CommandContext) => Promise<Outcome | Refusal>;

/** Runs a command's work and shows what it came to; the commands are built around one. */
export type Perform = (work: Work) => Promise<void>;

export function commandContext(surroundings: Surroundings, options: GlobalOptions): CommandContext {
  const { terminal } = surroundings;
  const loadConfig = (): Promise<LoadedConfig> => surroundings.loadConfig(options.config ?? null);
  return {
    surroundings,
    terminal,
    options,
    paint: painter(terminal, "out"),
    by: surroundings.user,
    loadConfig,
    async ask(request, { silent = false } = {}) {
      const socket =
        options.socket === undefined
          ? path.join((await loadConfig()).config.data, "control.sock")
          : path.resolve(surroundings.cwd, options.socket);
      const line: ProgressLine = progressLine(terminal, silent);
      try {
        return await askDaemon(socket, request, (progress) => line.show(progress));
      } finally {
        line.clear();
      }
    },
  };
}

export function isRefusal(answer: object): answer is Refusal {
  return "kind" in answer && answer.kind === "refused";
}
