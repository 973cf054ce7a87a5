import { access } from "node:fs/promises";
import path from "node:path";
import { type Config, type ConfigInput, config, type HttpsConfig } from "../core/config.ts";
import { rootedPair } from "../core/config-tls.ts";
import { systemCode } from "./system-code.ts";
import type { FileCodes } from "./yaml-file.ts";
import { readYamlFile } from "./yaml-file.ts";

/** What the daemon runs with when nobody has written a file. */
const DEFAULTS: ConfigInput = {
  data: "./ringfort-data",
  channels: { staging: { listen: "127.0.0.1:8081" }, production: { listen: "127.0.0.1:8082" } },
};

const CODES: FileCodes = { unreadable: "config.unreadable", invalid: "config.invalid" };

export interface LoadedConfig {
  /** With `data` absolute. */
  readonly config: Config;
  /** The file, absolute; `null` where the defaults stand in. */
  readonly file: string | null;
}

/** What finding the file depends on. */
export interface ConfigPlace {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/**
 * Loads the configuration: the file asked for, else `RINGFORT_CONFIG`, else ./ringfort.yaml, else
 * /etc/ringfort/ringfort.yaml, else the defaults. Throws `config.unreadable` and `config.invalid`; a file that is
 * named but absent is unreadable, for going on with another one would move the data folder silently.
 */
export async function loadConfig(asked: string | null, place: ConfigPlace): Promise<LoadedConfig> {
  const file = await findFile(asked, place);
  if (file === null) return { config: rooted(config.parse(DEFAULTS), place.cwd), file: null };
  return { config: rooted(await readYamlFile(file, config, CODES), path.dirname(file)), file };
}

async function findFile(asked: string | null, { env, cwd }: ConfigPlace): Promise<string | null> {
  const named = asked ?? env["RINGFORT_CONFIG"] ?? "";
  if (named !== "") return path.resolve(cwd, named);
  for (const candidate of [path.resolve(cwd, "ringfort.yaml"), "/etc/ringfort/ringfort.yaml"]) {
    if (await exists(candidate)) return candidate;
  }
  return null;
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (cause) {
    // A file that is there but may not be looked at counts: the defaults in its place would mean another data folder.
    const code = systemCode(cause);
    return code !== "ENOENT" && code !== "ENOTDIR";
  }
}

/** Every path of the configuration is taken from the folder that the file stands in. */
function rooted(loaded: Config, folder: string): Config {
  const rooting = <T>(values: Readonly<Record<string, T>>, root: (value: T, folder: string) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, root(value, folder)]));
  const { witness } = loaded.auditLog;
  const pair = loaded.console?.tls;
  return {
    ...loaded,
    data: path.resolve(folder, loaded.data),
    channels: rooting(loaded.channels, rootedChannel),
    notify: rooting(loaded.notify, rootedSubscriber),
    audit: { ...loaded.audit, advisories: loaded.audit.advisories.map((file) => path.resolve(folder, file)) },
    auditLog: { ...loaded.auditLog, ...(witness === undefined ? {} : { witness: path.resolve(folder, witness) }) },
    ...(loaded.console === undefined || pair === undefined
      ? {}
      : { console: { ...loaded.console, tls: rootedPair(pair, (file) => path.resolve(folder, file)) } }),
  };
}

function rootedSubscriber(each: Config["notify"][string], folder: string): Config["notify"][string] {
  const { mail, webhook } = each;
  if (webhook !== undefined)
    return { ...each, webhook: { ...webhook, secretFile: path.resolve(folder, webhook.secretFile) } };
  if (mail?.passwordFile === undefined) return each;
  return { ...each, mail: { ...mail, passwordFile: path.resolve(folder, mail.passwordFile) } };
}

function rootedChannel(channel: Config["channels"][string], folder: string): Config["channels"][string] {
  const resolve = (file: string): string => path.resolve(folder, file);
  const { https, ftp, tree } = channel;
  const tls = ftp?.tls;
  return {
    ...channel,
    ...(tree === undefined ? {} : { tree: { ...tree, folder: resolve(tree.folder) } }),
    ...(https === undefined ? {} : { https: rootedHttps(https, resolve) }),
    ...(ftp === undefined || tls === undefined ? {} : { ftp: { ...ftp, tls: rootedPair(tls, resolve) } }),
  };
}

function rootedHttps(https: HttpsConfig, resolve: (file: string) => string): HttpsConfig {
  const pair = rootedPair(https, resolve);
  const { clients } = https;
  return clients === undefined ? pair : { ...pair, clients: { ...clients, authorities: resolve(clients.authorities) } };
}
