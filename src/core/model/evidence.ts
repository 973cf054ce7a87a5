import type { Instant } from "../kernel/instant.ts";

/** Everything that a piece of evidence may say, one code each; docs/health.md lists them. */
export const EVIDENCE_CODES = {
  "check.passed": "the check found what it should, and nothing else",
  "check.load-failed": "the program could not load the content",
  "check.sample-missed": "the sample that must be found was not found",
  "check.false-positives": "something was found among what is clean",
  "check.said-bad": "the operator's own check speaks against the revision",
  "check.no-opinion": "the check ended without an opinion",
  "check.timed-out": "the check took longer than its time, and was ended",
  "check.too-much-output": "the check said more than is kept, and was ended",
  "check.no-jail": "the jail could not be made, so that the check was not run",
  "check.no-program": "the program of the check is not on this machine",
  "check.too-many-files": "the revision has more files than are put into a jail",
  "check.nothing-to-check": "no file of the revision is one that this check looks at",
  "alarm.none": "the vendor behaves as usual",
  "alarm.size-jump": "the revision has far more or far fewer bytes than usual",
  "alarm.count-jump": "the revision has far more or far fewer files than usual",
  "alarm.signer-changed": "somebody else vouches for it than for the revision before",
  "alarm.version-back": "something in it has an older version than in a revision that was held",
  "alarm.vendor-silent": "the vendor has published nothing for longer than its habit",
  "report.good": "somebody, or a program from outside, speaks for the revision",
  "report.bad": "somebody, or a program from outside, speaks against the revision",
} as const satisfies Record<string, string>;
export type EvidenceCode = keyof typeof EVIDENCE_CODES;

/** One thing that was found about one revision. `note`: recorded and shown, and speaks neither for nor against. */
export interface Evidence {
  readonly source: string;
  readonly revision: number;
  /** Of the check, the alarm or the reporter; of two with one name the later counts. */
  readonly name: string;
  readonly outcome: "good" | "bad" | "note";
  readonly code: EvidenceCode;
  /** For a person; what came from outside is escaped and cut in it. */
  readonly detail: string;
  readonly at: Instant;
  /** Who or what says so: an operating-system user, "check", "history". */
  readonly by: string;
}
