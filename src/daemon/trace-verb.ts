import { parseSha256 } from "../core/kernel/digest.ts";
import { Failure } from "../core/kernel/errors.ts";
import { restraintText } from "../core/model/restraint.ts";
import { traceContent } from "../operations/trace-content.ts";
import type { Verbs } from "./control-server.ts";
import type { VerbParts } from "./verb-parts.ts";

/** One content's whole story, with the entries of the audit log that prove it. */
export function traceVerb({ doors }: VerbParts): Pick<Verbs, "trace"> {
  return {
    trace: async ({ sha256: text }) => {
      const sha256 = parseSha256(text);
      if (sha256 === null) throw new Failure("request.malformed", `${text} is no SHA-256`);
      const { blocks, ...trace } = await traceContent(doors, sha256);
      const [newest] = await doors.ledger.checkpoints(1);
      return {
        ...trace,
        blocks: blocks.map(({ id, on, reason, by, at, active }) => {
          return { id, text: restraintText(on), reason, by, at, active };
        }),
        auditSize: await doors.ledger.auditSize(),
        signed: newest?.size ?? 0,
      };
    },
  };
}
