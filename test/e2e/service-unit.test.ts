import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { startTestDaemon } from "../fixtures/daemon.ts";
import { needs, needsProgram } from "../fixtures/needs.ts";
import { allowedCalls } from "../fixtures/unit-file.ts";
import { startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

/**
 * The unit's walls that can be had without systemd: name spaces of its own, a file system to be read but for its own
 * folder, no device, no capability; and of what it asks of the kernel there, all that the unit's filter lets through.
 */
function likeTheUnit(folder: string, trace: string): readonly string[] {
  const walls =
    "--unshare-user --uid 990 --gid 990 --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup --cap-drop ALL";
  const files = `--ro-bind / / --dev /dev --proc /proc --bind ${folder} ${folder} --die-with-parent`;
  return `bwrap ${walls} ${files} -- strace -f -qq -o ${trace}`.split(" ");
}

test("a daemon works behind the walls of its unit, and makes no call that the unit's filter refuses", {
  skip: needs(
    needsProgram("bwrap", "bubblewrap"),
    needsProgram("strace", "strace"),
    needsProgram("systemd-analyze", "systemd"),
  ),
}, async (t) => {
  const under = await mkdtemp(path.join(tmpdir(), "ringfort-unit-"));
  t.after(() => rm(under, { recursive: true, force: true }));
  const trace = path.join(under, "calls");
  const daemon = await startTestDaemon({ under, within: likeTheUnit(under, trace) });
  t.after(() => daemon.end());
  const upstream = await startHttpVendor({});
  t.after(() => upstream.close());
  const vendor = new SignedListVendor(upstream, "s");
  vendor.publish(new Map([["a.bin", Buffer.from("an update")]]), Date.now());
  await daemon.addSource(vendor.source());
  await daemon.must({ verb: "sync", source: "s", by: "test" });
  const answer = await fetch(`${await daemon.url("staging")}s/a.bin`);
  assert.equal(await answer.text(), "an update");

  const allowed = await allowedCalls("ringfort.service");
  const calls = readFileSync(trace, "utf8").matchAll(/^\d+ +(?:<\.\.\. )?([a-z_0-9]+)(?:\(| resumed)/gm);
  const made = new Set([...calls].map(([, call = ""]) => call));
  assert.ok(made.has("landlock_restrict_self") && made.has("accept4"), "the trace shows the work");
  assert.deepEqual(
    [...made].filter((call) => !allowed.has(call)),
    [],
  );
});

test("no second signer is begun beside one that runs: each could be shown another next state, and both would sign", () => {
  const text = readFileSync(path.resolve(import.meta.dirname, "../../deploy/systemd/ringfort-signer.socket"), "utf8");
  assert.deepEqual(text.match(/^MaxConnections=.*$/gm), ["MaxConnections=1"]);
});
