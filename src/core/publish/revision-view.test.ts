import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { parseSha256, type Sha256 } from "../kernel/digest.ts";
import { Failure } from "../kernel/errors.ts";
import { parseSafePath, safePath } from "../kernel/safe-path.ts";
import type { RevisionEntry } from "../model/revision.ts";
import { encodeView } from "./encode-view.ts";
import { RevisionView, type ViewBytes } from "./revision-view.ts";

const sha256 = (text: string): Uint8Array => hash("sha256", text, "buffer");

function digest(text: string): Sha256 {
  return parseSha256(hash("sha256", text, "hex")) ?? assert.fail();
}

function entry(path: string, more: Partial<RevisionEntry> = {}): RevisionEntry {
  return { path: safePath(path), sha256: digest(path), size: path.length, builtAt: null, since: 1, ...more };
}

/** Bytes in memory that count how often they are read. */
function counted(bytes: Uint8Array): ViewBytes & { reads: number } {
  return {
    reads: 0,
    length: bytes.length,
    read(offset, length) {
      this.reads += 1;
      assert.ok(offset >= 0 && length >= 0 && offset + length <= bytes.length, "a read outside the file");
      return bytes.slice(offset, offset + length);
    },
  };
}

function paths(view: RevisionView, directory = ""): readonly string[] {
  const found = view.lookUp(directory);
  assert.equal(found?.kind, "directory");
  return [...view.children(found)].map((record) => record.path);
}

test("what was written is read back, field by field", () => {
  const entries = [
    entry("daily.cvd", { size: 63_000_000, builtAt: 1_624_412_045_000, since: 7 }),
    entry("pool/main/g/g++_12.deb", { builtAt: 0, since: 4_294_967_295, size: 2 ** 40 }),
    entry("pool/überraschung/日本.txt", { builtAt: 1 }),
    entry("pool-x"),
  ];
  const view = new RevisionView(counted(encodeView(9, entries, sha256)), sha256);
  assert.deepEqual([view.revision, view.files, view.bytes], [9, 4, entries.reduce((sum, each) => sum + each.size, 0)]);
  for (const each of entries) assert.deepEqual(view.lookUp(each.path), { kind: "file", ...each });
  for (const absent of ["daily", "daily.cvd/", "pool/", "/", "pool/main/g/", "POOL", "x".repeat(3_000), "\ud800"])
    assert.equal(view.lookUp(absent), null, absent);
  assert.deepEqual(paths(view), ["daily.cvd", "pool", "pool-x"]);
  assert.deepEqual(paths(view, "pool"), ["pool/main", "pool/überraschung"]);
  assert.deepEqual(paths(view, "pool/main/g"), ["pool/main/g/g++_12.deb"]);
});

test("an empty revision has a root without children", () => {
  const view = new RevisionView(counted(encodeView(1, [], sha256)), sha256);
  assert.deepEqual([view.files, view.bytes, paths(view)], [0, 0, []]);
  assert.equal(view.lookUp("a"), null);
});

test("the file's layout is the documented one", () => {
  const bytes = encodeView(3, [entry("ab/c", { size: 5, builtAt: 1_000, since: 2 })], sha256);
  const at = Buffer.from(bytes.buffer);
  assert.equal(at.toString("latin1", 0, 8), "RFVIEW2\n");
  assert.deepEqual([at.readUInt32LE(8), at.readUInt32LE(12), at.readUInt32LE(32), at.readUInt32LE(36)], [3, 8, 3, 1]);
  assert.equal(at.readBigUInt64LE(24), BigInt(bytes.length));
  assert.equal(at.readBigUInt64LE(40), 5n);
  // Root at 64 (56 bytes), "ab" at 120 (58, padded to 64), "ab/c" at 184.
  assert.deepEqual([at[64], at.readUInt16LE(66), at.readUInt32LE(68), at.readBigUInt64LE(72)], [2, 0, 1, 120n]);
  assert.deepEqual(
    [at[184], at.readUInt16LE(186), at.readUInt32LE(188), at.readBigUInt64LE(192), at.readBigInt64LE(200)],
    [1, 4, 2, 5n, 1_000n],
  );
  assert.equal(at.toString("hex", 208, 240), digest("ab/c"));
  assert.equal(at.toString("latin1", 240, 244), "ab/c");
  assert.equal(at.readBigUInt64LE(16), 248n);
  const first = Buffer.from(sha256("ab/c")).readUInt32LE(0) % 8;
  const slots = Array.from({ length: 8 }, (_, i) => at.readUInt32LE(248 + 8 * i + 4));
  assert.ok(slots.filter((place) => place !== 0).length === 3 && slots.includes(184 / 8) && slots[first] !== 0);
  // Two digest slots at 248 + 64, by the first 8 bytes of the digest.
  assert.deepEqual([at.readUInt32LE(48), at[52], at[53], at.readBigUInt64LE(56)], [2, 0, 0, 312n]);
  const sought = Buffer.from(digest("ab/c"), "hex");
  const slot = 312 + 8 * (sought.readUInt32LE(0) % 2);
  assert.deepEqual([at.readUInt32LE(slot), at.readUInt32LE(slot + 4)], [sought.readUInt32LE(4), 184 / 8]);
  assert.equal(bytes.length, 328);
});

test("any set of safe paths comes back whole, in order, and nothing else", () => {
  const name = fc.string({ unit: fc.constantFrom("a", "b", "-", "0", "é", "𝄞"), minLength: 1, maxLength: 3 });
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
  fc.assert(
    fc.property(fc.uniqueArray(path, { maxLength: 40 }), (candidates) => {
      const files = candidates.filter(
        (each) => "path" in parseSafePath(each) && !candidates.some((other) => other.startsWith(`${each}/`)),
      );
      const view = new RevisionView(
        counted(
          encodeView(
            1,
            files.map((each) => entry(each)),
            sha256,
          ),
        ),
        sha256,
      );
      const seen: string[] = [];
      const walk = (directory: string): void => {
        const names = paths(view, directory);
        assert.deepEqual(names, names.toSorted());
        for (const each of names) {
          if (view.lookUp(each)?.kind === "directory") walk(each);
          else seen.push(each);
        }
      };
      walk("");
      assert.deepEqual(seen.toSorted(), files.toSorted());
    }),
    { numRuns: 200 },
  );
});

test("any set of contents is found by digest, each under the first path that has it, and no other", () => {
  const content = fc.integer({ min: 0, max: 12 }).map((number) => digest(`content ${number}`));
  fc.assert(
    fc.property(fc.array(content, { maxLength: 40 }), content, (contents, other) => {
      const entries = contents.map((sha, i) => entry(`d${i % 3}/f${i}`, { sha256: sha, size: i, since: i + 1 }));
      const view = new RevisionView(counted(encodeView(1, entries, sha256)), sha256);
      for (const sha of [...contents, other]) {
        const found = view.lookUpDigest(sha);
        if (!contents.includes(sha)) assert.equal(found, null);
        else assert.deepEqual(found, view.lookUp(found?.path ?? ""));
        if (found !== null) assert.equal(found.sha256, sha);
      }
    }),
    { numRuns: 200 },
  );
});

test("contents that meet in the first key of their digests are told apart by the next", () => {
  // What somebody with a month of processors could make: 1,500 contents that begin alike.
  const entries = Array.from({ length: 1_500 }, (_, i) =>
    entry(`f${i}`, { sha256: parseSha256(`00000000${digest(`${i}`).slice(8)}`) ?? assert.fail() }),
  );
  const bytes = encodeView(1, entries, sha256);
  assert.deepEqual([bytes[53], new DataView(bytes.buffer).getUint32(48, true)], [1, 4_096]);
  const source = counted(bytes);
  const view = new RevisionView(source, sha256);
  source.reads = 0;
  for (const each of entries) assert.deepEqual(view.lookUpDigest(each.sha256), { kind: "file", ...each });
  assert.ok(source.reads < 1_500 * 2.2, `${source.reads}`);
});

test("two records of one path are a bug, not a view", () => {
  assert.throws(() => encodeView(1, [entry("a"), entry("a")], sha256));
  assert.throws(() => encodeView(1, [entry("a"), entry("a/b")], sha256));
});

test("a hash that sends every path to one slot still gives a view that finds all of them", () => {
  const flat = (path: string): Uint8Array => Uint8Array.from([0, 0, 0, 0, ...sha256(path).slice(0, 28)]);
  const entries = Array.from({ length: 300 }, (_, i) => entry(`f${i}`));
  const view = new RevisionView(counted(encodeView(1, entries, flat)), flat);
  for (const each of entries) assert.equal(view.lookUp(each.path)?.path, each.path);
});

test("a table in which too many paths would meet is made larger", () => {
  const names = Array.from({ length: 1_200 }, (_, i) => `f${i}`);
  // All in the first slot of 4,096, in two groups of 8,192.
  const crowded = (path: string): Uint8Array => {
    const words = new DataView(new ArrayBuffer(32));
    words.setUint32(0, names.indexOf(path) * 4_096, true);
    words.setUint32(4, names.indexOf(path), true);
    return new Uint8Array(words.buffer);
  };
  const bytes = encodeView(
    1,
    names.map((path) => entry(path)),
    crowded,
  );
  assert.equal(new DataView(bytes.buffer).getUint32(12, true), 8_192);
  const view = new RevisionView(counted(bytes), crowded);
  for (const path of names) assert.equal(view.lookUp(path)?.path, path);
});

test("children that repeat, or are another's, are damage", () => {
  for (const [name, byte] of [
    ["c", "b"],
    ["c", "/"],
    ["c", "a"],
  ] as const) {
    const bytes = encodeView(1, [entry("b"), entry("c")], sha256);
    bytes[Buffer.from(bytes.buffer).indexOf(name, 64 + 56)] = byte.charCodeAt(0);
    const view = new RevisionView(counted(bytes), sha256);
    assert.throws(() => paths(view), { code: "store.damaged" }, byte);
  }
});

test("100,000 names: written in seconds, found with two reads", () => {
  const entries = Array.from({ length: 100_000 }, (_, i) =>
    entry(`pool/${i % 997}/package-${i}.deb`, { sha256: digest("x") }),
  );
  const started = performance.now();
  const bytes = encodeView(1, entries, sha256);
  const took = performance.now() - started;
  assert.ok(took < 5_000, `${took} ms`);
  const source = counted(bytes);
  const view = new RevisionView(source, sha256);
  source.reads = 0;
  for (let i = 0; i < 1_000; i++) assert.ok(view.lookUp(`pool/${(i * 97) % 997}/package-${i * 97}.deb`));
  assert.ok(source.reads < 2_200, `${source.reads} reads for 1,000 names`);
  source.reads = 0;
  for (let i = 0; i < 1_000; i++) assert.equal(view.lookUp(`pool/absent-${i}`), null);
  assert.ok(source.reads < 1_200, `${source.reads} reads for 1,000 absent names`);
});

test("100,000 contents: found with two reads by their digests", () => {
  const entries = Array.from({ length: 100_000 }, (_, i) => entry(`pool/${i % 997}/${i}`));
  const source = counted(encodeView(1, entries, sha256));
  const view = new RevisionView(source, sha256);
  source.reads = 0;
  for (let i = 0; i < 1_000; i++) assert.ok(view.lookUpDigest(entries[i * 97]?.sha256 ?? assert.fail()));
  assert.ok(source.reads < 2_200, `${source.reads} reads for 1,000 digests`);
  source.reads = 0;
  for (let i = 0; i < 1_000; i++) assert.equal(view.lookUpDigest(digest(`absent ${i}`)), null);
  assert.ok(source.reads < 1_200, `${source.reads} reads for 1,000 absent digests`);
});

test("any damage ends in a record, null or store.damaged, after few reads", () => {
  const entries = Array.from({ length: 50 }, (_, i) => entry(`d${i % 5}/f${i}`));
  const good = encodeView(1, entries, sha256);
  const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(damage, fc.option(fc.nat(good.length)), (changes, cut) => {
      const bytes = good.slice(0, cut ?? good.length);
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      const source = counted(bytes);
      try {
        const view = new RevisionView(source, sha256);
        for (const each of ["", "d1", "d1/f1", "absent"]) {
          const found = view.lookUp(each);
          if (found?.kind === "directory") assert.ok([...view.children(found)].length <= 56);
        }
        for (const each of ["d1/f1", "absent"]) {
          const found = view.lookUpDigest(digest(each));
          assert.ok(found === null || found.sha256 === digest(each));
        }
      } catch (error) {
        assert.ok(error instanceof Failure && error.code === "store.damaged", String(error));
      }
      assert.ok(source.reads < 2_000);
    }),
    { numRuns: 3_000 },
  );
});

test("a table without an empty slot does not walk for ever", () => {
  const bytes = encodeView(
    1,
    Array.from({ length: 5_000 }, (_, i) => entry(`f${i}`)),
    sha256,
  );
  const view = new DataView(bytes.buffer);
  for (let at = Number(view.getBigUint64(16, true)); at < bytes.length; at += 8) view.setUint32(at + 4, 8, true);
  const source = counted(bytes);
  assert.throws(() => new RevisionView(source, sha256).lookUp("absent"), { code: "store.damaged" });
  assert.throws(() => new RevisionView(source, sha256).lookUpDigest(digest("absent")), { code: "store.damaged" });
  assert.ok(source.reads < 3_000, `${source.reads}`);
});
