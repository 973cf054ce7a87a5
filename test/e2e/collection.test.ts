import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startTestDaemon } from "../fixtures/daemon.ts";
import { startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

// A whole daemon without a grace, as no house should be run: what is planned is done at once.
const upstream = await startHttpVendor({});
const daemon = await startTestDaemon({
  config: { collect: { grace: 0, every: "1s" }, session: { idle: 0, most: 0 } },
});
after(async () => {
  await daemon.end();
  await upstream.close();
});
const retention = { revisions: 1, age: 0, rollbackWindow: 1 } as const;

async function sourceOf(name: string, revisions: number): Promise<SignedListVendor> {
  const vendor = new SignedListVendor(upstream, name);
  for (let version = 1; version <= revisions; version += 1) {
    vendor.publish(new Map([["f.bin", Buffer.from(`${name} ${version}`)]]), Date.now() + version * 1_000);
    if (version === 1) await daemon.addSource({ ...vendor.source(), retention });
    await daemon.sync(name);
  }
  return vendor;
}

const held = async (source: string): Promise<readonly number[]> =>
  (await daemon.must({ verb: "revisions", source })).revisions.map(({ revision }) => revision);

test("a collection shows, is refused when the world has moved on, removes what was shown, and is remembered", async () => {
  const vendor = await sourceOf("byhand", 4);
  const look = await daemon.cli("gc", "--json");
  const plan = JSON.parse(look.stdout);
  assert.deepEqual(
    plan.revisions.map((one: { revision: number }) => one.revision),
    [1, 2],
  );
  assert.deepEqual(
    plan.kept.map((one: { revision: number; why: { for: string }[] }) => [one.revision, one.why.map((why) => why.for)]),
    [
      [4, ["shown", "newest", "way-back"]],
      [3, ["way-back"]],
    ],
  );
  vendor.publish(new Map([["f.bin", Buffer.from("byhand 5")]]), Date.now() + 9_000);
  await daemon.sync("byhand");
  const late = await daemon.cli("gc", "--yes", "--plan", plan.plan);
  assert.equal(late.code, 3);
  assert.match(late.stderr, /collection\.changed-meanwhile/);
  assert.deepEqual(await held("byhand"), [5, 4, 3, 2, 1]);
  assert.equal((await daemon.cli("gc", "--yes")).code, 0);
  assert.deepEqual(await held("byhand"), [5, 4]);
  const back = await daemon.cli("rollback", "byhand", "--channel", "staging", "--revision", "2", "--json");
  assert.equal(back.code, 3);
  assert.match(back.stdout + back.stderr, /revision\.gone/);
  const { purged } = await daemon.must({ verb: "revisions", source: "byhand" });
  assert.deepEqual(
    purged.map(({ revision }) => revision),
    [3, 2, 1],
  );
  assert.equal((await daemon.cli("diff", "byhand", "1", "5")).code, 3);
  assert.equal((await daemon.cli("gc", "--plan", plan.plan)).code, 2);
});

test("the daemon collects by itself where the settings say so, and nowhere else", async () => {
  await sourceOf("other", 3);
  const vendor = await sourceOf("byitself", 3);
  await pause(1_500);
  assert.deepEqual(await held("byitself"), [3, 2, 1]);
  const spec = { ...vendor.source(), retention: { ...retention, automatic: true } };
  await daemon.must({ verb: "source-change", spec, by: "test" });
  while ((await held("byitself")).length > 2) await pause(100);
  assert.deepEqual(await held("other"), [3, 2, 1]);
  const { purged } = await daemon.must({ verb: "revisions", source: "byitself" });
  assert.deepEqual(
    purged.map(({ revision, by }) => [revision, by]),
    [[1, "schedule"]],
  );
  assert.match(daemon.events(), /"event":"revisions.removed","source":"byitself","revisions":"1"/);
  const { size } = await daemon.must({ verb: "audit-log", from: 0, limit: 1 });
  const { lines } = await daemon.must({ verb: "audit-log", from: size - 10, limit: 10 });
  assert.ok(lines.some((line) => line.includes('"revisions.removed"') && line.includes('"by":"schedule"')));
});
