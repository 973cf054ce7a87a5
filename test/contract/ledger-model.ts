import assert from "node:assert/strict";
import fc from "fast-check";
import { Failure } from "../../src/core/kernel/errors.ts";
import type { Ledger } from "../../src/core/ports.ts";
import type { OpenedLedger } from "./ledger.ts";
import { AT, digestOf, draftOf, moveTo, REMOVAL, specOf } from "./ledger-samples.ts";
import { MemoryLedger } from "./twins/ledger.ts";

const PATHS = ["a", "b", "c/d", "c/e", "f"];
const command = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("seal" as const),
      source: fc.constantFrom("s", "t"),
      files: fc.dictionary(fc.constantFrom(...PATHS), fc.constantFrom("1", "22", "333"), { noNullPrototype: true }),
      builtAt: fc.constantFrom(null, AT, AT + 1_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("remove" as const),
      source: fc.constantFrom("s", "t"),
      numbers: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("move" as const),
      source: fc.constantFrom("s", "t"),
      channel: fc.constantFrom("staging", "production"),
      to: fc.integer({ min: 1, max: 7 }),
      stale: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), source: fc.constantFrom("s", "t") }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

async function obey(ledger: Ledger, done: Command): Promise<unknown> {
  const { source } = done;
  try {
    switch (done.kind) {
      case "seal":
        return await ledger.sealRevision(draftOf(source, done.files, done.builtAt), AT);
      case "remove":
        return await ledger.removeRevisions(source, done.numbers, REMOVAL);
      case "move": {
        const before = done.stale ? null : await ledger.position(source, done.channel);
        return await ledger.moveChannel(...moveTo(source, done.channel, done.to, before));
      }
      case "forget":
        await ledger.removeSource(source);
        return await ledger.putSource(specOf(source));
      default:
        return assert.fail("no such command");
    }
  } catch (cause) {
    if (cause instanceof Failure) return cause.code;
    throw cause;
  }
}

async function everything(ledger: Ledger): Promise<unknown> {
  const revisions = (await Promise.all(["s", "t"].map((source) => ledger.revisions(source)))).flat();
  return {
    revisions,
    entries: await Promise.all(revisions.map(({ source, number }) => ledger.entries(source, number))),
    positions: await ledger.positions(),
    moves: [await ledger.moves("s", 50), await ledger.moves("t", 50)],
    referenced: new Map(await ledger.referencedBlobs()),
    audit: await ledger.auditLines(0, 1_000),
    root: Buffer.from(await ledger.auditRoot(await ledger.auditSize())),
    where: await Promise.all(["1", "22", "333"].map((content) => ledger.whereBlob(digestOf(content)))),
  };
}

/** Random deeds on a ledger and on the naive one: every answer and all that they hold must be the same. */
export async function modelled(open: () => Promise<OpenedLedger>): Promise<void> {
  const commands = fc.array(command, { minLength: 1, maxLength: 25 });
  const property = fc.asyncProperty(commands, async (sequence) => {
    const opened = await open();
    const model = new MemoryLedger();
    try {
      for (const ledger of [opened.ledger, model])
        for (const source of ["s", "t"]) await ledger.putSource(specOf(source));
      for (const one of sequence) assert.deepEqual(await obey(opened.ledger, one), await obey(model, one));
      assert.deepEqual(await everything(opened.ledger), await everything(model));
    } finally {
      await opened.end();
    }
  });
  await fc.assert(property, { numRuns: 40, seed: 20261123 });
}
