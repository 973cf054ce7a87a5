import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { TestDaemon } from "../fixtures/daemon.ts";
import { type Mirrored, mirroredFile } from "../fixtures/mirrored-file.ts";

describe("proposals, by the command line", () => {
  let mirrored: Mirrored;
  let daemon: TestDaemon;

  before(async () => {
    mirrored = await mirroredFile("a.bin", Buffer.from("one"));
    daemon = mirrored.daemon;
    const rings = [{ channel: "staging" }, { channel: "production", soak: "7d", signOffs: [{ role: "approver" }] }];
    await daemon.must({ verb: "policy-set", source: "s", policy: { rings }, after: null, reason: "", by: "test" });
  });
  after(() => mirrored?.end());

  test("an emergency: shown, proposed, signed by another, carried out ahead of the soak", async () => {
    assert.equal((await daemon.cli("propose", "s", "--emergency", "--yes")).code, 2, "no reason");
    const preview = await daemon.cli("propose", "s", "--emergency", "--reason", "fixes the crash");
    assert.equal(preview.code, 0, preview.stderr);
    assert.match(preview.stdout, /a\.bin/);
    assert.equal((await daemon.cli("proposals", "--json")).stdout.includes("fixes"), false);
    const made = await daemon.cli("propose", "s", "--emergency", "--yes", "--reason", "fixes the crash");
    assert.equal(made.code, 5, made.stderr);
    const own = await daemon.cli("sign-off", "1", "--version", "1", "--json");
    assert.equal(own.code, 3);
    assert.ok(own.stdout.includes("proposal.own"));
    assert.equal((await daemon.cli("sign-off", "1")).code, 5);
    // Another person: the command line says the user that it runs as, and this test is only one.
    const signed = await daemon.must({ verb: "sign-off", id: 1, version: 1, comment: "seen", by: "second" });
    assert.ok(signed.moved);
    const moves = await daemon.cli("log", "--moves");
    assert.ok(moves.stdout.includes("signed by second") && moves.stdout.includes("promotion.soaking"));
    const [last] = (await daemon.must({ verb: "proposals", source: "s", all: true, limit: 9 })).proposals;
    assert.equal(last?.state, "done");
    assert.equal((await daemon.cli("withdraw", "1")).code, 3);
  });
});
