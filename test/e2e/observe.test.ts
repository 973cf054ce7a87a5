import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { known } from "../../src/core/machine/facts.ts";
import { look } from "../../src/core/observed/look.ts";
import { startTestDaemon } from "../fixtures/daemon.ts";

test("observe tells of the daemon's roles what the kernel shows, and of Landlock what the daemon knows", {
  skip: process.platform !== "linux",
}, async (t) => {
  const daemon = await startTestDaemon();
  t.after(() => daemon.end());
  const { code, stdout } = await daemon.cli("observe", "serve", "keeper", "--json");
  assert.equal(code, 0);
  const seen = look.parse(JSON.parse(stdout));
  const status = await daemon.must({ verb: "status" });
  const serving = status.processes.filter(({ role }) => role.startsWith("serve"));
  for (const { pid, level } of serving) {
    const one = seen.processes.find((each) => each.pid === pid);
    assert.ok(one !== undefined, `process ${pid} is seen`);
    assert.equal(one.role, "serve");
    assert.equal("is" in one.landlock, level === "kernel");
    if (level === "kernel") assert.deepEqual(one.seccomp, known("filter"));
    assert.ok("is" in one.sockets && one.sockets.is.some(({ state }) => state === "listening"));
  }
  assert.equal(seen.processes.filter(({ role }) => role === "keeper").length, 1, "of this daemon alone");

  const file = path.join(daemon.folder, "before.json");
  await writeFile(file, stdout);
  const compared = await daemon.cli("observe", "--diff", file, file, "--json");
  // Who process 1 is, the kernel may not show: then whose name spaces these are is not known.
  const told = (JSON.parse(compared.stdout) as { differences: { what: string; change: string }[] }).differences;
  assert.deepEqual(
    told.filter(({ what, change }) => what !== "name space" || change !== "unknown"),
    [],
  );
  assert.equal(compared.code, told.length === 0 ? 0 : 3);

  const nobody = await daemon.cli("observe", "--program", "no-such-program", "--json");
  assert.equal(nobody.code, 1);
  assert.equal((JSON.parse(nobody.stdout) as { error: { code: string } }).error.code, "process.unknown");
  const wrong = await daemon.cli("observe", "--diff", file, path.join(daemon.folder, "ringfort.yaml"), "--json");
  assert.equal((JSON.parse(wrong.stdout) as { error: { code: string } }).error.code, "film.unreadable");
});
