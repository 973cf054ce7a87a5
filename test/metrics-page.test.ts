import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { METRICS } from "../src/core/metrics/metrics.ts";
import { needsProgram } from "./fixtures/needs.ts";

const ALERTS = fileURLToPath(new URL("../docs/alerts.yaml", import.meta.url));

test("the page of metrics has every metric with its type, labels and words, and no other", () => {
  const page = readFileSync(new URL("../docs/metrics.md", import.meta.url), "utf8");
  const rows = page.split("\n").filter((line) => line.startsWith("| `ringfort_"));
  const wanted = Object.entries(METRICS).map(
    ([name, { type, labels, help }]) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(" ")} | ${help} |`,
  );
  assert.deepEqual(rows, wanted);
});

test("every metric and every label that a rule names is there", () => {
  const lines = readFileSync(ALERTS, "utf8")
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("#"));
  const names = lines.flatMap((line) => [...line.matchAll(/\bringfort_\w+/g)].map(([name]) => name));
  assert.ok(names.length > 10);
  for (const name of names) assert.ok(Object.hasOwn(METRICS, name), name);
  const labels = new Set(Object.values(METRICS).flatMap(({ labels: each }): readonly string[] => each));
  for (const [, label = ""] of lines.join("\n").matchAll(/\$labels\.(\w+)/g)) assert.ok(labels.has(label), label);
});

test("Prometheus takes the rules", { skip: needsProgram("promtool", "prometheus") }, () => {
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "rules", ALERTS], { encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
});
