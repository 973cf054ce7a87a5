import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { startTestDaemon } from "../fixtures/daemon.ts";
import { needs, needsProgram, needsSharedData, sharedData } from "../fixtures/needs.ts";
import { startHttpVendor } from "../upstream/http-vendor.ts";

const skip = needs(needsProgram("bwrap", "bubblewrap"), needsProgram("clamscan", "clamav"));

test("a new revision is checked by the real clamscan and by the operator's script; what they say is kept with it", {
  skip: needs(skip, needsSharedData("clamav", "test-6.cvd")),
}, async (t) => {
  const [vendor, daemon] = await Promise.all([startHttpVendor(), startTestDaemon()]);
  const clean = await mkdtemp(path.join(tmpdir(), "ringfort-clean-"));
  t.after(() => Promise.all([daemon.end(), vendor.close(), rm(clean, { recursive: true, force: true })]));
  await writeFile(path.join(clean, "letter.txt"), "clean\n");
  for (const name of ["test-6.cvd", "test-6.cvd.sign"])
    vendor.files.set(`/${name === "test-6.cvd" ? "test.cvd" : name}`, {
      body: await readFile(sharedData("clamav", name)),
    });
  await daemon.addSource({
    name: "clamav",
    feed: { format: "clamav", databases: ["test"] },
    addresses: [`${vendor.url}/`],
    trust: { kind: "clamav" },
    schedule: "manual",
    checks: [
      { kind: "clamscan", clean: [clean] },
      { kind: "command", name: "lab", command: ["/bin/sh", "-c", "ls /revision; echo 'too new'; exit 1"] },
    ],
  });
  const synced = await daemon.sync("clamav");
  assert.ok(!("code" in synced), JSON.stringify(synced));
  const { evidence } = await daemon.must({ verb: "evidence", source: "clamav", revision: null });
  const said = Object.fromEntries(evidence.map(({ name, outcome, code }) => [name, `${outcome} ${code}`]));
  assert.equal(said["clamscan"], "good check.passed");
  assert.equal(said["lab"], "bad check.said-bad");
  assert.equal(said["alarm.signer"], "good alarm.none");
  assert.match(daemon.events(), /"event":"evidence.found".*"name":"lab"/);

  const given = await daemon.cli("evidence", "give", "clamav", "--revision", "1", "--name", "lab", "--good");
  assert.equal(given.code, 0, given.stderr);
  const listed = await daemon.cli("evidence", "list", "clamav", "--json");
  const words = (JSON.parse(listed.stdout) as { evidence: { name: string; code: string }[] }).evidence;
  assert.equal(words.at(-1)?.code, "report.good");
  const again = await daemon.cli("check", "clamav");
  assert.equal(again.code, 3, again.stdout);
  assert.match(again.stdout, /lab +bad +check\.said-bad/);
});
