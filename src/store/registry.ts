import type { BlobStore, Ledger } from "../core/ports.ts";
import { type BlobsOptions, openBlobs } from "./blobs/filesystem.ts";
import { type LedgerOptions, openSqliteLedger } from "./ledgers/sqlite.ts";

/** Every kind of blob store that the house has. */
export const blobStores = { filesystem: openBlobs } as const satisfies Record<
  string,
  (options: BlobsOptions) => Promise<BlobStore>
>;

/** Every kind of ledger. */
export const ledgers = { sqlite: openSqliteLedger } as const satisfies Record<
  string,
  (options: LedgerOptions) => Promise<Ledger>
>;
