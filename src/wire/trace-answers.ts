import * as z from "zod";
import { sightedClient } from "./client-requests.ts";
import { blobPlace, move } from "./history-answers.ts";
import { bytes, instant } from "./measures.ts";
import { proposal } from "./release-answers.ts";

/** What is asked of one content, and everything that is known of it. */
export const traceRequest = z.strictObject({
  verb: z.literal("trace"),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const proved = { entry: z.int().describe("the entry of the audit log that proves it"), at: instant };

const verdict = z.strictObject({
  ...proved,
  source: z.string(),
  path: z.string(),
  address: z.int().nullable().describe("which of the source's addresses it came from, from 1"),
  verdict: z.string().describe("accepted or refused"),
  code: z.string().nullable().describe("of the refusal"),
  detail: z.string(),
  signatures: z.array(z.array(z.string())).describe("scheme, over what, status, signer"),
});

const loggedMove = move.extend(proved);

export const traceResult = z.strictObject({
  sha256: z.string(),
  stored: z.boolean().describe("its bytes are in the store"),
  admissions: z
    .array(
      z.strictObject({
        ...proved,
        source: z.string(),
        revision: z.int().describe("the revision that brought it"),
        paths: z.array(z.string()),
        size: bytes,
        sealed: z.strictObject({ ...proved, vouchedBy: z.string(), unsigned: z.boolean() }).nullable(),
        index: verdict.nullable().describe("the index that bound it by its digest, as it was judged"),
        run: z
          .strictObject({ ...proved, by: z.string(), startedAt: instant })
          .nullable()
          .describe("the run that brought it, and who asked for that"),
      }),
    )
    .describe("each time it was let in, oldest first, up to 200"),
  verdicts: z.array(verdict).describe("each time that it was judged by itself, accepted or refused"),
  places: z.array(blobPlace),
  spans: z
    .array(
      z.strictObject({
        source: z.string(),
        channel: z.string(),
        from: instant,
        until: instant.nullable().describe("null: it is shown still"),
        brought: loggedMove,
        ended: loggedMove.nullable(),
        proposal: proposal.nullable().describe("what people signed for the move that brought it"),
      }),
    )
    .describe("how long each channel showed it"),
  complete: z.boolean().describe("false: revisions were removed since, it may have been shown for longer"),
  evidence: z
    .array(z.strictObject({ ...proved, source: z.string(), revision: z.int(), text: z.string() }))
    .describe("what was found of the revisions that brought it"),
  blocks: z
    .array(
      z.strictObject({
        id: z.int(),
        text: z.string(),
        reason: z.string(),
        by: z.string(),
        at: instant,
        active: z.boolean(),
      }),
    )
    .describe("of the content, of a revision that brought it, or of who vouched for that"),
  takers: z
    .array(
      z.strictObject({
        source: z.string(),
        channel: z.string(),
        whole: z.int().describe("clients that got all of it"),
        part: z.int().describe("that got parts only"),
        firstAt: instant,
        lastAt: instant,
      }),
    )
    .describe("clients that fetched it, counted"),
  auditSize: z.int().describe("entries of the audit log"),
  signed: z.int().describe("of these, under a signed checkpoint"),
  list: z
    .array(sightedClient)
    .optional()
    .describe("the clients that fetched it, with times: the command line asks for them page by page"),
});
