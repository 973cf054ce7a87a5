import { open } from "node:fs/promises";
import path from "node:path";
import { EXIT, Failure } from "../../core/kernel/errors.ts";
import { compareLooks } from "../../core/observed/compare-looks.ts";
import type { ProcessWish } from "../../core/observed/look.ts";
import { type Look, look } from "../../core/observed/look.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { statusOrNull } from "../product-facts.ts";
import { UsageError } from "../report.ts";
import { systemCode } from "../system-code.ts";
import { differencesText, lookText, portsText } from "./look-text.ts";

/** Bytes of a saved look. */
const MOST_LOOK = 256 * 1024 * 1024;

export const OBSERVED_ROLES = ["keeper", "fetch", "inspect", "serve", "console", "sign", "notify", "login"] as const;

/** How the operator names processes. */
export interface Named {
  readonly pid?: readonly string[];
  readonly unit?: readonly string[];
  readonly program?: readonly string[];
}

/** The processes that are meant: what is named; of nothing that is named, all of ours. */
export async function wishOf(roles: readonly string[], named: Named, context: CommandContext): Promise<ProcessWish> {
  const strange = roles.find((role) => !OBSERVED_ROLES.some((known) => known === role));
  if (strange !== undefined) throw new UsageError(`${strange} is no role: ${OBSERVED_ROLES.join(", ")}`);
  const pids = (named.pid ?? []).map((text) => {
    if (!/^[1-9]\d{0,9}$/.test(text)) throw new UsageError(`--pid takes a process's number, not ${text}`);
    return Number(text);
  });
  const units = named.unit ?? [];
  const programs = named.program ?? [];
  const others = pids.length + units.length + programs.length > 0;
  const ours = roles.length > 0 || !others ? roles : null;
  const status = ours === null ? null : await statusOrNull(context);
  const running = (status?.processes ?? []).flatMap(({ pid, ...rest }) => (pid === null ? [] : [{ pid, ...rest }]));
  const landlock = new Map(
    running
      .filter(({ level }) => level === "kernel")
      .map(({ pid, permissions }) => [pid, `by our launcher, as the daemon says: ${permissions}`]),
  );
  return {
    pids,
    roles: ours,
    workers: status === null ? null : running.map(({ pid }) => pid),
    units,
    programs,
    landlock,
  };
}

export async function showLook(roles: readonly string[], named: Named, context: CommandContext): Promise<Outcome> {
  const seen = await context.surroundings.observer.look(await wishOf(roles, named, context));
  if (seen.processes.length === 0)
    throw new Failure(
      "process.unknown",
      [...roles, ...Object.values(named).flat()].join(", ") || "no process of Ringfort runs",
    );
  return { json: seen, text: lookText(seen, context.paint), exit: EXIT.done };
}

export async function showPorts({ surroundings, paint }: CommandContext): Promise<Outcome> {
  const ports = await surroundings.observer.ports();
  return { json: { ports }, text: portsText(ports, paint), exit: EXIT.done };
}

/** Compares two looks that were saved; the exit code is 3 where anything differs or is not known. */
export async function showDifferences(files: readonly string[], context: CommandContext): Promise<Outcome> {
  const [before, after, ...more] = files.map((file) => path.resolve(context.surroundings.cwd, file));
  if (before === undefined || after === undefined || more.length > 0)
    throw new UsageError("--diff takes two files that ringfort observe --json has written: before, after");
  const differences = compareLooks(await readLook(before), await readLook(after));
  return {
    json: { differences },
    text: differencesText(differences, context.paint),
    exit: differences.length === 0 ? EXIT.done : EXIT.refused,
  };
}

async function readLook(file: string): Promise<Look> {
  let json: unknown;
  try {
    await using handle = await open(file);
    if ((await handle.stat()).size > MOST_LOOK) throw new Failure("film.unreadable", `${file} is too large`);
    json = JSON.parse(await handle.readFile("utf8"));
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    if (cause instanceof SyntaxError) throw new Failure("film.unreadable", `${file} is no JSON`, { cause });
    throw new Failure("film.unreadable", `${file}: ${systemCode(cause)}`, { cause });
  }
  const parsed = look.safeParse(json);
  if (!parsed.success) throw new Failure("film.unreadable", `${file} is no look of ringfort observe --json`);
  return parsed.data;
}
