import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { AUDIT_KINDS } from "../src/core/model/audit-entry.ts";

test("the page of the audit log names every kind of entry, and no other", () => {
  const page = readFileSync(new URL("../docs/audit-log.md", import.meta.url), "utf8");
  // What a verification finds has a table of its own, whose codes begin with the log's name.
  const rows = [...page.matchAll(/^\| `([a-z]+\.[a-z]+)` \| (.*) \|$/gm)]
    .map(([, kind = "", says]) => [kind, says] as const)
    .filter(([kind]) => !kind.startsWith("audit."));
  assert.deepEqual(rows, Object.entries(AUDIT_KINDS));
});
