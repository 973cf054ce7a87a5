import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { type CheckSpec, checkSpec } from "../../src/core/model/check.ts";
import type { CheckWord } from "../../src/core/ports.ts";
import { openChecker } from "../../src/daemon/checker-door.ts";
import { blobFolder } from "../fixtures/blob-folder.ts";
import { needsProgram } from "../fixtures/needs.ts";

/** A check is a program that reads what a vendor wrote: it may be taken over, and is held as if it were. */
const skip = needsProgram("bwrap", "bubblewrap");

async function judged(
  t: TestContext,
  script: string,
  changes: Partial<Omit<Extract<CheckSpec, { kind: "command" }>, "kind">> = {},
  files: Readonly<Record<string, string>> = { "rules/a.rules": "one\n", "b.txt": "two\n" },
): Promise<CheckWord> {
  const blobs = await blobFolder(files);
  t.after(blobs.end);
  const check = checkSpec.parse({ kind: "command", name: "own", command: ["/bin/sh", "-c", script], ...changes });
  return openChecker(blobs.folder).check(check, blobs.entries, new AbortController().signal);
}

test("a script reads the revision by its names, and its exit code is its word", { skip }, async (t) => {
  const good = await judged(t, "cat rules/a.rules /revision/b.txt | tr '\\n' ' '");
  assert.deepEqual(good, { outcome: "good", code: "check.passed", detail: "one two" });
  const bad = await judged(t, "echo looked; echo 'rule 7 is harmful' >&2; exit 1");
  assert.deepEqual(bad, { outcome: "bad", code: "check.said-bad", detail: "rule 7 is harmful" });
  assert.equal((await judged(t, "exit 9")).code, "check.no-opinion");
  assert.equal((await judged(t, "kill -9 $$")).code, "check.no-opinion");
});

test("no network, no write, no file of the machine, no environment, no process of ours", { skip }, async (t) => {
  const folder = t.mock === undefined ? "" : import.meta.dirname;
  const attempts = [
    "cat /etc/passwd",
    `cat ${path.join(folder, "check-jail.test.ts")}`,
    "echo x > /revision/c",
    "echo x > /usr/c",
    "echo x > /blobs/c",
    "rm -f /revision/b.txt && [ ! -e /revision/b.txt ]",
    `kill -0 ${process.pid}`,
    "cat /proc/1/environ | tr '\\0' '\\n' | grep -q CANARY_SECRET",
    "env | grep -v -E '^(PATH|LC_ALL|HOME|PWD|SHLVL|OLDPWD|_)='",
    "grep -v -E 'lo:|Inter|face' /proc/net/dev",
    "mount -t tmpfs none /usr",
  ];
  process.env["CANARY_SECRET"] = "1";
  t.after(() => delete process.env["CANARY_SECRET"]);
  const script = attempts.map(
    (attempt) => `if (${attempt}) > /dev/null 2>&1; then echo '${attempt.replaceAll("'", "")}'; exit 1; fi`,
  );
  const word = await judged(t, script.join("\n"));
  assert.deepEqual(word, { outcome: "good", code: "check.passed", detail: "" });
});

test("it is ended at its time, at its output, and with all that it has started", { skip }, async (t) => {
  const mark = `ringfort-jail-${process.pid}-${Date.now()}`;
  const slow = await judged(t, `(exec -a ${mark} sleep 60) & sleep 60`, { time: 300 });
  assert.equal(slow.code, "check.timed-out");
  const loud = await judged(
    t,
    "while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done",
  );
  assert.equal(loud.code, "check.too-much-output");
  assert.ok(loud.detail.length <= 401);
});

test("what it takes of memory and of disk is bounded", { skip }, async (t) => {
  const hungry = "head -c 300000000 /dev/zero | tail -c 300000000 | wc -c";
  assert.equal((await judged(t, `${hungry} | grep -q 300000000`, { memory: 80_000_000 })).outcome, "bad");
  const filling = "head -c 700000000 /dev/zero > /tmp/x 2>/dev/null; [ $(stat -c %s /tmp/x) -le 540000000 ]";
  assert.equal((await judged(t, filling)).outcome, "good");
});

test("names that mean something to a shell or to bubblewrap are names", { skip }, async (t) => {
  const files = { "--ro-bind": "1", "$(exit 7)": "2", "a b;rm": "3" };
  const word = await judged(
    t,
    "ls -1 /revision | LC_ALL=C sort | tr '\\n' '|'; cat -- ./--ro-bind './a b;rm'",
    {},
    files,
  );
  assert.deepEqual([word.outcome, word.detail], ["good", "$(exit 7)|--ro-bind|a b;rm|13"]);
});

test("a revision of thousands of files has room; a missing program is no word against it", { skip }, async (t) => {
  const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, at) => [`d${at % 7}/${at}`, "same"]));
  assert.equal((await judged(t, "[ $(find /revision -type l | wc -l) = 3000 ]", {}, many)).outcome, "good");
  assert.equal((await judged(t, "", { command: ["/usr/bin/there-is-none"] })).code, "check.no-program");
});

test("a program of the operator's may stand anywhere, and reads what is named beside it", { skip }, async (t) => {
  const blobs = await blobFolder({ a: "1" });
  t.after(blobs.end);
  const [script, list] = [path.join(blobs.folder, "look.sh"), path.join(blobs.folder, "list")];
  await writeFile(script, `#!/bin/sh\ncat ${list} && exit 1\n`, { mode: 0o755 });
  await writeFile(list, "known bad\n");
  const check = checkSpec.parse({ kind: "command", name: "own", command: [script], reads: [list] });
  const word = await openChecker(blobs.folder).check(check, blobs.entries, new AbortController().signal);
  assert.deepEqual([word.code, word.detail], ["check.said-bad", "known bad"]);
  assert.ok(existsSync(list));
});

test("a stop ends it", { skip }, async (t) => {
  const blobs = await blobFolder({ a: "1" });
  t.after(blobs.end);
  const check = checkSpec.parse({ kind: "command", name: "own", command: ["/bin/sh", "-c", "sleep 60"] });
  const began = performance.now();
  const word = await openChecker(blobs.folder).check(check, blobs.entries, AbortSignal.timeout(200));
  assert.equal(word.code, "check.no-opinion");
  assert.ok(performance.now() - began < 30_000);
});
