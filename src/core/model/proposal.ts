import type { Instant } from "../kernel/instant.ts";
import type { Role } from "./actor.ts";
import type { SignOffDemand } from "./policy.ts";

/**
 * `promotion` goes by the ring's rules, `security` by those of its lane, `early` is the daemon's question whether to cut
 * a soak short (`collision: ask`), `emergency` goes ahead of soak, health and hours.
 */
export const PROPOSAL_KINDS = ["promotion", "security", "early", "emergency"] as const;
export type ProposalKind = (typeof PROPOSAL_KINDS)[number];

/** `done`: the ring was moved. `overtaken`: the ring shows something newer. */
export const PROPOSAL_STATES = ["open", "done", "withdrawn", "expired", "overtaken"] as const;
export type ProposalState = (typeof PROPOSAL_STATES)[number];

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

export type ProposalDraft = Omit<Proposal, "id" | "version" | "state" | "signOffs" | "authors">;

/** What an edit may change; it voids every sign-off. */
export type ProposalEdit = Pick<Proposal, "revision" | "reason" | "by" | "at" | "demands" | "expiresAt">;

export interface ProposalEnd {
  readonly state: Exclude<ProposalState, "open">;
  readonly by: string;
  readonly at: Instant;
  readonly reason: string;
}

/** How a sign-off went: `changed`: the proposal is of another version, or no longer open. */
export type Signed = "signed" | "signed-already" | "changed";
