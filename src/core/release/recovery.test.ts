import assert from "node:assert/strict";
import { test } from "node:test";
import { specOf } from "../../../test/fixtures/intake.ts";
import { recoveryAfterRollback } from "./recovery.ts";

test("after a rollback a person reads which clients do not come back by themselves", () => {
  const clamav = recoveryAfterRollback(specOf({ feed: { format: "clamav" }, trust: { kind: "clamav" } })).join(" ");
  assert.match(clamav, /freshclam never goes back/);
  assert.match(recoveryAfterRollback(specOf()).join(" "), /If-Modified-Since/);
});
