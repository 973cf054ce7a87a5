import assert from "node:assert/strict";
import test from "node:test";
import { crc32, createGzip, gzipSync } from "node:zlib";
import { PRODUCTION_KEYS } from "../../src/inspect/feeds/clamav/keys.ts";
import { FORGED_KEYS, forgeCdiff, forgeCvd, MEMBERS, sealTarHeader, tarMember } from "../fixtures/clamav-forge.ts";
import { inspectClamav } from "../fixtures/inspected.ts";

/**
 * A small file that unpacks to gigabytes, to fill memory or disk of who looks into it. The vendor's key would have to
 * sign it, so that here the vendor is the attacker.
 */
const EXPANDED = 2_000_000_000;
const CAP = 8_000_000;
/** Resident memory that an inspection may take beyond what it had. */
const MEMORY = 100_000_000;

/** A gzip member of zeros, 2 GB long and 2 MB small, made once and piece by piece. */
async function bomb(head: Buffer): Promise<Buffer> {
  const gzip = createGzip({ level: 1 });
  const packed: Buffer[] = [];
  gzip.on("data", (piece: Buffer) => packed.push(piece));
  const zeros = Buffer.alloc(16_000_000);
  gzip.write(head);
  // Full flushes end every piece at a byte, so that one packed piece can stand for all that follow it.
  const flush = (): Promise<void> => new Promise((resolve) => gzip.flush(3, resolve));
  await flush();
  const before = packed.length;
  gzip.write(zeros);
  await flush();
  const piece = Buffer.concat(packed.slice(before));
  gzip.destroy();
  const start = Buffer.concat(packed.slice(0, before));
  const end = Buffer.from([0x03, 0x00, ...new Uint8Array(8)]);
  end.writeUInt32LE(crc32(head), 2);
  return Buffer.concat([start, ...Array.from({ length: Math.ceil(EXPANDED / zeros.length) }, () => piece), end]);
}

async function measured<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly memory: number; readonly seconds: number }> {
  const before = process.memoryUsage.rss();
  const began = performance.now();
  let peak = before;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 5);
  const result = await work();
  clearInterval(watch);
  return {
    result,
    memory: Math.max(peak, process.memoryUsage.rss()) - before,
    seconds: (performance.now() - began) / 1_000,
  };
}

test("a database that unpacks to 2 GB is stopped at the cap", async () => {
  const packed = await bomb(tarMember({ name: "bomb.ndb", bytes: Buffer.alloc(0), size: "16000000000" }));
  assert.ok(packed.length < EXPANDED / 100);
  const cvd = forgeCvd({ body: () => packed });
  const { result, memory, seconds } = await measured(() =>
    inspectClamav("main.cvd", cvd, { keys: FORGED_KEYS, expandedBytes: CAP }),
  );
  assert.deepEqual([result.signatures[0]?.status, result.expandedPastCap], ["good", true]);
  assert.ok((result.expandedBytes ?? 0) < CAP * 1.1, "it went on after the cap");
  assert.ok(memory < MEMORY, `${memory} bytes of memory`);
  assert.ok(seconds < 5, `${seconds} seconds`);
});

test("a patch that unpacks to 2 GB is stopped at the cap", async () => {
  const cdiff = forgeCdiff(7, Buffer.alloc(0), 10, await bomb(Buffer.from("OPEN a\n")));
  const { result, memory } = await measured(() =>
    inspectClamav("main-7.cdiff", cdiff, { keys: FORGED_KEYS, expandedBytes: CAP }),
  );
  assert.equal(result.expandedPastCap, true);
  assert.ok((result.expandedBytes ?? 0) < CAP * 1.1);
  assert.ok(memory < MEMORY, `${memory} bytes of memory`);
});

test("a bomb that the vendor did not sign is not even unpacked", async () => {
  const cvd = forgeCvd({ body: () => gzipSync(Buffer.alloc(50_000_000)) });
  const seen = await inspectClamav("main.cvd", cvd, { keys: PRODUCTION_KEYS, expandedBytes: CAP });
  assert.deepEqual([seen.expandedBytes, seen.expandedPastCap], [null, false]);
  assert.notEqual(seen.signatures[0]?.status, "good");
});

test("a flood of members is stopped at their limit", async () => {
  const header = tarMember({ name: "1000000.ndb", bytes: Buffer.alloc(0) });
  const empty = Array.from({ length: 100_050 }, (_, at) => {
    const copy = Buffer.from(header);
    copy.write(String(1_000_000 + at), 0, "latin1");
    return sealTarHeader(copy);
  });
  const cvd = forgeCvd({ tar: (info) => Buffer.concat([tarMember(info), ...MEMBERS.map(tarMember), ...empty]) });
  const seen = await inspectClamav("main.cvd", cvd, { keys: FORGED_KEYS });
  assert.match(seen.malformed ?? "", /more than 100000 members/);
});
