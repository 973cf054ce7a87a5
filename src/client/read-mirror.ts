import { Failure, quoteOutside } from "../core/kernel/errors.ts";
import { formatInstant, type Instant } from "../core/kernel/instant.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import type { SignatureFinding } from "../core/model/feed-listing.ts";
import type { HostEntry } from "../core/model/host-file.ts";
import type { LiveupdateTrust } from "../core/model/source.ts";
import type { IndexedPackage } from "../formats/liveupdate/dialect.ts";
import { FLAG_NAME, indexName, isPlainName } from "../formats/liveupdate/names.ts";
import { type IndexReading, readIndex } from "../formats/liveupdate/read-index.ts";
import { type AgentCode, Stop } from "./agent-code.ts";
import type { ClientProduct } from "./agent-config.ts";
import type { ClientFetcher } from "./doors.ts";
import type { RunBudget } from "./download.ts";

/** A small file of a mirror, whole; `null` when it has none of that name. Throws `Failure` and `Stop`. */
export async function fetchSmall(
  fetcher: ClientFetcher,
  host: HostEntry,
  path: string,
  most: number,
  budget: RunBudget,
): Promise<Uint8Array | null> {
  const pieces: Uint8Array[] = [];
  const sink = {
    begin: (): void => void (pieces.length = 0),
    write: async (piece: Uint8Array): Promise<void> => {
      budget.left -= piece.length;
      if (budget.left < 0) throw new Stop("budget.total-bytes", "the run's budget is spent", false);
      pieces.push(Uint8Array.from(piece));
    },
  };
  const end = await fetcher.fetch({ host, path, most, resume: null }, sink);
  if (end.kind === "done") return Buffer.concat(pieces);
  if (end.code === "upstream.not-found") return null;
  throw new Failure(end.code, end.detail);
}

/** Asks for the flag file, as every LiveUpdate client does first: a mirror without it has no indexes per product. */
export async function askFlag(
  fetcher: ClientFetcher,
  host: HostEntry,
  product: ClientProduct,
  budget: RunBudget,
): Promise<void> {
  const flag = await fetchSmall(fetcher, host, `${product.mount.slice(1)}${FLAG_NAME}`, 64, budget);
  if (flag === null)
    throw new Failure(
      "upstream.not-found",
      `no ${FLAG_NAME}: there is no LiveUpdate content at ${product.mount}, or none has been released yet`,
    );
}

/**
 * The packages of a product as its index at this mirror names them, the index verified; `null` when the mirror has no
 * index of it, which means that there are no updates.
 */
export async function readProductIndex(
  fetcher: ClientFetcher,
  host: HostEntry,
  product: ClientProduct,
  trust: LiveupdateTrust,
  now: Instant,
  budget: RunBudget,
): Promise<readonly IndexedPackage[] | null> {
  const name = indexName(product);
  const path = `${product.mount.slice(1)}${product.folder}${name}`;
  const bytes = await fetchSmall(fetcher, host, path, LIMITS.agentIndexBytes, budget);
  if (bytes === null) return null;
  const reading = await readIndex({ name: path, bytes, trust, dialect: product.dialect, now });
  judgeIndex(reading, trust, now);
  return packagesOfItem(reading.packages, product);
}

/** The client's own judgement is no milder than the mirror's: a mirror is believed in nothing. */
function judgeIndex(reading: IndexReading, trust: LiveupdateTrust, now: Instant): void {
  if (reading.malformed !== null) throw new Stop("feed.malformed", quoteOutside(reading.malformed, 300));
  judgeSignatures(reading.signatures, "feed");
  if (reading.contradictions.length > 0)
    throw new Stop("feed.contradicts-itself", quoteOutside(reading.contradictions.join("; "), 300));
  if (reading.weak && trust.profile !== "legacy-sha1")
    throw new Stop("feed.digest-weak", "the index is bound by SHA-1 alone");
  const { lastModified } = reading.guard ?? { lastModified: null };
  if (lastModified !== null && lastModified > now + LIMITS.clockTolerance)
    throw new Stop("feed.from-the-future", `made ${formatInstant(lastModified)}, our clock says ${formatInstant(now)}`);
}

const SIGNATURE_CODES: Readonly<
  Record<"feed" | "artifact", Readonly<Record<"unknown-key" | "expired" | "other", AgentCode>>>
> = {
  feed: { "unknown-key": "feed.signer-unknown", expired: "feed.signature-expired", other: "feed.signature-wrong" },
  artifact: {
    "unknown-key": "artifact.signer-unknown",
    expired: "artifact.signature-wrong",
    other: "artifact.signature-wrong",
  },
};

/** Every signature that is there must be good: one that is not was put there by somebody. */
export function judgeSignatures(signatures: readonly SignatureFinding[], of: "feed" | "artifact"): void {
  if (signatures.length === 0 && of === "feed") throw new Stop("feed.unsigned", "the index carries no signature");
  const bad = signatures.find(({ status }) => status !== "good");
  if (bad === undefined) return;
  const codes = SIGNATURE_CODES[of];
  const code = bad.status === "unknown-key" || bad.status === "expired" ? codes[bad.status] : codes.other;
  throw new Stop(
    code,
    `${quoteOutside(bad.over)}: ${bad.status} ${quoteOutside(bad.signer)} ${quoteOutside(bad.detail)}`.trim(),
  );
}

function packagesOfItem(packages: readonly IndexedPackage[], product: ClientProduct): readonly IndexedPackage[] {
  const own = packages.filter(
    ({ identity }) =>
      identity.product.toLowerCase() === product.product.toLowerCase() &&
      identity.version.toLowerCase() === product.version.toLowerCase() &&
      identity.language.toLowerCase() === product.language.toLowerCase(),
  );
  const odd = own.find(({ file }) => !isPlainName(file));
  if (odd !== undefined) throw new Stop("feed.unsafe-name", quoteOutside(odd.file));
  const items = new Set(own.map(({ item }) => item.toLowerCase()));
  if (product.item === undefined && items.size > 1)
    throw new Stop("config.invalid", `the index counts ${items.size} items: name the one to follow as "item"`, false);
  const wanted = product.item?.toLowerCase();
  return wanted === undefined ? own : own.filter(({ item }) => item.toLowerCase() === wanted);
}
