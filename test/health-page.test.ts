import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { EVIDENCE_CODES } from "../src/core/model/evidence.ts";
import { HEALTH_REASONS } from "../src/core/release/health.ts";

test("the page of health names every code of evidence and every reason, and no other", () => {
  const page = readFileSync(new URL("../docs/health.md", import.meta.url), "utf8");
  const rows = [...page.matchAll(/^\| `([a-z]+\.[a-z-]+)` \| (.*) \|$/gm)].map(([, code = "", says]) => [code, says]);
  assert.deepEqual(rows, [...Object.entries(HEALTH_REASONS), ...Object.entries(EVIDENCE_CODES)]);
});
