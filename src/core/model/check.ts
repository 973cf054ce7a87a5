import * as z from "zod";
import { duration, size } from "./written-value.ts";

const absolute = z
  .string()
  .max(4_096)
  // One that holds a NUL would end an argument of the jail's.
  .regex(/^\/[^\0]*$/, "an absolute path begins with /");

const limits = {
  time: duration.prefault("10m").describe("After so long the check is ended and has said nothing."),
  memory: size.prefault("4 GB").describe("Address space of each of its processes."),
} as const;

const globs = (...usual: readonly string[]) =>
  z
    .array(z.string().max(1_024))
    .min(1)
    .max(64)
    .default([...usual]);

/** One check of each new revision, before it may leave the first channel. It runs in a jail (docs/health.md). */
export const checkSpec = z.discriminatedUnion("kind", [
  z
    .strictObject({
      kind: z.literal("clamscan"),
      databases: globs("**/*.cvd", "**/*.cld", "*.cvd", "*.cld").describe("Which files of the revision are databases."),
      sample: z
        .enum(["eicar", "none"])
        .default("eicar")
        .describe("What must be found: the EICAR test file, which every whole set of databases knows."),
      clean: z
        .array(absolute)
        .max(32)
        .default(["/usr/sbin"])
        .describe("Folders of this machine in which nothing may be found: your own clean corpus."),
      ...limits,
    })
    .describe("clamscan must load the databases, find the sample, and find nothing among what is clean."),
  z
    .strictObject({
      kind: z.literal("suricata"),
      rules: globs("**/*.rules", "*.rules", "**/*.rules.tar.gz", "*.rules.tar.gz").describe(
        "Rule files, or archives of them.",
      ),
      config: absolute.default("/etc/suricata/suricata.yaml").describe("The configuration that they are tested with."),
      ...limits,
    })
    .describe("suricata -T must load every rule."),
  z
    .strictObject({
      kind: z.literal("command"),
      name: z
        .string()
        .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/)
        .describe("What the policy calls it."),
      command: z
        .array(
          z
            .string()
            .max(4_096)
            .regex(/^[^\0]*$/),
        )
        .min(1)
        .max(64)
        .describe(
          "A program by its absolute path, and its arguments. It finds the revision's files below /revision. Exit code 0: " +
            "good; 1: bad; any other: it has no opinion. Its last line is kept as the reason.",
        ),
      reads: z.array(absolute).max(32).default([]).describe("Files and folders of this machine that it may read too."),
      ...limits,
    })
    .refine(({ command }) => command[0]?.startsWith("/") === true, "the program is named by its absolute path")
    .describe("A script of your own."),
]);

export type CheckSpec = z.infer<typeof checkSpec>;

/** What policies and evidence call a check. */
export function checkName(check: CheckSpec): string {
  return check.kind === "command" ? check.name : check.kind;
}

/** When a vendor's own behaviour is unusual: compared with the revisions that are kept. */
export const alarmSpec = z.strictObject({
  change: z
    .number()
    .min(1.05)
    .max(1_000)
    .default(2)
    .describe(
      "A revision with more than so many times the usual bytes or files, or less than that part of them, is unusual.",
    ),
  silence: z
    .number()
    .min(1)
    .max(100)
    .default(3)
    .describe("So many times the vendor's longest usual pause without anything new is silence."),
});
export type AlarmSpec = z.infer<typeof alarmSpec>;
