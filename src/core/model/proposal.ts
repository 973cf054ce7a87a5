import type { Instant } from "../kernel/instant.ts";
import type { Role } from "./actor.ts";
import type { SignOffDemand } from "./policy.ts";

/**
 * `promotion` goes by the ring's rules, `security` by those of its lane, `early` is the daemon's question whether to cut
 * a soak short (`collision: ask`), `emergency` goes ahead of soak, health and hours.
 */
const PROPOSAL_KINDS = ["promotion", "security", "early", "emergency"] as const;
type ProposalKind = (typeof PROPOSAL_KINDS)[number];

type ProposalState = "open" | "done" | "withdrawn" | "expired" | "overtaken";

/** A person's yes to one state of a proposal. */
export interface SignOff {
  readonly by: string;
  readonly roles: readonly Role[];
  readonly at: Instant;
  readonly comment: string;
}

/** A promotion that waits for sign-offs, or for its time. */
export interface Proposal {
  readonly id: number;
  readonly source: string;
  readonly channel: string;
  readonly kind: ProposalKind;
  readonly revision: number;
  readonly reason: string;
  /** Who proposed it, or edited it last: nobody signs their own. */
  readonly by: string;
  readonly at: Instant;
  /** Counts the edits from 1: a sign-off is of one of them. */
  readonly version: number;
  /** What was asked for when it was proposed: a policy that asks for less later does not weaken it. */
  readonly demands: readonly SignOffDemand[];
  readonly expiresAt: Instant | null;
  readonly state: ProposalState;
  /** Of this version. */
  readonly signOffs: readonly SignOff[];
  /** Everybody who proposed or edited it: none of them may sign any version. */
  readonly authors: readonly string[];
}
