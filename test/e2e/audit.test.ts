import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import type { SeenFacts } from "../../src/cli/context.ts";
import { known, unknown } from "../../src/core/machine/facts.ts";
import { CHECKS } from "../../src/core/machine/judge-host.ts";
import { CLEAN_HOST } from "../fixtures/clean-host.ts";
import { startTestDaemon } from "../fixtures/daemon.ts";
import { addFolderSource } from "../fixtures/mirrored-file.ts";
import { run } from "../fixtures/scripted-terminal.ts";

interface Audit {
  readonly profile: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly worst: string | null;
  readonly checks: readonly { readonly id: string; readonly verdict: string; readonly said: string }[];
}

const verdictOf = ({ checks }: Audit, id: string): string | undefined => checks.find((each) => each.id === id)?.verdict;

test("audit looks at the running daemon, its log and its store", { skip: process.platform !== "linux" }, async (t) => {
  const kept = await mkdtemp(path.join(tmpdir(), "ringfort-witness-"));
  const daemon = await startTestDaemon({
    config: { auditLog: { name: "m", witness: path.join(kept, "checkpoints.txt") }, audit: { profile: "bastion" } },
  });
  t.after(async () => {
    await daemon.end();
    await rm(kept, { recursive: true });
  });
  await addFolderSource(daemon, "content");
  const audit = async (...args: readonly string[]): Promise<{ readonly code: number; readonly told: Audit }> => {
    const { code, stdout, stderr } = await daemon.cli("audit", "--json", ...args);
    assert.equal(stderr, "");
    return { code, told: JSON.parse(stdout) as Audit };
  };
  const before = await audit();
  assert.equal(before.told.profile, "bastion");
  assert.deepEqual(
    before.told.checks.map(({ id }) => id),
    CHECKS.map(({ id }) => id),
  );
  assert.equal(verdictOf(before.told, "FS-06"), "unknown", "a store that was never checked is not clean");
  assert.equal(verdictOf(before.told, "LOG-02"), "pass");
  assert.equal(verdictOf(before.told, "CHG-02"), "fail", "a source that nobody vouches for");
  assert.equal(verdictOf(before.told, "NET-13"), "pass", "on the loopback there is no other interface");
  assert.equal(verdictOf(before.told, "PATCH-07"), "unknown", "without advisories nothing is clean");
  assert.equal(before.code, 1);

  await daemon.sync("files");
  assert.equal((await daemon.cli("store", "check")).code, 0);
  const after = await audit("--profile", "trial");
  assert.equal(verdictOf(after.told, "FS-06"), "pass");
  assert.equal(verdictOf(after.told, "LOG-02"), "not-applicable");

  await daemon.stop();
  const silent = await audit("--profile", "trial");
  assert.equal(verdictOf(silent.told, "FS-06"), "unknown", "no daemon: not known");
});

test("the exit code is the worst severity's; what is unknown is never clean", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-audit-"));
  t.after(() => rm(folder, { recursive: true }));
  const exitOf = async (facts: SeenFacts, ...args: readonly string[]): Promise<number> =>
    (await run(["audit", ...args], { cwd: folder, lookAtHost: async () => facts })).exit;
  const trial = ["--profile", "trial"];
  // No daemon answers: what only it knows is unknown.
  assert.equal(await exitOf(CLEAN_HOST, ...trial), 4);
  const uncertain = {
    ...CLEAN_HOST,
    sysctls: { ...CLEAN_HOST.sysctls, "kernel.kptr_restrict": unknown("nobody looked") },
  };
  assert.equal(await exitOf(uncertain, ...trial), 4);
  const low = { ...CLEAN_HOST, sysctls: { ...CLEAN_HOST.sysctls, "kernel.kptr_restrict": known("0") } };
  assert.equal(await exitOf(low, ...trial), 3);
  const critical = { ...low, store: { ...CLEAN_HOST.store, writableToServers: known(["blobs"]) } };
  assert.equal(await exitOf(critical, ...trial), 1);
  assert.equal((await run(["audit", "--profile", "castle"], { cwd: folder })).exit, 2);
});

test("a person reads what fails, what it means and the command that mends it", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-audit-"));
  t.after(() => rm(folder, { recursive: true }));
  const low = { ...CLEAN_HOST, sysctls: { ...CLEAN_HOST.sysctls, "kernel.kptr_restrict": known("0") } };
  const { out } = await run(["audit", "--profile", "trial"], { cwd: folder, lookAtHost: async () => low });
  assert.match(out, /FAIL +KRN-01 +low/);
  assert.match(out, /fix: sysctl -w kernel\.kptr_restrict=2/);
  assert.match(out, /UNKNOWN +FS-06/);
  assert.ok(!out.includes("KRN-02"), "what passes is told with --all");
  const all = await run(["audit", "--profile", "trial", "--all"], { cwd: folder, lookAtHost: async () => low });
  assert.match(all.out, /pass +KRN-02/);
});
