import path from "node:path";
import type { Config } from "../../core/config.ts";
import type { SourceSpec } from "../../core/model/source.ts";
import type { CommandContext } from "../context.ts";
import type { HostPlan } from "./write-host.ts";

/** Where it is all to go. */
export interface SetupPlace {
  /** The root of the host: "/", or an image's folder. */
  readonly root: string;
  /** The configuration's file. */
  readonly file: string;
  /** Whether the whole host is set up, and not one file alone. */
  readonly isSystem: boolean;
}

/** All that has been decided, and nothing of it written yet. */
export interface SetupPlan {
  readonly place: SetupPlace;
  readonly config: Config;
  readonly host: HostPlan;
  readonly source: SourceSpec | null;
  readonly notes: readonly string[];
}

/** The control socket of the daemon that this configuration is for. */
export function socketOf(config: Config, place: SetupPlace, { options, surroundings }: CommandContext): string {
  if (options.socket !== undefined) return path.resolve(surroundings.cwd, options.socket);
  return path.join(path.resolve(path.dirname(place.file), config.data), "control.sock");
}
