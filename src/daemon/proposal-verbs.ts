import type { Refusal } from "../core/kernel/errors.ts";
import {
  editProposal,
  lookAtProposal,
  type Proposed,
  propose,
  signOff,
  withdrawProposal,
} from "../operations/propose.ts";
import { ridesAlong } from "../operations/rides-along.ts";
import type { SyncDoors } from "../operations/sync-run.ts";
import type { Verb } from "../wire/requests.ts";
import type { Answers, Verbs } from "./control-server.ts";
import { known, type VerbParts } from "./verb-parts.ts";

type ProposalVerb = Extract<Verb, "propose" | "propose-edit" | "sign-off" | "withdraw" | "proposals">;

/** Proposals and sign-offs, as the command line may ask for them. */
export function proposalVerbs(parts: VerbParts): Pick<Verbs, ProposalVerb> {
  const { doors } = parts;
  return {
    propose: async (wish, _report, _gone, actor) => {
      await known(parts, wish.source);
      return told(doors, await propose(doors, wish, actor));
    },
    "propose-edit": async (wish, _report, _gone, actor) => told(doors, await editProposal(doors, wish, actor)),
    "sign-off": async ({ id, version, comment }, _report, _gone, actor) => {
      if (version === null) return told(doors, await lookAtProposal(doors, id));
      return told(doors, await signOff(doors, { id, version, comment }, actor));
    },
    withdraw: async ({ id, reason }, _report, _gone, actor) => {
      const proposal = await withdrawProposal(doors, { id, reason }, actor);
      return "code" in proposal ? proposal : { proposal };
    },
    proposals: async ({ source, all, limit }) => ({
      proposals: await doors.ledger.proposals({ state: all ? null : "open", source }, limit),
    }),
  };
}

async function told(doors: SyncDoors, answer: Proposed | Refusal): Promise<Answers["propose"] | Refusal> {
  if ("code" in answer) return answer;
  const { proposal, move, waitsFor } = answer;
  return { proposal, moved: move !== null, waitsFor, rides: await ridesAlong(doors, proposal) };
}
