import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { safePath } from "../../src/core/kernel/safe-path.ts";
import type { Revision, RevisionEntry } from "../../src/core/model/revision.ts";
import type { PointerMount, Views } from "../../src/core/ports.ts";
import { AT, digestOf } from "./ledger-samples.ts";

export interface OpenedViews {
  readonly views: Views;
  /** Opens them again, as the next start does. */
  reopen(): Promise<Views>;
  end(): Promise<void>;
}

export function entriesOf(...paths: readonly string[]): readonly RevisionEntry[] {
  return paths.map((path) => ({
    path: safePath(path),
    sha256: digestOf(path),
    size: path.length,
    builtAt: AT,
    since: 1,
  }));
}

export function revisionOf(source: string, number: number, entries: readonly RevisionEntry[]): Revision {
  const bytes = entries.reduce((sum, entry) => sum + entry.size, 0);
  return {
    source,
    number,
    sealedAt: AT,
    files: entries.length,
    bytes,
    series: [],
    vouchedBy: "pinned",
    unsigned: false,
    newestBuiltAt: AT,
  };
}

export function mountOf(source: string, revision: number): PointerMount {
  return { source, mount: `/${source}/`, revision, steps: [{ revision, movedAt: AT }] };
}

/** What every `Views` promises (core/ports.ts). */
export function viewsContract(name: string, open: () => Promise<OpenedViews>): void {
  describe(`views, ${name}`, () => {
    const run = async (promise: (opened: OpenedViews) => Promise<void>): Promise<void> => {
      const opened = await open();
      try {
        await promise(opened);
      } finally {
        await opened.end();
      }
    };

    test("a revision's view is there once it is written, and after a restart", async () => {
      await run(async (opened) => {
        const { views } = opened;
        const entries = entriesOf("a", "b/c");
        assert.equal(await views.hasRevision("one", 1), false);
        await views.writeRevision(revisionOf("one", 1, entries), entries);
        assert.equal(await views.hasRevision("one", 1), true);
        assert.equal(await views.hasRevision("one", 2), false);
        assert.equal(await views.hasRevision("two", 1), false);
        assert.equal(await (await opened.reopen()).hasRevision("one", 1), true);
      });
    });

    test("writing twice is writing once", async () => {
      await run(async ({ views }) => {
        for (let i = 0; i < 2; i++) await views.writeRevision(revisionOf("one", 3, []), []);
        assert.deepEqual(await views.listRevisions(), [{ source: "one", number: 3 }]);
      });
    });

    test("the list holds every view, and no other", async () => {
      await run(async ({ views }) => {
        assert.deepEqual(await views.listRevisions(), []);
        for (const [source, number] of [
          ["one", 1],
          ["one", 12],
          ["two", 1],
        ] as const)
          await views.writeRevision(revisionOf(source, number, []), []);
        await views.writePointer("staging", [mountOf("one", 12)]);
        const listed = (await views.listRevisions()).map(({ source, number }) => `${source} ${number}`);
        assert.deepEqual(listed.toSorted(), ["one 1", "one 12", "two 1"]);
      });
    });

    test("what is removed is gone, and removing it again is nothing", async () => {
      await run(async ({ views }) => {
        await views.writeRevision(revisionOf("one", 1, []), []);
        for (let i = 0; i < 2; i++) await views.removeRevision("one", 1);
        await views.removeRevision("never", 1);
        assert.equal(await views.hasRevision("one", 1), false);
        assert.deepEqual(await views.listRevisions(), []);
      });
    });

    test("a pointer can be replaced, and be of no source", async () => {
      await run(async ({ views }) => {
        for (const mounts of [[], [mountOf("one", 1), mountOf("two", 4)], [mountOf("one", 2)]])
          await views.writePointer("staging", mounts);
      });
    });
  });
}
