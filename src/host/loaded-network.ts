import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { Failure, quoteOutside } from "../core/kernel/errors.ts";
import { TABLE } from "../core/network/write-rule-set.ts";

/** Bytes of what nft lists: some hundred for each rule. */
const MOST_LISTED = 64 * 1024 * 1024;
const MOST_TIME = 30_000;
const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

/** What the host's kernel has, and what it would make of a rule set. */
export interface HostNetwork {
  /** Our table as it is loaded, as `nft -j` lists it; `null`: there is none. */
  readonly loaded: unknown;
  /** The wanted rules in the kernel's words: loaded into a network namespace of their own, which ends at once. */
  readonly wanted: unknown;
  /** Path below /proc/sys → its value; `null`: there is no such setting. */
  readonly settings: ReadonlyMap<string, string | null>;
}

/** Reads the host's packet filter and settings. Changes nothing of the host. Throws `host.unreadable`. */
export async function readHostNetwork(rules: string, settings: readonly string[]): Promise<HostNetwork> {
  const list = ["nft", "-j", "list", "table", "inet", TABLE];
  const tables = parsed(await run(["nft", "-j", "list", "tables"]));
  const present = JSON.stringify(tables).includes(`"name":"${TABLE}"`);
  const loaded = present ? parsed(await run(list)) : null;
  const wanted = parsed(await run(["unshare", "-n", "sh", "-ec", `nft -f -; exec ${list.join(" ")}`], rules));
  const read = settings.map(async (name): Promise<readonly [string, string | null]> => [name, await setting(name)]);
  return { loaded, wanted, settings: new Map(await Promise.all(read)) };
}

async function setting(name: string): Promise<string | null> {
  try {
    return (await readFile(path.join("/proc/sys", name), "utf8")).trim();
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw new Failure("host.unreadable", `/proc/sys/${name}`, { cause });
  }
}

function run(command: readonly string[], input = ""): Promise<string> {
  const [program = "", ...args] = command;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { env: ENVIRONMENT, cwd: "/", timeout: MOST_TIME, maxBuffer: MOST_LISTED };
  const child = execFile(program, args, options, (error, stdout, stderr) => {
    if (error === null) return resolve(stdout);
    const said = stderr.trim() === "" ? error.message : stderr;
    reject(new Failure("host.unreadable", quoteOutside(said.trim(), 1_000), { cause: error }));
  });
  // A program that does not read its input has ended, and says itself why.
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  return promise;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure("host.unreadable", "nft printed something else than JSON", { cause });
  }
}
