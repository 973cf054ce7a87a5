import { type Check, notApplicable, type Profile, SEVERITIES, type Severity, type Verdict } from "./check.ts";
import type { HostFacts } from "./facts.ts";
import { NETWORK_CHECKS } from "./network-checks.ts";
import { PATCH_CHECKS } from "./patch-checks.ts";
import { PROCESS_CHECKS } from "./process-checks.ts";
import { PRODUCT_CHECKS } from "./product-checks.ts";
import { STORE_CHECKS } from "./store-checks.ts";
import { KERNEL_CHECKS } from "./sysctl-checks.ts";

/** Every check there is. An id is promised: it is never used for something else. */
export const CHECKS: readonly Check[] = [
  ...PROCESS_CHECKS,
  ...STORE_CHECKS,
  ...NETWORK_CHECKS,
  ...PATCH_CHECKS,
  ...KERNEL_CHECKS,
  ...PRODUCT_CHECKS,
];

export interface Judged {
  readonly check: Check;
  readonly verdict: Verdict;
}

/** Every check in its order; one that the profile does not ask is not applicable. */
export function judgeHost(facts: HostFacts, profile: Profile): readonly Judged[] {
  return CHECKS.map((check) => ({
    check,
    verdict: check.profiles.includes(profile) ? check.judge(facts) : notApplicable(`not asked of a ${profile}`),
  }));
}

/** The worst severity among those that fail; `null`: none does. */
export function worstOf(judged: readonly Judged[]): Severity | null {
  return (
    SEVERITIES.find((severity) =>
      judged.some(({ check, verdict }) => verdict.kind === "fail" && check.severity === severity),
    ) ?? null
  );
}
