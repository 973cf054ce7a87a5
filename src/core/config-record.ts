import * as z from "zod";
import { FTP_LOG_FIELDS, HTTP_LOG_FIELDS, MORE_FTP_LOG_FIELDS, MORE_HTTP_LOG_FIELDS } from "./model/access-log.ts";
import { duration, size } from "./model/written-value.ts";

/** What is recorded of clients. */
export const clients = z
  .strictObject({
    record: z
      .boolean()
      .default(true)
      .describe(
        "Whether it is recorded which client took what, by its address and what it calls itself. `false`: nothing is, " +
          "what was is removed at the next start, and no revision can be shown to be healthy by its clients.",
      ),
    keep: duration.prefault("90d").describe("How long a client is remembered that nobody sees any more."),
    takings: duration
      .prefault("30d")
      .describe("How long it is remembered who took a revision or a file, after the last one did."),
    most: z
      .int()
      .min(1)
      .max(2_000_000)
      .default(200_000)
      .describe("Clients remembered at once; further ones are not recorded."),
    mostTakings: z
      .int()
      .min(1_000)
      .max(100_000_000)
      .default(5_000_000)
      .describe("Rows of who took what, some 60 bytes each; past it those of what was taken longest ago go early."),
  })
  .refine(
    ({ keep, takings }) => keep >= takings,
    "keep must be as long as takings: what a client took names the client",
  );

/** The access logs. */
export const logs = z.strictObject({
  fields: z
    .array(z.enum([...HTTP_LOG_FIELDS, ...MORE_HTTP_LOG_FIELDS]))
    .min(1)
    .max(64)
    .default([...HTTP_LOG_FIELDS])
    .describe("Of HTTP's access logs, in this order (W3C Extended Log Format)."),
  ftpFields: z
    .array(z.enum([...FTP_LOG_FIELDS, ...MORE_FTP_LOG_FIELDS]))
    .min(1)
    .max(64)
    .default([...FTP_LOG_FIELDS])
    .describe("Of FTP's."),
  size: size
    .prefault("64MiB")
    .refine((bytes) => bytes >= 64 * 1_024, "a log of less than 64 KiB is put aside all the time")
    .describe("A log of so many bytes is put aside, and a new one begun; earlier where `total` leaves no room for it."),
  every: duration
    .prefault("1d")
    .refine((time) => time >= 60_000, "at least a minute")
    .describe("So often it is put aside in any case, in UTC: `1d` at midnight."),
  files: z.int().min(1).max(10_000).default(60).describe("Files that are kept of each log."),
  age: duration.prefault("90d").describe("How long they are kept."),
  total: size
    .prefault("2GiB")
    .refine((bytes) => bytes >= 1_024 * 1_024, "at least 1 MiB")
    .describe("Bytes of all logs together; past it the oldest goes, whatever `files` and `age` say."),
  compress: z.boolean().default(true).describe("Whether what was put aside is compressed (gzip)."),
});

export const auditLog = z.strictObject({
  name: z
    .string()
    .regex(/^[^\s+\p{Cc}]{1,255}$/u, "no blanks and no +")
    .optional()
    .describe(
      "The log's name, the origin of its checkpoints; it is fixed when the key is made. Absent: ringfort/ and the host's name.",
    ),
  witness: z
    .string()
    .min(1)
    .max(4_096)
    .optional()
    .describe(
      "A file to which each checkpoint is appended, best on another machine's share: who holds it finds every change of the log's past.",
    ),
});
