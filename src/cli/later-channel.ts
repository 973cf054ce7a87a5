import type { CommandContext } from "./context.ts";
import { UsageError } from "./report.ts";

/** The channel that is meant when none is named: the one after the first. Throws `UsageError` when there is none. */
export async function laterChannel(context: CommandContext): Promise<string> {
  const { config } = await context.loadConfig();
  const second = Object.keys(config.channels)[1];
  if (second === undefined) throw new UsageError("the configuration has one channel only; name the channel with --to");
  return second;
}
