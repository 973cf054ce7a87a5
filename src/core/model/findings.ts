import * as z from "zod";
import { signatureFinding } from "./feed-listing.ts";

/** What inspection saw in one file's content. Facts, never a verdict. */
export const contentFindings = z.strictObject({
  /** Why the file is not what its format says, with the place; `null` when it is. */
  malformed: z.string().max(1_024).nullable(),
  signatures: z.array(signatureFinding).max(64),
  /** Where the signed inside says otherwise than the unsigned outside: "version: header 7, .info 6". */
  contradictions: z.array(z.string().max(1_024)).max(64),
  /** The version that the file itself proves to have. */
  version: z.int().nonnegative().nullable(),
  /** When the vendor says it was built, in milliseconds since 1970. */
  builtAt: z.int().nullable(),
  /** Bytes that it unpacks to; `null` when it is no archive. Unpacking stops at the cap: then `expandedPastCap`. */
  expandedBytes: z.int().nonnegative().nullable(),
  expandedPastCap: z.boolean(),
  /** Of the whole file, where its listing names one: 40 hexadecimal digits. */
  sha1: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .optional(),
  /** What a person wants to see: signature counts, builder, functionality level. */
  notes: z.record(z.string().max(64), z.union([z.string().max(512), z.number()])),
});

export type ContentFindings = z.infer<typeof contentFindings>;

/** What the keeper saw while the bytes landed, and what inspection added. */
export interface FileFindings {
  readonly size: number;
  readonly sha256: string;
  readonly sha512: string | null;
  readonly content: ContentFindings | null;
}
