import assert from "node:assert/strict";
import { type Accepted, judgeFile } from "../../src/core/intake/judge-file.ts";
import type { BlobStore, Landed, Quarantine } from "../../src/core/ports.ts";
import type { StoredBlob } from "../../src/core/release/retention.ts";

/** Bytes that look random and are the same every time. */
export function someBytes(size: number, seed = 1): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < size; at += 1) {
    // A linear congruential generator (Numerical Recipes): its upper bits are random enough to tell places apart.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** Lands a file as the fetching does: slices from one buffer that is used again, back-pressure minded. */
export async function landBytes(
  quarantine: Quarantine,
  bytes: Uint8Array,
  options: { readonly key?: string; readonly most?: number; readonly slice?: number; readonly resume?: boolean } = {},
): Promise<Landed> {
  const { key = "a key", most = bytes.length, slice = 64 * 1024, resume = false } = options;
  const landing = await quarantine.land(key, { most, resume, sha512: true });
  const lane = Buffer.alloc(slice);
  try {
    for (let at = landing.size; at < bytes.length; at += slice) {
      const length = Math.min(slice, bytes.length - at);
      lane.set(bytes.subarray(at, at + length));
      if (!landing.write(lane.subarray(0, length))) await landing.ready();
      lane.fill(0);
    }
    return await landing.finish();
  } catch (cause) {
    await landing.abandon(false);
    throw cause;
  }
}

/** Everything that a blob store lists. */
export async function listed(blobs: BlobStore): Promise<readonly StoredBlob[]> {
  const all: StoredBlob[] = [];
  for await (const blob of blobs.list()) all.push(blob);
  return all;
}

/** The way through the gate that a file of a source with trust "none" takes. */
export function accept(landed: Landed, path = "a.bin"): Accepted {
  const artifact = {
    path,
    size: landed.size,
    digests: {},
    series: null,
    version: null,
    optional: false,
    immutable: false,
    companion: null,
    inspect: false,
  };
  const findings = { size: landed.size, sha256: landed.sha256, sha512: landed.sha512, content: null };
  const judged = judgeFile({ artifact, file: landed.file, findings, lastModified: null }, { kind: "none" }, 0);
  assert.equal(judged.kind, "accepted");
  assert.ok(judged.kind === "accepted");
  return judged;
}
