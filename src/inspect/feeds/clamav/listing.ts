import { quoteOutside } from "../../../core/kernel/errors.ts";
import type { FeedListing, ListedArtifact } from "../../../core/model/feed-listing.ts";
import { bareArtifact } from "../../listed-artifact.ts";

/** No cdiff leads to the first version: each leads from the version before to its own. */
const FIRST_CDIFF = 2;

/** What one database's header says of the upstream. */
export interface DatabaseHead {
  readonly database: string;
  readonly version: number;
}

export function databasePath(database: string): string {
  return `${database}.cvd`;
}

/**
 * What a mirror of these databases carries: for each the database itself, and the last `cdiffs` patches that lead to
 * it. Patches come first and the database last, so that a run that is cut short has nothing that calls for what it
 * lacks. Signature files are listed only where there are roots to verify them by: what nobody can verify is not carried.
 */
export function listDatabases(heads: readonly DatabaseHead[], cdiffs: number, signatures: boolean): FeedListing {
  return {
    artifacts: heads.flatMap((head) => listDatabase(head, cdiffs, signatures)),
    series: heads.map(({ database, version }) => ({ name: database, version })),
  };
}

function listDatabase(
  { database, version }: DatabaseHead,
  cdiffs: number,
  signatures: boolean,
): readonly ListedArtifact[] {
  const first = Math.max(FIRST_CDIFF, version - cdiffs + 1);
  const patches = Array.from({ length: Math.max(0, version - first + 1) }, (_, at) => first + at).flatMap((number) => {
    const path = `${database}-${number}.cdiff`;
    const companion = signatures ? `${path}.sign` : null;
    const patch = {
      ...bareArtifact(path, {}),
      version: number,
      optional: true,
      immutable: true,
      companion,
      inspect: true,
    };
    return companion === null ? [patch] : [signatureFile(companion), patch];
  });
  // The signature's name holds the version, the database's does not.
  const companion = signatures ? `${database}-${version}.cvd.sign` : null;
  const main = { ...bareArtifact(databasePath(database), {}), series: database, version, companion, inspect: true };
  return [...(companion === null ? [] : [signatureFile(companion)]), ...patches, main];
}

function signatureFile(path: string): ListedArtifact {
  return { ...bareArtifact(path, {}), optional: true, immutable: true };
}

/** The text for a database whose header could not be read. */
export function headFault(database: string, fault: string): string {
  return quoteOutside(`${databasePath(database)}: ${fault}`, 500);
}
