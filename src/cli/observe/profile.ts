import path from "node:path";
import { EXIT } from "../../core/kernel/errors.ts";
import type { Fact } from "../../core/machine/facts.ts";
import { asUser, type Need, type Profile, profileOf } from "../../core/observed/profile.ts";
import { leftOut, type UnitWish, unitOfProfile } from "../../core/observed/unit-of-profile.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { UsageError } from "../report.ts";
import { type Cell, facts, table } from "../table.ts";
import type { Paint } from "../terminal.ts";
import { readFilms, writeText } from "./film.ts";

export interface ProfileOptions {
  readonly profile?: readonly string[];
  readonly as?: string;
  readonly peers?: readonly string[];
  readonly dropIn?: boolean;
  readonly output?: string;
}

/** A profile of films, and the unit that is made of it. */
export interface Made {
  readonly profile: Profile;
  readonly wish: UnitWish;
  readonly unit: string;
}

export async function makeProfile(
  command: readonly string[] | null,
  options: ProfileOptions,
  context: CommandContext,
): Promise<Made> {
  const { as: user = null, peers = [], dropIn = false } = options;
  if (user !== null && !/^[a-z_][a-z0-9_-]{0,31}$/.test(user))
    throw new UsageError(`--as takes a user's name, or dynamic, not ${user}`);
  const strange = peers.find(
    (peer) => !/^(?:[0-9a-fA-F.:]+(?:\/\d{1,3})?|localhost|link-local|multicast|any)$/.test(peer),
  );
  if (strange !== undefined) throw new UsageError(`--peers takes networks such as 10.20.0.0/16, not ${strange}`);
  if (command?.some((word) => /[\u0000-\u001f\u007f]/.test(word)) === true)
    throw new UsageError("a unit's command line holds no control characters: put them into a script");
  const film = await readFilms(options.profile ?? [], context);
  const seen = profileOf(film);
  const asked = user === null ? seen : asUser(seen);
  const missing = leftOut(asked);
  const odd = missing === 0 ? [] : [`${missing} paths that no unit can hold are left out`];
  const profile = {
    ...asked,
    doubts: [...asked.doubts, ...odd, ...(await context.surroundings.observer.passedOver())],
  };
  const topFolders = await context.surroundings.observer.topFolders();
  const wish: UnitWish = { command, user, peers, dropIn, topFolders };
  const doubts = profile.doubts.map((doubt) => `Doubt: ${doubt}.`).join("\n");
  const heading = `Made by ringfort observe --profile from ${film.heads.length} ${film.heads.length === 1 ? "film" : "films"}. Each line says which act needs it.\n${doubts}`;
  return { profile, wish, unit: unitOfProfile(profile, wish, heading) };
}

export async function showProfile(
  command: readonly string[] | null,
  options: ProfileOptions,
  context: CommandContext,
): Promise<Outcome> {
  const made = await makeProfile(command, options, context);
  const exposure = await context.surroundings.observer.exposure(made.unit);
  const file = options.output === undefined ? null : path.resolve(context.surroundings.cwd, options.output);
  if (file !== null) await writeText(file, made.unit);
  return {
    json: profileJson(made, exposure, file),
    text: file === null ? made.unit : profileText(made.profile, exposure, context.paint),
    exit: EXIT.done,
  };
}

export function profileJson({ profile, unit }: Made, exposure: Fact<number>, file: string | null): object {
  const {
    reads,
    writes,
    executes,
    scratch,
    runtime,
    devices,
    binds,
    connects,
    anyPort,
    capabilities,
    families,
    doubts,
  } = profile;
  return {
    file,
    unit,
    exposure,
    mounts: { reads, writes, executes, scratch, runtime, devices },
    ports: { binds, connects, any: anyPort },
    families,
    capabilities,
    doubts,
  };
}

function rows(what: string, needs: readonly Need[]): readonly (readonly Cell[])[] {
  return needs.map(({ value, why }) => [what, value, why]);
}

/** The mount list and the port list, for people. */
export function profileText(profile: Profile, exposure: Fact<number>, paint: Paint): string {
  const all = [
    ...rows("write", profile.writes),
    ...rows("own folder in /run", profile.runtime),
    ...rows("private", profile.scratch),
    ...rows("read", profile.reads),
    ...rows("run", profile.executes),
    ...rows("device", profile.devices),
    ...rows("kernel", profile.kernel),
    ...rows("listen", profile.binds),
    ...rows("connect", profile.connects),
    ...rows("sockets", profile.families),
    ...rows("capability", profile.capabilities),
    ...rows("call", profile.calls),
    ...rows("name space", profile.namespaces),
  ];
  const score: Cell = "is" in exposure ? String(exposure.is) : { text: `UNKNOWN: ${exposure.unknown}`, tone: "bad" };
  return (
    table(["NEEDS", "WHAT", "WHY"], all, paint) +
    facts([["exposure", score], ...profile.doubts.map((doubt) => ["doubt", doubt] as const)], paint)
  );
}
