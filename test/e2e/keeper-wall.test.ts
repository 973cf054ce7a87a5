import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { lstat, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { needsKernelWalls } from "../confinement/run.ts";
import { startTestDaemon } from "../fixtures/daemon.ts";

test("a keeper behind its wall does its work, and reads and writes nothing that it was not told of", {
  skip: needsKernelWalls(),
}, async (t) => {
  const outside = await mkdtemp(path.join(tmpdir(), "ringfort-wall-"));
  t.after(() => rm(outside, { recursive: true, force: true }));
  const [upstream, other, trees] = ["upstream", "other", "trees"].map((name) => path.join(outside, name));
  assert.ok(upstream !== undefined && other !== undefined && trees !== undefined);
  for (const folder of [upstream, other]) {
    await mkdir(folder);
    await writeFile(path.join(folder, "a.txt"), folder === other ? "other content" : "content");
  }
  const daemon = await startTestDaemon({
    channels: { staging: { listen: "127.0.0.1:0" }, production: { listen: "127.0.0.1:0", tree: { folder: trees } } },
    config: { confinement: { least: "kernel", keeper: { reads: [upstream] } } },
  });
  t.after(() => daemon.end());
  const state = await readFile(`/proc/${daemon.pid}/status`, "utf8");
  assert.match(state, /^NoNewPrivs:\s1$/m);
  assert.match(state, /^Seccomp:\s2$/m);
  assert.match(state, /^CapEff:\s0{13}(?:400|000)$/m);

  const source = (name: string, folder: string, content: string) =>
    daemon.addSource({
      name,
      addresses: [`${pathToFileURL(folder).href}/`],
      feed: { format: "directory", list: { kind: "files", files: ["a.txt"] } },
      trust: { kind: "pinned", digests: { "a.txt": createHash("sha256").update(content).digest("hex") } },
    });
  await source("told", upstream, "content");
  await daemon.sync("told");
  assert.equal((await daemon.cli("promote", "told")).code, 0);
  assert.equal(await (await fetch(new URL("told/a.txt", await daemon.url("production")))).text(), "content");
  assert.equal((await lstat(path.join(trees, "current"))).isSymbolicLink(), true);
  const levels = (await daemon.must({ verb: "status" })).processes.filter(({ pid }) => pid !== null);
  assert.ok(levels.length > 2 && levels.every(({ level }) => level === "kernel"), JSON.stringify(levels));

  // Walls add up: what the keeper cannot read, the process that it starts for this source cannot either.
  await source("untold", other, "other content");
  await assert.rejects(daemon.sync("untold"), { code: "upstream.unreachable" });
  const exported = await daemon.cli("export", "staging", "--to", path.join(outside, "elsewhere"), "--json");
  assert.notEqual(exported.code, 0);
  await assert.rejects(lstat(path.join(outside, "elsewhere")));
});
