import path from "node:path";
import { type Config, config as configSchema } from "../../core/config.ts";
import { EXIT, type Refusal, refuse } from "../../core/kernel/errors.ts";
import type { SourceSpec } from "../../core/model/source.ts";
import type { SourceRoute } from "../../core/network/network-plan.ts";
import { SOCKET_UNIT } from "../../core/network/socket-units.ts";
import { hostFiles } from "../../core/setup/host-files.ts";
import { faultsOf, type SettingName } from "../../core/setup/settings.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { UsageError } from "../report.ts";
import type { SourceFlags } from "../source-flags.ts";
import { answered, type GivenAnswers, withFtp } from "./answers.ts";
import { ConfigDocument } from "./config-document.ts";
import { finish } from "./finish-setup.ts";
import { askedSource, givenSource } from "./first-source.ts";
import { knownRoutes } from "./known-routes.ts";
import { textThere } from "./place-files.ts";
import { shownPlan } from "./report-setup.ts";
import type { SetupPlace, SetupPlan } from "./setup-plan.ts";
import { type HostPlan, installed, planHost } from "./write-host.ts";

/** As commander hands them over. */
export interface SetupOptions extends SourceFlags, Partial<Record<SettingName, string | readonly string[]>> {
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly change?: boolean;
  readonly ftp?: boolean;
  readonly root?: string;
  readonly start: boolean;
  readonly source?: string;
  readonly sourceFile?: string;
}

const SYSTEM_FILE = "/etc/ringfort/ringfort.yaml";

export async function runSetup(options: SetupOptions, context: CommandContext): Promise<Outcome | Refusal> {
  const { surroundings } = context;
  const place = placeOf(options, context);
  const isAsked = options.yes !== true && surroundings.inIsTerminal && context.terminal.errIsTerminal;
  if (!isAsked && options.yes !== true && options.dryRun !== true)
    throw new UsageError(
      "this is no terminal, and nothing is read from a pipe: say the answers as flags, and --yes; ringfort setup --help names them",
    );
  const there = await textThere(place.file);
  // A file that is not valid is named with its faults, and never written over.
  if (there !== null) await surroundings.loadConfig(place.file);
  if (there !== null && !isAsked && options.change !== true && options.dryRun !== true)
    return refuse("setup.already-there", place.file);
  const plan = await planned(options, place, there, isAsked, context);
  if (plan === null) return left();
  if (options.dryRun === true) return shownPlan(plan, context);
  if (isAsked) {
    context.terminal.err(shownPlan(plan, context).text);
    if (!(await surroundings.confirm("write this? [y/N] "))) return left();
  }
  return finish(plan, options.start, context);
}

function left(): Outcome {
  return { json: { written: false }, text: "nothing was written\n", exit: EXIT.failure };
}

function placeOf({ root }: SetupOptions, { options, surroundings }: CommandContext): SetupPlace {
  const at = (name: string): string => path.resolve(surroundings.cwd, name);
  if (root !== undefined && options.config !== undefined)
    throw new UsageError("--root sets up a whole system, whose configuration has its place: --config goes without it");
  if (root !== undefined) return { root: at(root), file: path.join(at(root), SYSTEM_FILE), isSystem: true };
  const file = options.config === undefined ? SYSTEM_FILE : at(options.config);
  return { root: "/", file, isSystem: file === SYSTEM_FILE };
}

async function planned(
  options: SetupOptions,
  place: SetupPlace,
  there: string | null,
  isAsked: boolean,
  context: CommandContext,
): Promise<SetupPlan | null> {
  const { surroundings, terminal } = context;
  const ask = isAsked ? (question: string) => surroundings.readAnswer(question) : null;
  const tell = (text: string): void => terminal.err(text);
  const source = await givenSource({ ...pickSource(options), flags: sourceFlags(options) }, surroundings.cwd);
  const machine = place.root === "/" ? await surroundings.host.machine() : { interfaces: [], resolvers: [] };
  if (isAsked)
    tell(`${there === null ? "" : `What ${place.file} says is offered. `}Enter takes what stands in brackets.\n`);
  const document = await answered(
    ConfigDocument.of(there, (await installed(place.root, ["ringfort.service"])).length > 0),
    {
      given: givenAnswers(options),
      machine,
      isHere: place.root === "/",
      wasThere: there !== null,
      ask,
      tell,
    },
  );
  if (document === null) return null;
  const whole = options.ftp === true ? withFtp(document) : document;
  const faults = faultsOf(whole.plain());
  if (faults.length > 0) throw new UsageError(faults.join("\n  "));
  const first = source ?? (ask === null ? null : await askedSource(ask, tell, surroundings.cwd, there === null));
  if (first === undefined) return null;
  const config = configSchema.parse(whole.plain());
  const known = there === null ? { routes: [], notes: [] } : await knownRoutes(config, place, context);
  return {
    place,
    config,
    source: first,
    host: await hostPlan(whole, config, [...known.routes, ...routesOf(first)], place, context),
    notes: known.notes,
  };
}

async function hostPlan(
  document: ConfigDocument,
  config: Config,
  routes: readonly SourceRoute[],
  place: SetupPlace,
  { terminal }: CommandContext,
): Promise<HostPlan> {
  const made = place.isSystem ? hostFiles(config, routes) : [];
  if ("kind" in made) throw new UsageError(made.faults.join("\n  "));
  // Of a program that runs out of a checkout there is no service that could be handed a socket.
  const host =
    (await installed(place.root, ["ringfort.service"])).length > 0
      ? made
      : made.filter((file) => !SOCKET_UNIT.test(path.basename(file.path)));
  const stamp = new Date(terminal.now()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const file = { path: place.file, text: document.text(), mode: 0o640, keepAs: `${place.file}.before-${stamp}` };
  return planHost(host, file, place.root);
}

function routesOf(spec: SourceSpec | null): readonly SourceRoute[] {
  if (spec === null) return [];
  return [{ name: spec.name, addresses: spec.addresses, proxy: spec.network.proxy ?? null }];
}

function givenAnswers(options: SetupOptions): GivenAnswers {
  const names = ["outside", "inside", "stagingAddress", "productionAddress"] as const;
  const lists = ["stagingClients", "productionClients", "admins", "resolvers"] as const;
  const given = [...names, ...lists].flatMap((name): [string, string][] => {
    const value = options[name];
    return value === undefined ? [] : [[name, typeof value === "string" ? value : value.join(" ")]];
  });
  return Object.fromEntries(given);
}

function pickSource({ source, sourceFile }: SetupOptions): { readonly source?: string; readonly sourceFile?: string } {
  return { ...(source === undefined ? {} : { source }), ...(sourceFile === undefined ? {} : { sourceFile }) };
}

const SOURCE_FLAGS = ["format", "address", "checksums", "listing", "openpgpKey", "minisignKey", "trustNone"] as const;

function sourceFlags(options: SetupOptions): SourceFlags {
  return Object.fromEntries(
    SOURCE_FLAGS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  );
}
