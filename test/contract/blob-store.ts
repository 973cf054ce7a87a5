import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Sha256 } from "../../src/core/kernel/digest.ts";
import type { BlobStore, Quarantine } from "../../src/core/ports.ts";
import { accept, landBytes, listed, someBytes } from "./landed.ts";
import { AT, digestOf } from "./ledger-samples.ts";

export interface OpenedBlobs {
  readonly blobs: BlobStore;
  readonly quarantine: Quarantine;
  /** What the store reads as the time. */
  readonly clock: { now: number };
  readonly inQuarantine: (file: string) => Promise<boolean>;
  /** Changes a byte of a blob, as a bad disk would. */
  readonly damage: (sha256: Sha256) => Promise<void>;
  readonly reopen: () => Promise<BlobStore>;
  readonly end: () => Promise<void>;
}

/** What every blob store does. `open` gives a new, empty one with its quarantine. */
export function blobStoreContract(name: string, open: () => Promise<OpenedBlobs>): void {
  const given = (title: string, body: (opened: OpenedBlobs) => Promise<void>): void => {
    void test(title, async () => {
      const opened = await open();
      try {
        await body(opened);
      } finally {
        await opened.end();
      }
    });
  };
  void describe(`blob store contract: ${name}`, () => {
    admitting(given);
    keeping(given);
  });
}

type Given = (title: string, body: (opened: OpenedBlobs) => Promise<void>) => void;

function admitting(given: Given): void {
  given("an accepted file leaves quarantine and stands under its digest", async (opened) => {
    const { blobs, quarantine } = opened;
    const landed = await landBytes(quarantine, someBytes(100_000));
    assert.equal(await blobs.sizeOf(landed.sha256), null);
    assert.equal(await blobs.check(landed.sha256, landed.size), "missing");
    await blobs.admit(accept(landed));
    await blobs.settle();
    assert.equal(await opened.inQuarantine(landed.file), false);
    const again = await opened.reopen();
    assert.equal(await again.sizeOf(landed.sha256), 100_000);
    assert.equal(await again.check(landed.sha256, landed.size), "whole");
  });

  given("the same bytes twice are one blob, whichever way they come", async (opened) => {
    const { blobs, quarantine, clock } = opened;
    const both = [await landBytes(quarantine, someBytes(5_000)), await landBytes(quarantine, someBytes(5_000))];
    await Promise.all(both.map((landed) => blobs.admit(accept(landed))));
    const third = await landBytes(quarantine, someBytes(5_000));
    clock.now = AT + 60_000;
    await blobs.admit(accept(third));
    await blobs.admit(accept(third));
    for (const { file } of [...both, third]) assert.equal(await opened.inQuarantine(file), false);
    const [only, ...more] = await listed(blobs);
    // Admitted again, its grace begins again: a collection must not take it before a revision names it.
    assert.deepEqual(only, { sha256: third.sha256, size: 5_000, admittedAt: AT + 60_000 });
    assert.equal(more.length, 0);
  });

  given("an empty file is a blob like any other", async ({ blobs, quarantine }) => {
    const landed = await landBytes(quarantine, Buffer.alloc(0));
    await blobs.admit(accept(landed));
    assert.equal(landed.sha256, digestOf(""));
    assert.equal(await blobs.sizeOf(landed.sha256), 0);
    assert.equal(await blobs.check(landed.sha256, 0), "whole");
  });
}

function keeping(given: Given): void {
  given("a changed byte and another size are damage", async ({ blobs, quarantine, damage }) => {
    const landed = await landBytes(quarantine, someBytes(3_000_000));
    await blobs.admit(accept(landed));
    assert.equal(await blobs.check(landed.sha256, 2_999_999), "damaged");
    await damage(landed.sha256);
    assert.equal(await blobs.sizeOf(landed.sha256), 3_000_000);
    assert.equal(await blobs.check(landed.sha256, 3_000_000), "damaged");
  });

  given("what is listed is what was admitted and not removed", async ({ blobs, quarantine }) => {
    const property = fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(12), fc.boolean()), { maxLength: 12 }),
      async (deeds) => {
        const model = new Map<string, number>((await listed(blobs)).map(({ sha256, size }) => [sha256, size]));
        for (const [n, stays] of deeds) {
          const landed = await landBytes(quarantine, someBytes(n * 10, n));
          await blobs.admit(accept(landed));
          model.set(landed.sha256, landed.size);
          if (stays) continue;
          await blobs.remove(landed.sha256);
          await blobs.remove(landed.sha256);
          model.delete(landed.sha256);
        }
        await blobs.settle();
        const there = await listed(blobs);
        assert.deepEqual(new Map(there.map(({ sha256, size }) => [sha256 as string, size])), model);
        for (const { admittedAt } of there) assert.equal(admittedAt, AT);
      },
    );
    await fc.assert(property, { numRuns: 15, seed: 20261123 });
  });

  given("it knows how much room there is", async ({ blobs }) => {
    assert.ok((await blobs.freeBytes()) > 0);
  });
}
