import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSha256 } from "../kernel/digest.ts";
import { safePath } from "../kernel/safe-path.ts";
import type { BlobStore } from "../ports.ts";
import type { Accepted } from "./judge-file.ts";

test("the compiler refuses a road around the gate", () => {
  const sha256 = parseSha256("0".repeat(64));
  assert.ok(sha256 !== null);
  const looksAccepted = {
    kind: "accepted" as const,
    path: safePath("a"),
    file: "x.part",
    sha256,
    size: 0,
    builtAt: null,
  };
  // @ts-expect-error an object of the right shape is not an Accepted: only judge-file.ts can make one
  const forged: Accepted = looksAccepted;
  // @ts-expect-error nor does the store take it
  const admit = (blobs: BlobStore): Promise<void> => blobs.admit(looksAccepted);
  assert.equal(typeof admit, "function");
  assert.equal(forged.kind, "accepted");
});
