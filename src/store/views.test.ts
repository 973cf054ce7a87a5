import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { mkdtemp, readdir, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "node:test";
import { entriesOf, mountOf, revisionOf, viewsContract } from "../../test/contract/views.ts";
import type { AtStep, WriteStep } from "../core/ports.ts";
import { parseChannelPointer } from "../core/publish/channel-pointer.ts";
import { RevisionView } from "../core/publish/revision-view.ts";
import { openViews } from "./views.ts";

const noStep: AtStep = () => undefined;

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-views-"));
  try {
    await run(path.join(folder, "views"));
  } finally {
    await rm(folder, { recursive: true });
  }
}

viewsContract("in files", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-views-"));
  return {
    views: await openViews(folder, noStep),
    reopen: () => openViews(folder, noStep),
    end: () => rm(folder, { recursive: true }),
  };
});

describe("view files", () => {
  test("stand where the store format says, and read back", async () => {
    await inFolder(async (folder) => {
      const views = await openViews(folder, noStep);
      const entries = entriesOf("a", "b/c");
      await views.writeRevision(revisionOf("one", 7, entries), entries);
      await views.writePointer("staging", [mountOf("one", 7)]);
      const bytes = await readFile(path.join(folder, "revisions/one/7.view"));
      const source = { length: bytes.length, read: (at: number, length: number) => bytes.subarray(at, at + length) };
      const view = new RevisionView(source, (text) => hash("sha256", text, "buffer"));
      assert.deepEqual(view.lookUp("b/c"), { kind: "file", ...entries[1] });
      const pointer = await readFile(path.join(folder, "channels/staging.json"), "utf8");
      assert.deepEqual(parseChannelPointer(pointer, "staging").mounts, [mountOf("one", 7)]);
    });
  });

  test("of the form before the digest slots count as absent, and are written anew", async () => {
    await inFolder(async (folder) => {
      const views = await openViews(folder, noStep);
      const entries = entriesOf("a");
      await views.writeRevision(revisionOf("one", 7, entries), entries);
      const file = path.join(folder, "revisions/one/7.view");
      const bytes = await readFile(file);
      await rm(file);
      await writeFile(file, Buffer.concat([Buffer.from("RFVIEW1\n"), bytes.subarray(8)]));
      assert.equal(await views.hasRevision("one", 7), false);
      await views.writeRevision(revisionOf("one", 7, entries), entries);
      assert.deepEqual(await readFile(file), bytes);
    });
  });

  test("announce their steps in order, each once", async () => {
    await inFolder(async (folder) => {
      const steps: WriteStep[] = [];
      const views = await openViews(folder, (step) => steps.push(step));
      await views.writeRevision(revisionOf("one", 1, []), []);
      await views.writeRevision(revisionOf("one", 1, []), []);
      await views.writePointer("staging", [mountOf("one", 1)]);
      assert.deepEqual(steps, ["revision.view-written", "revision.view-renamed", "pointer.written", "pointer.renamed"]);
    });
  });

  for (const step of [
    "revision.view-written",
    "revision.view-renamed",
    "pointer.written",
    "pointer.renamed",
  ] as const) {
    test(`cut off at ${step}: each file is the old or the new one, and the write can be repeated`, async () => {
      await inFolder(async (folder) => {
        const entries = entriesOf("a");
        const write = async (atStep: AtStep): Promise<void> => {
          const views = await openViews(folder, atStep);
          await views.writeRevision(revisionOf("one", 2, entries), entries);
          await views.writePointer("staging", [mountOf("one", 2)]);
        };
        await (await openViews(folder, noStep)).writePointer("staging", [mountOf("one", 1)]);
        await assert.rejects(
          write((at) => {
            if (at === step) throw new Error("cut off");
          }),
          /cut off/,
        );
        const pointer = parseChannelPointer(
          await readFile(path.join(folder, "channels/staging.json"), "utf8"),
          "staging",
        );
        assert.equal(pointer.mounts[0]?.revision, step === "pointer.renamed" ? 2 : 1);
        await write(noStep);
        const views = await openViews(folder, noStep);
        assert.equal(await views.hasRevision("one", 2), true);
        assert.deepEqual(await readdir(path.join(folder, "revisions/one")), ["2.view"]);
      });
    });
  }

  test("a damaged one counts as missing and is written anew", async () => {
    await inFolder(async (folder) => {
      const views = await openViews(folder, noStep);
      const entries = entriesOf("a", "b");
      const file = path.join(folder, "revisions/one/1.view");
      await views.writeRevision(revisionOf("one", 1, entries), entries);
      const whole = await readFile(file);
      for (const damage of [() => truncate(file, 100), () => truncate(file, 10), () => writeFile(file, "")]) {
        await damage();
        assert.equal(await views.hasRevision("one", 1), false);
        await views.writeRevision(revisionOf("one", 1, entries), entries);
        assert.deepEqual(await readFile(file), whole);
      }
    });
  });

  test("leftovers and foreign names are no revisions", async () => {
    await inFolder(async (folder) => {
      const views = await openViews(folder, noStep);
      await views.writeRevision(revisionOf("one", 1, []), []);
      for (const name of ["2.view.new", "x.view", "03.view", "4"])
        await writeFile(path.join(folder, "revisions/one", name), "");
      assert.deepEqual(await views.listRevisions(), [{ source: "one", number: 1 }]);
    });
  });

  test("a link in a view's place is not followed", async () => {
    await inFolder(async (folder) => {
      const views = await openViews(folder, noStep);
      const place = path.join(folder, "revisions/one/2.view");
      await views.writeRevision(revisionOf("one", 2, []), []);
      await rename(place, path.join(folder, "elsewhere.view"));
      await symlink("../../elsewhere.view", place);
      assert.equal(await views.hasRevision("one", 2), false);
    });
  });

  test("names that would lead elsewhere are a bug", async () => {
    await inFolder(async (folder) => {
      const views = await openViews(folder, noStep);
      await assert.rejects(views.hasRevision("../one", 1));
      await assert.rejects(views.hasRevision("one", 0));
      await assert.rejects(views.writePointer("../x", []));
    });
  });
});
