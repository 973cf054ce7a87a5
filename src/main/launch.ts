import process from "node:process";
import { launch } from "../confine/launch.ts";
import type { KernelPolicy } from "../confine/policy.ts";

/**
 * The launcher: `launch.ts <policy> <version of Landlock> <command> …`. It gives rights up, and becomes the command; or it
 * ends with 71 and says on standard error what the kernel refused, and the command does not run.
 */
const [policy = "", landlock = "", ...command] = process.argv.slice(2);
try {
  // What the keeper says of its own jails is not checked: whoever can say it can start a process without them.
  launch(JSON.parse(policy) as KernelPolicy, Number(landlock), command);
} catch (error) {
  process.stderr.write(`a process could not be confined: ${error instanceof Error ? error.message : "unknown"}\n`);
  process.exit(71);
}
