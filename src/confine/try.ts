import process from "node:process";
import { SERVICE_ENVIRONMENT } from "../core/observed/service-environment.ts";
import type { TrialPolicy } from "../core/observed/trial-policy.ts";
import { BIND_TCP, CONNECT_TCP, type PathUse, portRule, rulesetWith } from "./landlock.ts";
import { executable, probeKernel } from "./launch.ts";
import { allowPath, mustCall, takeFilter } from "./launch-steps.ts";
import { libc } from "./libc.ts";
import { assembleRefusals } from "./refusals.ts";

const PR_CAPBSET_DROP = 24;
const PR_SET_NO_NEW_PRIVS = 38;
const RULE_NET_PORT = 2;

/** Puts this process under a trial's policy for good, and becomes the command. Throws when a step fails: a trial without its walls tells nothing. */
export function launchTrial(policy: TrialPolicy, command: readonly string[]): never {
  const must = mustCall();
  const { landlock } = probeKernel();
  if (landlock === 0) throw new Error("this kernel has no Landlock");
  const image = executable(
    libc(),
    command,
    Object.entries(SERVICE_ENVIRONMENT).map((pair) => pair.join("=")),
  );
  // Only root has any to give up.
  if (process.geteuid?.() === 0)
    for (const bit of policy.droppedCapabilities) must("prctl", PR_CAPBSET_DROP, bit, 0, 0, 0);
  must("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const network = CONNECT_TCP | (policy.binds === null ? 0n : BIND_TCP);
  const attributes = rulesetWith(landlock, network);
  const ruleset = must("landlock_create_ruleset", attributes, attributes.length, 0);
  const allow = (file: string, use: PathUse): void => allowPath(must, ruleset, landlock, file, use);
  for (const file of policy.reads) allow(file, "read");
  for (const file of policy.writes) allow(file, "all");
  for (const file of policy.executes) allow(file, "execute");
  if (landlock >= 4) {
    for (const port of policy.binds ?? [])
      must("landlock_add_rule", ruleset, RULE_NET_PORT, portRule(BIND_TCP, port), 0);
    for (const port of policy.connects)
      must("landlock_add_rule", ruleset, RULE_NET_PORT, portRule(CONNECT_TCP, port), 0);
  }
  must("landlock_restrict_self", ruleset, 0);
  const filter = assembleRefusals(policy.refusedCalls, policy.families);
  takeFilter(must, filter);
  must("execve", image.path, image.args, image.env);
  // The filter's bytes and the command's must live until here: the kernel was given their addresses alone.
  throw new Error(`execve returned over ${filter.length + image.kept.length} bytes`);
}
