import * as z from "zod";

/** Items of one file that are told one by one: Debian has some 60,000 packages, a full rule set as many rules. */
export const MOST_SUMMARY_ITEMS = 150_000;
export const MOST_SUMMARY_GROUPS = 256;

/** What is known of a file's content beyond its bytes: signatures, rules, packages. */
export const SUMMARY_KINDS = ["clamav", "suricata", "debian"] as const;
export type SummaryKind = (typeof SUMMARY_KINDS)[number];

const name = z.string().max(64);

/** One reading of a file's content, as inspection gives it. Facts, never a verdict. */
export const contentSummary = z.strictObject({
  /** How many there are of each type: of signatures by the database's member, of rules by action, of packages by architecture. */
  groups: z.array(z.tuple([name, z.int().nonnegative()])).max(MOST_SUMMARY_GROUPS),
  /** Each thing with its name, its group and what changes when it changes; empty where the format has no names. */
  items: z.array(z.tuple([z.string().max(128), name, z.string().max(128)])).max(MOST_SUMMARY_ITEMS),
  /** Why it could not be read whole, with the place; `null`: it was. */
  fault: z.string().max(1_024).nullable(),
});
export type ContentSummary = z.infer<typeof contentSummary>;

/** Which meaning a file's name promises, or `null`. */
export function summaryKindOf(path: string): SummaryKind | null {
  if (/\.(?:cvd|cld)$/i.test(path)) return "clamav";
  if (/\.rules(?:\.tar\.gz)?$/i.test(path)) return "suricata";
  return /(?:^|\/)Packages(?:\.gz)?$/.test(path) ? "debian" : null;
}
