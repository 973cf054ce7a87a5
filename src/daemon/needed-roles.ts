import type { Role } from "../core/model/actor.ts";
import type { Verb } from "../wire/requests.ts";

/**
 * What somebody must be to ask a verb over the network. Whoever may open the control socket is asked for nothing: it is
 * the daemon's own user. What is trusted, and who may what, is an admin's; what moves content is an operator's.
 */
export const NEEDED_ROLES: Readonly<Record<Verb, Role>> = {
  "source-add": "admin",
  "source-change": "admin",
  "source-list": "viewer",
  "source-show": "viewer",
  "source-remove": "admin",
  sync: "operator",
  channels: "viewer",
  revisions: "viewer",
  diff: "viewer",
  promote: "operator",
  "rollback-preview": "viewer",
  rollback: "operator",
  "policy-set": "admin",
  "policy-show": "viewer",
  "policy-explain": "viewer",
  restrain: "operator",
  release: "operator",
  restraints: "viewer",
  propose: "operator",
  "propose-edit": "operator",
  // Whose yes counts, the proposal says; looking at it is for everybody.
  "sign-off": "viewer",
  withdraw: "operator",
  proposals: "viewer",
  check: "operator",
  evidence: "viewer",
  // It may answer an alarm: who does that decides like one who signs.
  "evidence-give": "approver",
  canaries: "viewer",
  exposure: "viewer",
  status: "viewer",
  // People's passwords, as they are kept, are in it.
  "backup-ledger": "admin",
  metrics: "viewer",
  "store-check": "operator",
  gc: "operator",
  // It writes where it is told to.
  export: "admin",
  "audit-log": "viewer",
  "audit-checkpoint": "viewer",
  "audit-checkpoints": "viewer",
  "notify-list": "viewer",
  "notify-test": "operator",
  people: "viewer",
  "person-set": "admin",
  "person-password": "admin",
  "person-link": "admin",
  tokens: "admin",
  "token-make": "admin",
  "token-revoke": "admin",
  clients: "viewer",
  trace: "viewer",
  log: "viewer",
};
