import { parseSha256 } from "../core/kernel/digest.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { RestraintOn } from "../core/model/restraint.ts";
import { releaseRestraint, restrain } from "../operations/restrain.ts";
import type { Request, Verb } from "../wire/requests.ts";
import type { Verbs } from "./control-server.ts";
import type { VerbParts } from "./verb-parts.ts";

type RestraintVerb = Extract<Verb, "restrain" | "release" | "restraints">;
type Asked = Extract<Request, { verb: "restrain" }>["on"];

/** Holds, pins and blocks, as the command line may ask for them. */
export function restraintVerbs({ doors, pacer }: VerbParts): Pick<Verbs, RestraintVerb> {
  return {
    restrain: async ({ on, reason, expires, by }) => {
      const done = await restrain(doors, { on: await meant(doors, on), reason, expires, by });
      pacer.nudge();
      return done;
    },
    release: async ({ id, reason, by }) => {
      const restraint = await releaseRestraint(doors, { id, reason, by });
      pacer.nudge();
      return { restraint };
    },
    restraints: async ({ all }) => ({ restraints: await doors.ledger.restraints(all) }),
  };
}

/** A pin without a revision means the one that the channel shows. Throws `revision.unknown`, `request.malformed`. */
async function meant({ ledger }: VerbParts["doors"], on: Asked): Promise<RestraintOn> {
  if (on.kind === "block-digest") {
    const sha256 = parseSha256(on.sha256);
    if (sha256 === null) throw new Failure("request.malformed", "no SHA-256");
    return { kind: on.kind, sha256 };
  }
  if (on.kind !== "pin") return on;
  const revision = on.revision ?? (await ledger.position(on.source, on.channel))?.revision;
  if (revision === undefined)
    throw new Failure("revision.unknown", `${on.channel} shows nothing of ${on.source} that it could be pinned to`);
  return { ...on, revision };
}
