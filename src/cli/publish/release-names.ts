import { type Instant, SECOND } from "../../core/kernel/instant.ts";
import type { Identity } from "../../formats/liveupdate/names.ts";

/**
 * The next sequence: `YYMMDDRRR`, the date in UTC and the number of releases that day from 001 on, as the vendor counts
 * definitions. It is always above the highest: a clock that has been put back, or the 1,000th release of a day, only
 * makes it run ahead of its date.
 */
export function nextSequence(now: Instant, highest: number | null): number {
  const date = new Date(now).toISOString();
  const today = Number(`${date.slice(2, 4)}${date.slice(5, 7)}${date.slice(8, 10)}001`);
  return Math.max(today, (highest ?? 0) + 1);
}

/** `<epoch>name.zip`, ten digits of seconds in front: one name stands for one content for ever. */
export function packageName(identity: Identity, sequence: number, from: number | null, at: Instant): string {
  const seconds = String(Math.floor(at / SECOND)).padStart(10, "0");
  const words = [identity.product, identity.version, identity.language].map(slug);
  return `${seconds}${words.join("-")}-${from === null ? "" : `${from}-`}${sequence}.zip`;
}

function slug(text: string): string {
  const kept = text
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "");
  return kept === "" ? "x" : kept.slice(0, 40);
}
