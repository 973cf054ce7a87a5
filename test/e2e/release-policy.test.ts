import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { TestDaemon } from "../fixtures/daemon.ts";
import { type Mirrored, mirroredFile } from "../fixtures/mirrored-file.ts";

describe("a release policy, by the command line", () => {
  let mirrored: Mirrored;
  let daemon: TestDaemon;

  before(async () => {
    mirrored = await mirroredFile("a.bin", Buffer.from("one"));
    daemon = mirrored.daemon;
  });
  after(() => mirrored?.end());

  test("a preset is set, explained, and holds a promotion back with every reason at once", async () => {
    const set = await daemon.cli("policy", "set", "s", "--preset", "signatures", "--reason", "agreed");
    assert.equal(set.code, 0, set.stderr);
    const explained = await daemon.cli("policy", "explain", "s", "--json");
    assert.equal(explained.code, 0);
    const { rings } = JSON.parse(explained.stdout) as {
      rings: { channel: string; overdueAt: number; next: { mayMove: boolean; hindrances: { code: string }[] } }[];
    };
    const production = rings[1];
    assert.deepEqual(
      production?.next.hindrances.map(({ code }) => code),
      ["promotion.soaking", "promotion.health-unproven"],
    );
    assert.ok((production?.overdueAt ?? 0) > Date.now());
    const words = await daemon.cli("policy", "explain", "s");
    for (const code of ["promotion.soaking", "promotion.health-unproven"]) assert.ok(words.stdout.includes(code));
    const promote = await daemon.cli("promote", "s", "--json");
    assert.equal(promote.code, 3);
    assert.equal((JSON.parse(promote.stdout) as { error: { code: string } }).error.code, "promotion.soaking");
  });

  test("a file is refused with the place of each fault, and one that is right is kept over a restart", async () => {
    const file = path.join(daemon.folder, "policy.yaml");
    await writeFile(
      file,
      "zone: Europe/Nowhere\nrings:\n  - channel: staging\n  - channel: production\n    soack: 4h\n",
    );
    const wrong = await daemon.cli("policy", "set", "s", "--from", file, "--json");
    assert.equal(wrong.code, 1);
    const { error } = JSON.parse(wrong.stdout) as { error: { code: string; issues: { line: number; path: string }[] } };
    assert.equal(error.code, "policy.invalid");
    assert.deepEqual(
      error.issues.map(({ line, path: place }) => [line, place]),
      [
        [1, "zone"],
        [5, "rings[1].soack"],
      ],
    );
    await writeFile(file, "zone: Europe/Helsinki\nrings:\n  - channel: staging\n  - channel: production\n");
    assert.equal((await daemon.cli("policy", "set", "s", "--from", file)).code, 0);
    await daemon.kill();
    await daemon.start();
    const shown = await daemon.must({ verb: "policy-show", source: "s", limit: 5 });
    assert.deepEqual([shown.version, shown.policy.zone, shown.history.length], [2, "Europe/Helsinki", 2]);
    assert.equal((await daemon.cli("promote", "s")).code, 0);
  });

  test("what show prints as YAML is read back as the same", async () => {
    const yaml = (await daemon.cli("policy", "presets", "os-packages")).stdout;
    const file = path.join(daemon.folder, "preset.yaml");
    await writeFile(file, yaml);
    assert.equal((await daemon.cli("policy", "set", "s", "--from", file)).code, 0);
    assert.equal((await daemon.cli("policy", "show", "s", "--yaml")).stdout, yaml);
  });
});
