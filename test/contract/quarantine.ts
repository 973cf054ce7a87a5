import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Quarantine } from "../../src/core/ports.ts";
import { landBytes, someBytes } from "./landed.ts";
import { failsWith } from "./ledger-samples.ts";

export interface OpenedQuarantine {
  readonly quarantine: Quarantine;
  /** What stands in quarantine under a landed file's name, or `null`. */
  readonly read: (file: string) => Promise<Uint8Array | null>;
  /** As after a restart of the daemon. */
  readonly reopen: () => Promise<Quarantine>;
  readonly end: () => Promise<void>;
}

const KEY = "source path";

/** What every quarantine does. `open` gives a new, empty one. */
export function quarantineContract(name: string, open: () => Promise<OpenedQuarantine>): void {
  const given = (title: string, body: (opened: OpenedQuarantine) => Promise<void>): void => {
    void test(title, async () => {
      const opened = await open();
      try {
        await body(opened);
      } finally {
        await opened.end();
      }
    });
  };
  void describe(`quarantine contract: ${name}`, () => {
    bytesLand(given);
    bytesResume(given);
  });
}

type Given = (title: string, body: (opened: OpenedQuarantine) => Promise<void>) => void;

function bytesLand(given: Given): void {
  given("what lands is what was written, and hashed on the way", async ({ quarantine, read }) => {
    const sizes = fc.tuple(fc.nat(300_000), fc.integer({ min: 1, max: 70_000 }));
    const property = fc.asyncProperty(sizes, async ([size, slice]) => {
      const bytes = someBytes(size, size + slice);
      const landed = await landBytes(quarantine, bytes, { slice });
      assert.deepEqual(await read(landed.file), new Uint8Array(bytes));
      assert.equal(landed.size, size);
      assert.equal(landed.sha256, createHash("sha256").update(bytes).digest("hex"));
      assert.equal(landed.sha512, createHash("sha512").update(bytes).digest("hex"));
      await quarantine.discard(landed.file);
      assert.equal(await read(landed.file), null);
    });
    await fc.assert(property, { numRuns: 15, seed: 20261123 });
  });

  given("SHA-512 is computed only when asked for", async ({ quarantine }) => {
    const landing = await quarantine.land(KEY, { most: 10, resume: false, sha512: false });
    landing.write(Buffer.from("abc"));
    assert.equal((await landing.finish()).sha512, null);
  });

  given("a long file keeps its order through the back-pressure", async ({ quarantine, read }) => {
    const bytes = someBytes(9_000_001);
    const landed = await landBytes(quarantine, bytes, { slice: 256 * 1024 });
    assert.ok(bytes.equals((await read(landed.file)) ?? Buffer.alloc(0)));
  });

  given(
    "a full cap is taken, one byte more ends it, and nothing of that slice is kept",
    async ({ quarantine, read }) => {
      const full = await landBytes(quarantine, someBytes(1_000), { most: 1_000 });
      assert.equal((await read(full.file))?.length, 1_000);
      const landing = await quarantine.land(KEY, { most: 1_000, resume: false, sha512: false });
      landing.write(someBytes(999));
      assert.throws(() => landing.write(someBytes(2)), failsWith("upstream.over-cap"));
      assert.equal(landing.size, 999);
      assert.throws(() => landing.write(someBytes(1)), failsWith("upstream.over-cap"));
      await assert.rejects(landing.ready(), failsWith("upstream.over-cap"));
      await assert.rejects(landing.finish(), failsWith("upstream.over-cap"));
      await landing.abandon(true);
      assert.equal(await quarantine.held(KEY), null);
    },
  );

  given("landings side by side do not mix", async ({ quarantine, read }) => {
    const files = Array.from({ length: 12 }, (_, i) => someBytes(50_000 + i, i + 1));
    const landed = await Promise.all(
      files.map((bytes, i) => landBytes(quarantine, bytes, { key: `key ${i}`, slice: 1_000 })),
    );
    for (const [i, { file }] of landed.entries()) assert.ok(files[i]?.equals((await read(file)) ?? Buffer.alloc(0)));
    assert.equal(new Set(landed.map(({ file }) => file)).size, 12);
  });

  given("after its end a landing takes nothing, and to abandon it again is nothing", async ({ quarantine }) => {
    const landing = await quarantine.land(KEY, { most: 10, resume: false, sha512: false });
    await landing.abandon(false);
    await landing.abandon(true);
    await assert.rejects(landing.finish());
    assert.equal(await quarantine.held(KEY), null);
  });
}

function bytesResume(given: Given): void {
  given("an interrupted download is held with its note, over a restart, and goes on from there", async (opened) => {
    const bytes = someBytes(2_500_000);
    const first = await opened.quarantine.land(KEY, { most: bytes.length, resume: true, sha512: true });
    await opened.quarantine.note(KEY, '{"etag":"1"}');
    first.write(bytes.subarray(0, 1_500_000));
    await first.abandon(true);
    const again = await opened.reopen();
    assert.deepEqual(await again.held(KEY), { size: 1_500_000, note: '{"etag":"1"}' });
    assert.equal(await again.held("another key"), null);
    const second = await again.land(KEY, { most: bytes.length, resume: true, sha512: true });
    assert.equal(second.size, 1_500_000);
    second.write(bytes.subarray(1_500_000, 2_000_000));
    await second.abandon(true);
    assert.deepEqual(await again.held(KEY), { size: 2_000_000, note: '{"etag":"1"}' });
    const landed = await landBytes(again, bytes, { key: KEY, resume: true });
    assert.equal(landed.sha256, createHash("sha256").update(bytes).digest("hex"));
    assert.equal(landed.sha512, createHash("sha512").update(bytes).digest("hex"));
    assert.ok(bytes.equals((await opened.read(landed.file)) ?? Buffer.alloc(0)));
    assert.equal(await again.held(KEY), null);
  });

  given("a landing that begins anew forgets what was held", async ({ quarantine }) => {
    const first = await quarantine.land(KEY, { most: 100, resume: false, sha512: false });
    first.write(someBytes(50));
    await first.abandon(true);
    assert.deepEqual(await quarantine.held(KEY), { size: 50, note: "" });
    const second = await quarantine.land(KEY, { most: 100, resume: false, sha512: false });
    assert.equal(second.size, 0);
    await second.abandon(false);
    assert.equal(await quarantine.held(KEY), null);
  });

  given("more than the cap is held: it begins anew", async ({ quarantine }) => {
    const first = await quarantine.land(KEY, { most: 100, resume: false, sha512: false });
    first.write(someBytes(50));
    await first.abandon(true);
    const second = await quarantine.land(KEY, { most: 49, resume: true, sha512: false });
    assert.equal(second.size, 0);
    await second.abandon(false);
  });

  given("a note can be changed while the bytes lie there", async ({ quarantine }) => {
    const landing = await quarantine.land(KEY, { most: 100, resume: false, sha512: false });
    await quarantine.note(KEY, "first");
    landing.write(someBytes(50));
    await landing.abandon(true);
    await quarantine.note(KEY, "second");
    assert.deepEqual(await quarantine.held(KEY), { size: 50, note: "second" });
  });

  given("the resumed bytes count towards the cap", async ({ quarantine }) => {
    const first = await quarantine.land(KEY, { most: 100, resume: false, sha512: false });
    first.write(someBytes(50));
    await first.abandon(true);
    const second = await quarantine.land(KEY, { most: 100, resume: true, sha512: false });
    assert.throws(() => second.write(someBytes(51)), failsWith("upstream.over-cap"));
    await second.abandon(false);
  });
}
