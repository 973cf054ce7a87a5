import assert from "node:assert/strict";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { run } from "../fixtures/daemon.ts";
import { needsProgram } from "../fixtures/needs.ts";

const start = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../demo/start.ts");

test("the tour walks the main job to its end", { skip: needsProgram("wget", "wget"), timeout: 400_000 }, async () => {
  const { code, stdout, stderr } = await run(process.execPath, [start, "--tour"]);
  assert.equal(code, 0, stdout + stderr);
  for (const stop of [
    "first sync",
    "verified",
    "staged",
    "a client fetches from staging",
    "promoted",
    "a client fetches from production",
    "a tampered update is refused",
    "an endless file stops at its cap",
    "a regressed version is refused",
    "an interrupted download is resumed",
    "a rollback reaches a wget -N client",
    "retrieved over HTTP",
    "HTTP is blocked: passive FTP",
    "the staging pool updates",
    "released, and production updates",
    "a spoofed upstream's endless file",
    "a rogue signer under the same root",
    "a bad update reaches production",
    "rolled back: no client follows by itself",
    "recalled: every client goes back",
  ])
    assert.match(stdout, new RegExp(`^${stop} +yes `, "m"), stdout);
  // The bad update, at once and slow: the counts themselves, not only that the tour is content with them.
  for (const [stop, seen] of [
    ["a signed, valid, harmful update", "sync: exit 0; staging at 2, production at 1"],
    ["two hours on: six are silent", "canaries: suspect (exit 3): 8 fetched, 6 silent; health.silent-canaries"],
    ["who took it, who will not get it", "exposure 2: 8 took it, 0 recovered, 8 hold it, 13 contained, 0 next"],
    ["blocked: staging goes back at once", "exposure 2: 8 took it, 2 recovered, 6 hold it, 13 contained, 0 next"],
    ["the fix, alone, may not go ahead", "one's own sign-off: proposal.own; production at 1"],
    ["a second person signs: it is out", "production at 3"],
    ["everybody has left the bad one", "exposure 2: 8 took it, 8 recovered, 0 hold it, 13 contained, 0 next"],
    ["everybody has left the bad one", "exposure 3: 21 took it"],
    ["it is fetched; all is well for two hours", "canaries: unproven (exit 4): 8 fetched, 0 silent, 0 proven"],
    ["three hours on: six are silent", "canaries: suspect (exit 3): 8 fetched, 6 silent"],
    ["four hours are over; it stays", "policy explain: promotion.health-suspect; promote: exit 3; production at 3"],
    ["who took it, who will not get it (4)", "exposure 4: 8 took it, 0 recovered, 8 hold it, 13 contained, 0 next"],
    ["blocked, and left by who came back", "exposure 4: 8 took it, 8 recovered, 0 hold it, 13 contained, 0 next"],
    ["the next fix proves itself, alone", "production at 5, moved by policy"],
  ] as const) {
    const line = stdout.split("\n").find((each) => each.startsWith(`${stop}  `) && / yes /.test(each));
    assert.ok(line?.includes(seen), `${stop}: ${line ?? stdout}`);
  }
  const given = /revisions 1 to 5 were given (\d+), (\d+), (\d+), (\d+), (\d+) times/
    .exec(stdout)
    ?.slice(1)
    .map(Number);
  assert.ok(given !== undefined, stdout);
  // The client of production that never rested: the good ones, and not once a bad one.
  assert.deepEqual([given[1], given[3]], [0, 0]);
  assert.ok(
    [0, 2, 4].every((at) => (given[at] ?? 0) > 0),
    stdout,
  );
});
