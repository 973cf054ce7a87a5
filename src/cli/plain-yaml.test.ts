import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { parse } from "yaml";
import { config } from "../core/config.ts";
import { sourceSpec } from "../core/model/source.ts";
import { plainYaml } from "./plain-yaml.ts";

const source = {
  name: "s",
  feed: { format: "clamav" },
  addresses: ["https://vendor.example/"],
  trust: { kind: "clamav" },
} as const;

test("times and sizes are written as a person writes them", () => {
  const text = plainYaml(sourceSpec.parse({ ...source, jitter: "90m", budget: { artifactBytes: "1.5 GB" } }));
  for (const line of [
    "jitter: 90m",
    "  bytes: 20 GB",
    "  artifactBytes: 1500 MB",
    "  wallTime: 2h",
    "  leastRate: 1KiB",
    "  leastRateWindow: 30s",
    "  connectTimeout: 10s",
  ])
    assert.ok(text.includes(`\n${line}\n`), line);
});

test("no time and no size of either schema is left as a bare number", () => {
  const channels = { staging: { listen: "127.0.0.1:0" } };
  const text = plainYaml(sourceSpec.parse(source)) + plainYaml(config.parse({ data: "d", channels }));
  const large = text.split("\n").filter((line) => /: \d{4,}$/.test(line));
  assert.deepEqual(large, ["  files: 100000", "  mostTakings: 5000000", "  enterprise: 32473"]);
});

test("reading it gives the same again", () => {
  const amount = fc.oneof(
    fc.nat(),
    fc.integer({ min: 0, max: 50 }).map((n) => n * 1_024 ** 3),
  );
  fc.assert(
    fc.property(amount, fc.nat(), (size, time) => {
      const spec = sourceSpec.parse({ ...source, jitter: time, budget: { artifactBytes: size, wallTime: time } });
      assert.deepEqual(sourceSpec.parse(parse(plainYaml(spec))), spec);
    }),
  );
});
