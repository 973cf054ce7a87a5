import type { Sha256 } from "../kernel/digest.ts";
import type { Instant } from "../kernel/instant.ts";

/**
 * What a restraint is about. A hold: a channel of a source does not move (`null`: any). A pin: a channel shows one
 * revision and no other. A block: a revision, a content or a signer is never released again, from any source.
 */
export type RestraintOn =
  | { readonly kind: "hold"; readonly source: string | null; readonly channel: string | null }
  | { readonly kind: "pin"; readonly source: string; readonly channel: string; readonly revision: number }
  | { readonly kind: "block-revision"; readonly source: string; readonly revision: number }
  | { readonly kind: "block-digest"; readonly sha256: Sha256 }
  | { readonly kind: "block-signer"; readonly signer: string };

/** Somebody's order that something may not be released, with why and until when. */
export interface Restraint {
  readonly id: number;
  readonly on: RestraintOn;
  readonly reason: string;
  readonly by: string;
  readonly at: Instant;
  /** Over by itself from then on; `null`: never. */
  readonly expiresAt: Instant | null;
  readonly released: { readonly by: string; readonly at: Instant; readonly reason: string } | null;
}

/**
 * A signer's own name. Its signature is found under "A", a revision says "openpgp A", and an order may use either: both are
 * the same signer, or a block would stop what is served and not what comes, or the other way round.
 */
export function signerName(written: string): string {
  return written.replace(/^(?:openpgp|minisign|liveupdate) /, "");
}

export type RestraintDraft = Omit<Restraint, "id" | "released">;

/** Whether it restrains now. */
export function isActive({ released, expiresAt }: Pick<Restraint, "released" | "expiresAt">, now: Instant): boolean {
  return released === null && (expiresAt === null || now < expiresAt);
}

/** "hold of clamav in production", for a person. */
export function restraintText(on: RestraintOn): string {
  switch (on.kind) {
    case "hold":
      return `hold of ${on.source ?? "every source"} in ${on.channel ?? "every channel"}`;
    case "pin":
      return `pin of ${on.channel} of ${on.source} to revision ${on.revision}`;
    case "block-revision":
      return `block of revision ${on.revision} of ${on.source}`;
    case "block-digest":
      return `block of content ${on.sha256}`;
    case "block-signer":
      return `block of signer ${on.signer}`;
  }
}
