import assert from "node:assert/strict";
import test from "node:test";
import { FORGED_KEYS, forgeCvd, MEMBERS } from "../fixtures/clamav-forge.ts";
import { inspectClamav } from "../fixtures/inspected.ts";

/** Members that a client would write outside of its folder, or that are no files. Nothing here is ever unpacked to disk. */
const NAMES = [
  "../evil.ndb",
  "/etc/cron.d/evil",
  "a/../../evil.ndb",
  "..\\evil.ndb",
  "C:\\evil.ndb",
  "evil.ndb:stream",
  "..",
  ".",
  "CON.ndb",
  "evil.ndb ",
  "evil\u0007.ndb",
];

test("names that leave the folder or confuse are malformed", async () => {
  for (const name of NAMES) {
    const members = [...MEMBERS, { name, bytes: Buffer.from("evil\n") }];
    const seen = await inspectClamav("main.cvd", forgeCvd({ members }), { keys: FORGED_KEYS });
    assert.match(seen.malformed ?? "", /unsafe|ASCII/, name);
    assert.match(seen.malformed ?? "", /^[ -~]*$/, "the finding is fit for a terminal");
  }
});

test("links, folders and devices are malformed", async () => {
  for (const type of ["1", "2", "3", "4", "5", "6", "7", "x", "g", "L", "K", "S"]) {
    const members = [...MEMBERS, { name: "evil.ndb", bytes: Buffer.from("evil\n"), type }];
    const seen = await inspectClamav("main.cvd", forgeCvd({ members }), { keys: FORGED_KEYS });
    assert.match(seen.malformed ?? "", /not a regular file/, type);
  }
});
