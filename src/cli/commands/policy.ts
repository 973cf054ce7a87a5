import path from "node:path";
import type { Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import { type ReleasePolicy, releasePolicy } from "../../core/model/policy.ts";
import { PRESETS, type PresetName, policyOfPreset } from "../../core/release/presets.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { plainYaml } from "../plain-yaml.ts";
import { outlookText } from "../policy-words.ts";
import { UsageError } from "../report.ts";
import { table } from "../table.ts";
import { timeAndDistance } from "../time-text.ts";
import { readYamlFile } from "../yaml-file.ts";

interface SetOptions {
  readonly preset?: string;
  readonly from?: string;
  readonly none?: boolean;
  readonly zone?: string;
  readonly after?: string;
  readonly reason?: string;
}

/** States of a policy that `policy show` prints. */
const HISTORY = 20;

export function addPolicyCommands(program: Command, perform: Perform): void {
  const policy = program
    .command("policy")
    .description("How a source's revisions go from ring to ring, and why not now.");
  addSet(policy, perform);
  addLooks(policy, perform);
}

function addSet(policy: Command, perform: Perform): void {
  teach(
    policy
      .command("set <source>")
      .description("Give a source a release policy: one of the presets, or from a file.")
      .option("--preset <name>", `a starting point: ${Object.keys(PRESETS).join(", ")}`)
      .option("--zone <zone>", "with --preset: the time zone of hours (else UTC)")
      .option("--from <file>", "the policy (YAML, docs/reference/policy.md)")
      .option("--none", "take the policy away: the first channel moves by itself, the others by hand")
      .option("--after <version>", "only if the policy is still at this version (0: none yet)")
      .option("--reason <text>", "why, for the record")
      .action((source: string, options: SetOptions) =>
        perform(async (context) => {
          const answer = await context.ask({
            verb: "policy-set",
            source,
            policy: await wanted(options, context),
            after: options.after === undefined ? null : version(options.after),
            reason: options.reason ?? "",
            by: context.by,
          });
          if (isRefusal(answer)) return answer;
          const next = `next: ringfort policy explain ${source}\n`;
          const text = `policy of ${source} is at version ${answer.state.version}; ${next}`;
          return { json: answer, text, exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort policy set clamav --preset signatures", "4 hours with health, in production within a day"],
        ["ringfort policy set tools --from tools-policy.yaml --reason agreed", "what you have written"],
        ["ringfort policy set tools --none", "back to releasing by hand"],
      ],
      exits: [
        [EXIT.done, "the policy is set"],
        [EXIT.failure, "the policy is not valid: each fault is named with its place"],
        [EXIT.refused, "someone has changed it meanwhile (--after)"],
      ],
    },
  );
}

async function wanted(
  { preset, from, none, zone }: SetOptions,
  context: CommandContext,
): Promise<ReleasePolicy | null> {
  const ways = [preset !== undefined, from !== undefined, none === true].filter(Boolean).length;
  if (ways !== 1) throw new UsageError("one of --preset, --from and --none says which policy");
  if (zone !== undefined && preset === undefined) throw new UsageError("--zone goes with --preset; a file has its own");
  if (from !== undefined) {
    const file = path.resolve(context.surroundings.cwd, from);
    return readYamlFile(file, releasePolicy, { unreadable: "config.unreadable", invalid: "policy.invalid" });
  }
  if (preset === undefined) return null;
  return ofPreset(preset, zone ?? "UTC", context);
}

async function ofPreset(name: string, zone: string, context: CommandContext): Promise<ReleasePolicy> {
  if (!Object.hasOwn(PRESETS, name))
    throw new UsageError(`no preset "${name}"; there are ${Object.keys(PRESETS).join(", ")}`);
  if (!releasePolicy.shape.zone.safeParse(zone).success)
    throw new UsageError(`no time zone "${zone}"; write for example Europe/Helsinki`);
  const { config } = await context.loadConfig();
  return policyOfPreset(name as PresetName, Object.keys(config.channels), zone);
}

function version(written: string): number {
  if (!/^\d{1,9}$/.test(written)) throw new UsageError(`--after is a version, for example 3, not "${written}"`);
  return Number(written);
}

function addLooks(policy: Command, perform: Perform): void {
  teach(
    policy
      .command("show <source>")
      .description("A source's policy, in full, and who set it when.")
      .option("--yaml", "print it as a file that --from takes")
      .action((source: string, { yaml }: { readonly yaml?: boolean }) =>
        perform(async (context) => {
          const answer = await context.ask({ verb: "policy-show", source, limit: HISTORY });
          if (isRefusal(answer)) return answer;
          const text = yaml === true ? plainYaml(answer.policy) : shown(answer, context);
          return { json: answer, text, exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort policy show clamav", "look at it"],
        ["ringfort policy show clamav --yaml > policy.yaml", "write it to a file, to be edited"],
      ],
    },
  );
  teach(
    policy
      .command("explain <source>")
      .description("For each ring in plain words: what will happen when, both clocks, and why not now.")
      .action((source: string) =>
        perform(async (context) => {
          const answer = await context.ask({ verb: "policy-explain", source });
          return isRefusal(answer) ? answer : { json: answer, text: outlookText(answer, context), exit: EXIT.done };
        }),
      ),
    { examples: [["ringfort policy explain clamav", "why is it not in production yet?"]] },
  );
  teach(
    policy
      .command("presets [name]")
      .description("The presets; with a name, what it comes to with this installation's channels.")
      .action((name: string | undefined) =>
        perform(async (context) => {
          if (name !== undefined) {
            const preset = await ofPreset(name, "UTC", context);
            return { json: { name, policy: preset }, text: plainYaml(preset), exit: EXIT.done };
          }
          const presets = Object.entries(PRESETS).map(([each, { says }]) => ({ name: each, says }));
          const rows = presets.map((each) => [each.name, each.says]);
          return { json: { presets }, text: table(["PRESET", "SAYS"], rows, context.paint), exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort policy presets", "list them"],
        ["ringfort policy presets os-packages > policy.yaml", "a file to begin with"],
      ],
    },
  );
}

function shown({ policy, version: at, history, source }: Results["policy-show"], context: CommandContext): string {
  const head = at === 0 ? `${source} has no policy; what it goes by:\n\n` : `policy of ${source}, version ${at}:\n\n`;
  const rows = history.map((state) => [
    state.version,
    timeAndDistance(state.at, context.terminal),
    state.by,
    state.policy === null ? "taken away" : `${state.policy.rings.length} rings`,
    state.reason,
  ]);
  const past = rows.length === 0 ? "" : `\n${table(["VERSION", "SET", "BY", "WHAT", "REASON"], rows, context.paint)}`;
  return `${head}${plainYaml(policy)}${past}`;
}
