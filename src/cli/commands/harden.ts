import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import type { Config } from "../../core/config.ts";
import { interfaceName } from "../../core/config-network.ts";
import { EXIT, Failure, type Refusal, refuse } from "../../core/kernel/errors.ts";
import { address } from "../../core/model/written-value.ts";
import { compareRules, compareSettings, type NetworkDifference } from "../../core/network/compare-network.ts";
import { type FirewallRequest, firewallRequests } from "../../core/network/firewall-requests.ts";
import { type KernelSetting, kernelSettings, writeSysctl } from "../../core/network/kernel-settings.ts";
import { planNetwork, type SourceRoute } from "../../core/network/network-plan.ts";
import { writeRuleSet } from "../../core/network/write-rule-set.ts";
import type { CommandContext, Outcome, Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { daemonRoutes } from "../source-routes.ts";
import { table } from "../table.ts";
import { addSocketsCommand } from "./harden-sockets.ts";

interface NetworkOptions {
  readonly outside?: string;
  readonly inside?: string;
  readonly user?: string;
  readonly source: readonly string[];
  readonly offline?: boolean;
  readonly output?: string;
  readonly check?: boolean;
}

interface HostFiles {
  readonly rules: string;
  readonly settings: readonly KernelSetting[];
  readonly firewalls: readonly FirewallRequest[];
}

/** What belongs to the host around Ringfort. */
export function addHardenCommands(program: Command, perform: Perform): void {
  const command = program.command("harden").description("What the host around Ringfort should have.");
  addSocketsCommand(command, perform);
  teach(
    command
      .command("network")
      .description(
        "The packet filter and the kernel's network settings of a host with an outside and an inside, and what to ask of the " +
          "firewalls around it; made from the configuration and the sources. It prints, and changes nothing of the host.",
      )
      .option("--outside <interface>", "the interface towards the internet (else host.outside)")
      .option("--inside <interface>", "the interface towards the clients (else host.inside)")
      .option("--user <user>", "the user that the daemon runs as, by name or number (else host.user)")
      .option("--source <address>", "an upstream's address, in place of asking the daemon; again for each", collect, [])
      .option("--offline", "do not ask the daemon: there are no sources but those of --source")
      .option("--output <folder>", "write ringfort.nft, ringfort-sysctl.conf and ringfort-firewalls.json there")
      .option("--check", "compare with what the host has now; needs root")
      .action((options: NetworkOptions) => perform((context) => hardenNetwork(options, context))),
    {
      examples: [
        ["ringfort harden network --outside eth0 --inside eth1", "print it"],
        ["ringfort harden network --output /etc/ringfort/network", "write three files"],
        ["ringfort harden network --offline --source https://vendor.example/", "before there is a daemon"],
        ["ringfort harden network --check", "is that what the host has?"],
      ],
      exits: [
        [EXIT.done, "printed, written, or with --check: the host has it"],
        [EXIT.failure, "the daemon does not answer, or the host cannot be read"],
        [EXIT.refused, "the configuration does not say enough, or with --check: the host has something else"],
      ],
    },
  );
}

function collect(value: string, before: readonly string[]): readonly string[] {
  if (!address.safeParse(value).success)
    throw new UsageError(`--source ${value}: write http://…, https://… or ftp://…`);
  return [...before, value];
}

async function hardenNetwork(options: NetworkOptions, context: CommandContext): Promise<Outcome | Refusal> {
  if (options.check === true && options.output !== undefined)
    throw new UsageError("--check compares and --output writes: one of the two");
  const sources = await routesOf(options, context);
  if (!Array.isArray(sources)) return sources as Refusal;
  const plan = planNetwork(withFlags((await context.loadConfig()).config, options), sources);
  if ("kind" in plan) return refuse("network.underdescribed", plan.faults.join("\n"));
  const files = {
    rules: writeRuleSet(plan),
    settings: kernelSettings(plan),
    firewalls: firewallRequests(plan),
  };
  if (options.check === true) return check(files, context);
  if (options.output !== undefined) return write(files, path.resolve(context.surroundings.cwd, options.output));
  return shown(files, context);
}

function withFlags(config: Config, { outside, inside, user }: NetworkOptions): Config {
  for (const name of [outside, inside])
    if (name !== undefined && !interfaceName.safeParse(name).success)
      throw new UsageError(`${name} is no interface as \`ip link\` names it`);
  if (user !== undefined && !/^(?:[a-z_][a-z0-9_-]{0,31}|\d{1,9})$/.test(user))
    throw new UsageError(`${user} is no user's name or number`);
  const host = {
    ...config.host,
    ...(outside === undefined ? {} : { outside }),
    ...(inside === undefined ? {} : { inside }),
    ...(user === undefined ? {} : { user }),
  };
  return { ...config, host };
}

/** Of the daemon's sources, unless they are given: an address and the proxy before it are all that is needed. */
async function routesOf(
  { source, offline }: NetworkOptions,
  context: CommandContext,
): Promise<readonly SourceRoute[] | Refusal> {
  if (source.length > 0 || offline === true)
    return source.map((each) => ({ name: "given", addresses: [each], proxy: null }));
  return await daemonRoutes(context);
}

function shown({ rules, settings, firewalls }: HostFiles, context: CommandContext): Outcome {
  const asked = firewallTable(firewalls, context).replaceAll(/^(?=.)/gm, "# ");
  const text = `${rules}\n# /etc/sysctl.d/60-ringfort.conf\n#\n${writeSysctl(settings).replaceAll(/^(?=.)/gm, "# ")}\n# What to ask of the firewalls on either side; all else they drop.\n#\n${asked}`;
  return { json: { rules, settings, firewalls }, text, exit: EXIT.done };
}

function firewallTable(firewalls: readonly FirewallRequest[], context: CommandContext): string {
  const rows = firewalls.map(({ firewall, from, to, protocol, ports, why }) => [
    firewall,
    from,
    to,
    protocol,
    ports,
    why,
  ]);
  return table(["firewall", "from", "to", "protocol", "ports", "why"], rows, context.paint);
}

async function write({ rules, settings, firewalls }: HostFiles, folder: string): Promise<Outcome> {
  const files = [
    ["ringfort.nft", rules],
    ["ringfort-sysctl.conf", writeSysctl(settings)],
    ["ringfort-firewalls.json", `${JSON.stringify(firewalls, null, 2)}\n`],
  ] as const;
  const written = files.map(([name]) => path.join(folder, name));
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, text] of files) await writeFile(path.join(folder, name), text, { mode: 0o644 });
  } catch (cause) {
    throw new Failure("store.io", `writing into ${folder}`, { cause });
  }
  const [rulesFile = "", sysctlFile = ""] = written;
  const text = `${written.map((file) => `written: ${file}\n`).join("")}next, on the host's console: nft -f ${rulesFile} && sysctl -p ${sysctlFile}\n`;
  return { json: { files: written }, text, exit: EXIT.done };
}

async function check({ rules, settings }: HostFiles, context: CommandContext): Promise<Outcome> {
  const paths = settings.map((each) => each.path);
  const host = await context.surroundings.readHostNetwork(rules, paths);
  const differences: readonly NetworkDifference[] = [
    ...compareRules(host.wanted, host.loaded),
    ...compareSettings(settings, host.settings),
  ];
  if (differences.length === 0)
    return { json: { differences }, text: "the host has these rules and settings\n", exit: EXIT.done };
  const rows = differences.map(({ what, where, wanted, found }) => [what, where, wanted, found]);
  const text = table(["what", "where", "wanted", "found"], rows, context.paint);
  return { json: { differences }, text, exit: EXIT.refused };
}
