import { randomInt } from "node:crypto";
import { networkInterfaces } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { readYamlFile } from "../cli/yaml-file.ts";
import { type AgentConfig, agentConfig } from "../client/agent-config.ts";
import type { ClientDoors } from "../client/doors.ts";
import { exitCodeOf, type ProductResult, runAgent } from "../client/run-agent.ts";
import { Failure } from "../core/kernel/errors.ts";
import { hostFile } from "../core/model/host-file.ts";
import { runInstallCommand } from "./agent-command.ts";
import { agentFetcher } from "./agent-fetcher.ts";
import { AGENT_USAGE } from "./agent-usage.ts";
import { version } from "./own-files.ts";

/** The original's code for an error of any sort. */
const ERROR = 4;

interface Options {
  readonly config: string;
  readonly daemon: boolean;
  readonly silent: boolean;
  readonly json: boolean;
  readonly check: boolean;
}

/** What a signal has asked for. A wait ends at once, a run after the product that it is at. */
class Ending {
  #asked = false;
  #wake: () => void = () => {};

  get asked(): boolean {
    return this.#asked;
  }

  ask(): void {
    this.#asked = true;
    this.#wake();
  }

  pause(time: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#asked ? 0 : time);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options === null) return 0;
  const ending = new Ending();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ending.ask());
  if (!options.daemon) return await once(options, ending);
  let code = 1;
  for (let first = true; ; first = false) {
    const config = await readConfig(options.config);
    // After a power cut a whole campus starts at one moment: the first run is spread as well.
    await ending.pause((first ? 0 : config.every) + random() * config.jitter);
    if (ending.asked) return code === ERROR ? ERROR : 0;
    code = await once(options, ending).catch((cause: unknown) => tell(cause, options));
  }
}

function readOptions(): Options | null {
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      once: flag,
      daemon: flag,
      silent: flag,
      json: flag,
      check: flag,
      help: flag,
      version: flag,
    },
  });
  if (values.help || values.version) {
    process.stdout.write(values.help ? AGENT_USAGE : `${version()}\n`);
    return null;
  }
  if (values.config === undefined) throw new Failure("config.invalid", "--config FILE is missing; --help explains it");
  if (values.daemon && (values.once || values.check))
    throw new Failure("config.invalid", "--daemon goes with neither --once nor --check");
  const { daemon, silent, json, check } = values;
  return { config: values.config, daemon, silent, json, check };
}

async function readConfig(file: string): Promise<AgentConfig> {
  return await readYamlFile(file, agentConfig, { unreadable: "config.unreadable", invalid: "config.invalid" });
}

/** One run. The files are read anew each time: a new host file must reach a client that has run for months. */
async function once(options: Options, ending: Ending): Promise<number> {
  const config = await readConfig(options.config);
  const codes = { unreadable: "config.unreadable", invalid: "config.invalid" } as const;
  const hosts = await readYamlFile(config.hostFile, hostFile, codes);
  const fetcher = agentFetcher(`Ringfort-agent/${version()}`, config.limits);
  const doors: ClientDoors = {
    fetcher,
    now: () => Date.now(),
    random,
    runCommand: runInstallCommand,
    event: (name, fields) => log(name, fields, options),
  };
  try {
    const stopping = (): boolean => ending.asked;
    const addresses = ownAddresses();
    const results = await runAgent({ config, hostFile: hosts, addresses, doors, check: options.check, stopping });
    if (options.json) process.stdout.write(`${JSON.stringify({ check: options.check, results })}\n`);
    else if (!options.silent) for (const result of results) process.stdout.write(`${lineOf(result, options.check)}\n`);
    return exitCodeOf(results);
  } finally {
    fetcher.close();
  }
}

function lineOf({ product, result, from, to, code, detail }: ProductResult, check: boolean): string {
  const name = `${product.product} ${product.version} ${product.language}`;
  const move = `${from === null ? "nothing" : from} -> ${to === null ? "nothing" : to}`;
  const why = code === null ? "" : ` (${code}: ${detail})`;
  if (result === "nothing-new") return `${name}: nothing new, at ${from === null ? "nothing" : from}${why}`;
  if (result === "failed") return `${name}: failed, still at ${from === null ? "nothing" : from}${why}`;
  const verb = { updated: ["updated", "would update"], back: ["went back", "would go back"] }[result][check ? 1 : 0];
  return `${name}: ${verb} ${move}`;
}

function log(event: string, fields: Parameters<ClientDoors["event"]>[1], { json, silent }: Options): void {
  if (silent) return;
  const time = new Date().toISOString();
  if (json) process.stderr.write(`${JSON.stringify({ time, event, ...fields })}\n`);
  // Results stand on standard output already; a person wants to hear of what went on beside them.
  else if (event === "agent.host-failed" || event === "agent.recall-refused")
    process.stderr.write(
      `${time} ${event} ${String(fields["host"])}: ${String(fields["code"])}: ${String(fields["detail"])}\n`,
    );
}

/** Says what ended a run before its products; a bug ends the process with its stack. */
function tell(cause: unknown, options: Pick<Options, "json" | "silent">): number {
  const usage = cause instanceof TypeError && "code" in cause && String(cause.code).startsWith("ERR_PARSE_ARGS_");
  if (!usage && !(cause instanceof Failure)) throw cause;
  const code = cause instanceof Failure ? cause.code : "usage";
  if (options.json) process.stdout.write(`${JSON.stringify({ error: { code, detail: cause.message } })}\n`);
  else if (!options.silent) process.stderr.write(`error: ${code}: ${cause.message}\n`);
  return ERROR;
}

function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
}

function random(): number {
  return randomInt(2 ** 32) / 2 ** 32;
}

try {
  process.exitCode = await main();
} catch (cause) {
  const said = process.argv.slice(2);
  process.exitCode = tell(cause, { json: said.includes("--json"), silent: said.includes("--silent") });
}
