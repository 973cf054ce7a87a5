import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { blobFolder } from "../../test/fixtures/blob-folder.ts";
import { needs, needsProgram, needsSharedData, sharedData } from "../../test/fixtures/needs.ts";
import { checkSpec } from "../core/model/check.ts";
import type { CheckWord } from "../core/ports.ts";
import { openChecker } from "./checker-door.ts";

const skip = needs(needsProgram("bwrap", "bubblewrap"), needsProgram("clamscan", "clamav"));

/** A hash database of ClamAV: MD5, size and name in a line. The first is EICAR's. */
const EICAR = "44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature\n";

async function clamscan(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>): Promise<CheckWord> {
  const blobs = await blobFolder(files);
  const clean = await mkdtemp(path.join(tmpdir(), "ringfort-clean-"));
  t.after(() => Promise.all([blobs.end(), rm(clean, { recursive: true, force: true })]));
  await writeFile(path.join(clean, "letter.txt"), "clean\n");
  const check = checkSpec.parse({ kind: "clamscan", databases: ["*.hdb", "*.cvd", "*.ndb"], clean: [clean] });
  return openChecker(blobs.folder).check(check, blobs.entries, new AbortController().signal);
}

test("databases that find EICAR and nothing else pass", { skip }, async (t) => {
  assert.deepEqual(await clamscan(t, { "a.hdb": EICAR, "README.md": "no database" }), {
    outcome: "good",
    code: "check.passed",
    detail: "",
  });
});

test("what does not find EICAR, or finds something among what is clean, is bad", { skip }, async (t) => {
  const other = EICAR.replace("44d8", "55d8");
  assert.equal((await clamscan(t, { "a.hdb": other })).code, "check.sample-missed");
  // As on 21 April 2010, when a vendor took svchost.exe for a worm.
  const harmful = `${EICAR}W32.Wecorl.a:0:*:636c65616e0a\n`;
  const word = await clamscan(t, { "a.hdb": EICAR, "b.ndb": harmful.split("\n")[1] ?? "" });
  assert.deepEqual([word.outcome, word.code], ["bad", "check.false-positives"]);
  assert.match(word.detail, /letter\.txt.*W32\.Wecorl\.a/);
});

test("a database that cannot be loaded is bad, and a revision without one is no word", { skip }, async (t) => {
  assert.equal((await clamscan(t, { "a.hdb": `${EICAR}this is no line of a database\n` })).code, "check.load-failed");
  assert.equal((await clamscan(t, { "readme.txt": "nothing" })).code, "check.nothing-to-check");
});

test("a real signed database of the vendor's passes", {
  skip: needs(skip, needsSharedData("clamav", "test-6.cvd")),
}, async (t) => {
  const word = await clamscan(t, { "test.cvd": await readFile(sharedData("clamav", "test-6.cvd")) });
  assert.deepEqual([word.outcome, word.code, word.detail], ["good", "check.passed", ""]);
});

test("rules are tested by suricata, where it is", { skip: needsProgram("bwrap", "bubblewrap") }, async (t) => {
  const blobs = await blobFolder({ "a.rules": "not a rule\n" });
  t.after(blobs.end);
  const check = checkSpec.parse({ kind: "suricata" });
  const word = await openChecker(blobs.folder).check(check, blobs.entries, new AbortController().signal);
  const here = needsProgramQuietly("suricata");
  assert.equal(word.code, here ? "check.load-failed" : "check.no-program");
});

function needsProgramQuietly(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/sbin"];
  return folders.some((folder) => process.getBuiltinModule("node:fs").existsSync(path.join(folder, program)));
}
