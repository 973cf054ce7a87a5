import * as z from "zod";

/**
 * What an age file of ours holds (docs/store-format.md): one line of JSON, then the files' bytes one after another, in its order.
 * The names are a closed set: nothing in a back-up can say where it is written.
 */
export const BACKUP_FILES = [
  "ledger.sqlite",
  "signer/key",
  "signer/last",
  "views/shutoff.json",
  "ringfort.yaml",
] as const;
export type BackupFile = (typeof BACKUP_FILES)[number];

export const MOST_MANIFEST_BYTES = 64 * 1_024;

export const manifest = z.strictObject({
  format: z.literal("ringfort-backup-1"),
  madeAt: z.int().nonnegative(),
  /** The version of Ringfort that made it. */
  by: z.string().max(64),
  files: z
    .array(
      z.strictObject({
        name: z.enum(BACKUP_FILES),
        size: z.int().nonnegative(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .min(1)
    .max(BACKUP_FILES.length)
    .refine((files) => new Set(files.map(({ name }) => name)).size === files.length, "a name stands twice"),
});
export type Manifest = z.infer<typeof manifest>;
