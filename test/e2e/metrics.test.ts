import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { METRICS_TYPE } from "../../src/core/metrics/exposition.ts";
import type { TestDaemon } from "../fixtures/daemon.ts";
import { type Mirrored, mirroredFile } from "../fixtures/mirrored-file.ts";
import { needsProgram } from "../fixtures/needs.ts";
import { readExposition } from "../fixtures/read-exposition.ts";

describe("metrics of a real daemon", () => {
  let mirrored: Mirrored;
  let daemon: TestDaemon;

  const base = (): string =>
    daemon
      .events()
      .match(/"event":"console.listening","url":"[^"]+"/g)
      ?.at(-1)
      ?.split('"')[7] ?? "";
  const printed = async (): Promise<string> => {
    const { code, stdout, stderr } = await daemon.cli("metrics");
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const value = (text: string, name: string, labels: Readonly<Record<string, string>>): number | undefined =>
    readExposition(text)
      .get(name)
      ?.samples.find((sample) => Object.entries(labels).every(([label, wanted]) => sample.labels[label] === wanted))
      ?.value;

  before(async () => {
    mirrored = await mirroredFile("a.bin", Buffer.from("one"), { console: { listen: "127.0.0.1:0" } });
    daemon = mirrored.daemon;
  });
  after(() => mirrored?.end());

  test("say what the channels show and what the runs came to, also after a restart", async () => {
    assert.equal(await (await fetch(`${await daemon.url("staging")}s/a.bin`)).text(), "one");
    let { text } = await daemon.must({ verb: "metrics" });
    const served = (): number => value(text, "ringfort_channel_served_bytes_total", { channel: "staging" }) ?? -1;
    assert.equal(value(text, "ringfort_channel_served_bytes_total", { channel: "production" }), 0);
    // The server tells what it sent within a second or two: the file's bytes with the head of the answer.
    for (let tries = 0; tries < 200 && served() <= 0; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      ({ text } = await daemon.must({ verb: "metrics" }));
    }
    assert.ok(served() > 3, String(served()));
    assert.equal(value(text, "ringfort_channel_revision", { source: "s", channel: "staging" }), 1);
    assert.equal(value(text, "ringfort_channel_revision", { source: "s", channel: "production" }), undefined);
    assert.ok((value(text, "ringfort_channel_lag_seconds", { channel: "production" }) ?? 0) > 0);
    assert.equal(value(text, "ringfort_channel_lag_seconds", { channel: "staging" }), 0);
    assert.equal(value(text, "ringfort_sync_runs_total", { source: "s", outcome: "new-revision" }), 1);
    assert.ok((value(text, "ringfort_sync_fetched_bytes_total", { source: "s" }) ?? 0) > 3);
    const { store } = await daemon.must({ verb: "status" });
    assert.equal(value(text, "ringfort_store_bytes", {}), store.bytes);
    assert.equal(value(text, "ringfort_worker_up", { process: "serve-staging" }), 1);
    await daemon.kill();
    await daemon.start();
    assert.equal(value(await printed(), "ringfort_sync_runs_total", { source: "s", outcome: "new-revision" }), 1);
  });

  test("are for who shows a viewer's token, and for nobody else", async () => {
    assert.equal((await daemon.cli("user", "add", "scraper", "--role", "viewer")).code, 0);
    const token = (await daemon.cli("token", "make", "scraper", "--label", "scrape")).stdout.trim();
    const nobody = await fetch(`${base()}metrics`);
    assert.deepEqual([nobody.status, nobody.headers.get("www-authenticate")], [401, "Bearer"]);
    const wrong = await fetch(`${base()}metrics`, { headers: { authorization: "Bearer rft_0_0" } });
    assert.equal(wrong.status, 401);
    assert.doesNotMatch(await wrong.text(), /ringfort_/);
    const answer = await fetch(`${base()}metrics`, { headers: { authorization: `Bearer ${token}` } });
    assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, METRICS_TYPE]);
    assert.equal(value(await answer.text(), "ringfort_channel_revision", { source: "s", channel: "staging" }), 1);
  });

  test("are what Prometheus reads", { skip: needsProgram("promtool", "prometheus") }, async () => {
    const input = await printed();
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input, encoding: "utf8" });
    assert.equal(status, 0, stdout + stderr);
  });
});
