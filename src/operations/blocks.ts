import type { Sha256 } from "../core/kernel/digest.ts";
import type { SignatureFinding } from "../core/model/feed-listing.ts";
import { isActive, type Restraint, signerName } from "../core/model/restraint.ts";
import type { Withheld } from "../core/ports.ts";
import type { ChannelDoors } from "./sync-run.ts";

type Doors = Pick<ChannelDoors, "ledger" | "clock">;

/** The active blocks that a revision falls under. */
export async function blocksIn(
  { ledger, clock }: Doors,
  source: string,
  number: number,
): Promise<readonly Restraint[]> {
  const now = clock.now();
  const active = (await ledger.restraints(false)).filter((each) => isActive(each, now));
  const blocks = active.filter(({ on }) => on.kind !== "hold" && on.kind !== "pin");
  if (blocks.length === 0) return [];
  const revision = await ledger.revision(source, number);
  const signers = new Set(revision?.vouchedBy.split(", ").map(signerName) ?? []);
  const digests = blocks.flatMap(({ on }) => (on.kind === "block-digest" ? [on.sha256] : []));
  const named = new Set(digests.length === 0 ? [] : await ledger.namedBlobs(source, number, digests));
  return blocks.filter(({ on }) => {
    if (on.kind === "block-revision") return on.source === source && on.revision === number;
    return on.kind === "block-digest"
      ? named.has(on.sha256)
      : on.kind === "block-signer" && signers.has(signerName(on.signer));
  });
}

/** Everything that is blocked now, by what it is. */
async function blockedNow({ ledger, clock }: Doors): Promise<{
  readonly digests: ReadonlySet<Sha256>;
  readonly signers: ReadonlySet<string>;
}> {
  const now = clock.now();
  const active = (await ledger.restraints(false)).filter((each) => isActive(each, now));
  return {
    digests: new Set(active.flatMap(({ on }) => (on.kind === "block-digest" ? [on.sha256] : []))),
    signers: new Set(active.flatMap(({ on }) => (on.kind === "block-signer" ? [signerName(on.signer)] : []))),
  };
}

/** Revisions of one pointer file that are named as blocked: those that are held, newest first. */
const MOST_WITHHELD = 10_000;

/** What no server may serve: blocked contents, blocked revisions, and revisions by blocked signers. */
export async function withheldNow(doors: Doors): Promise<Withheld> {
  const { ledger, clock } = doors;
  const now = clock.now();
  const blocks = (await ledger.restraints(false)).filter((each) => isActive(each, now)).map(({ on }) => on);
  const { digests, signers } = await blockedNow(doors);
  const revisions = blocks.flatMap((on) =>
    on.kind === "block-revision" ? [{ source: on.source, revision: on.revision }] : [],
  );
  if (signers.size > 0)
    for (const { name } of await ledger.sources())
      for (const { number, vouchedBy } of await ledger.revisions(name))
        if (vouchedBy.split(", ").some((signer) => signers.has(signerName(signer))))
          revisions.push({ source: name, revision: number });
  return { digests: [...digests].slice(0, MOST_WITHHELD), revisions: revisions.slice(0, MOST_WITHHELD) };
}

/** The first signer of these good signatures whom somebody has blocked; `null`: none. */
export async function blockedSigner(doors: Doors, found: readonly SignatureFinding[]): Promise<string | null> {
  const { signers } = await blockedNow(doors);
  return found.find(({ status, signer }) => status === "good" && signers.has(signerName(signer)))?.signer ?? null;
}

/** The first of these entries whose content somebody has blocked; whatever road it came by, it is in no revision. */
export async function blockedContent<E extends { readonly sha256: Sha256 }>(
  doors: Doors,
  entries: readonly E[],
): Promise<E | null> {
  const { digests } = await blockedNow(doors);
  return entries.find(({ sha256 }) => digests.has(sha256)) ?? null;
}
