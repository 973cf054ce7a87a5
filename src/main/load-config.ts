import { type LoadedConfig, loadConfig } from "../cli/config-file.ts";

/** Loads the configuration as this process was started: its environment, its working folder. See `cli/config-file.ts`. */
export async function loadConfigHere(asked: string | null): Promise<LoadedConfig> {
  return await loadConfig(asked, { env: process.env, cwd: process.cwd() });
}
