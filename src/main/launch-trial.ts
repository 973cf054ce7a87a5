import process from "node:process";
import { launchTrial } from "../confine/try.ts";
import type { TrialPolicy } from "../core/observed/trial-policy.ts";

/** The launcher of a trial: `launch-trial.ts <policy> <command> …`, with the program's whole path. It becomes the command, or ends with 71. */
const [policy = "", ...command] = process.argv.slice(2);
try {
  // Who writes the policy starts the command: there is nothing to be gained by another one.
  launchTrial(JSON.parse(policy) as TrialPolicy, command);
} catch (error) {
  process.stderr.write(`a trial could not be confined: ${error instanceof Error ? error.message : "unknown"}\n`);
  process.exit(71);
}
