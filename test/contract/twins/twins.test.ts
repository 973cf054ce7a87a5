import assert from "node:assert/strict";
import { blobStoreContract } from "../blob-store.ts";
import { ledgerContract } from "../ledger.ts";
import { AT } from "../ledger-samples.ts";
import { quarantineContract } from "../quarantine.ts";
import { MemoryLedger } from "./ledger.ts";
import { MemoryStore } from "./store.ts";

// What the tests of the operations run on keeps the promises of what the daemon runs on.
ledgerContract("in memory", async () => {
  const ledger = new MemoryLedger();
  return { ledger, reopen: async () => ledger, end: async () => undefined };
});

quarantineContract("in memory", async () => {
  const { quarantine, files } = new MemoryStore(() => 0);
  const read = async (file: string): Promise<Uint8Array | null> => {
    const bytes = files.get(file);
    return bytes === undefined ? null : new Uint8Array(bytes);
  };
  return { quarantine, read, reopen: async () => quarantine, end: async () => undefined };
});

blobStoreContract("in memory", async () => {
  const clock = { now: AT };
  const { quarantine, blobs, files, stored } = new MemoryStore(() => clock.now);
  return {
    blobs,
    quarantine,
    clock,
    inQuarantine: async (file) => files.has(file),
    damage: async (sha256) => {
      const blob = stored.get(sha256);
      assert.ok(blob !== undefined);
      stored.set(sha256, { ...blob, bytes: blob.bytes.map((byte, i) => (i === 7 ? byte ^ 1 : byte)) });
    },
    reopen: async () => blobs,
    end: async () => undefined,
  };
});
