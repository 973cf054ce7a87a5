import { blobStoreContract } from "../blob-store.ts";
import { ledgerContract } from "../ledger.ts";
import { quarantineContract } from "../quarantine.ts";
import { MemoryLedger } from "./ledger.ts";
import { MemoryStore } from "./store.ts";

// What the tests of the operations run on keeps the promises of what the daemon runs on.
ledgerContract("in memory", async () => {
  const ledger = new MemoryLedger();
  return { ledger, reopen: async () => ledger, end: async () => undefined };
});
