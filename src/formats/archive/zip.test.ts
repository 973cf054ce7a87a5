import assert from "node:assert/strict";
import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import fc from "fast-check";
import { extraField, forgeZip, NTFS_TIMES, UNIX_OWNER, UNIX_TIMES } from "../../../test/fixtures/zip-forge.ts";
import { Failure } from "../../core/kernel/errors.ts";
import { collisionKey, pathFault } from "../../core/kernel/safe-path.ts";
import { type ByteSource, bytesSource, fileSource } from "./byte-source.ts";
import { type NewMember, writeZip } from "./write-zip.ts";
import { readZip, type ZipMember } from "./zip.ts";

const CAPS = { members: 1_000, expandedBytes: 100_000_000, ratio: 10_000 };
const AT = Date.UTC(2026, 10, 25, 12, 30, 58);

async function opened(source: ByteSource): Promise<{
  readonly members: readonly ZipMember[];
  readonly content: (member: ZipMember) => Promise<Buffer>;
}> {
  const read = await readZip(source, CAPS);
  if (read.kind !== "zip") assert.fail(JSON.stringify(read));
  const content = async (member: ZipMember): Promise<Buffer> => {
    const pieces: Uint8Array[] = [];
    for await (const piece of read.content(member)) pieces.push(piece);
    return Buffer.concat(pieces);
  };
  return { members: read.members, content };
}

async function unpacked(source: ByteSource): Promise<readonly (readonly [string, string])[]> {
  const { members, content } = await opened(source);
  const seen: (readonly [string, string])[] = [];
  for (const member of members) seen.push([member.name, (await content(member)).toString("latin1")]);
  return seen;
}

const safeName = fc
  .array(
    fc.oneof(fc.stringMatching(/^[A-Za-z0-9 $_-]{1,12}$/), fc.string({ unit: "grapheme", minLength: 1, maxLength: 6 })),
    { minLength: 1, maxLength: 4 },
  )
  .map((segments) => segments.join("/"))
  .filter((name) => pathFault(name) === null);

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 4 }), fc.nat({ max: 5_000 }))
    .map(([word, times]) => Buffer.alloc(times, word)),
);

/** Members whose names are no file twice: neither themselves nor as a folder of another. */
const members = fc
  .uniqueArray(fc.record({ name: safeName, bytes, store: fc.boolean() }), {
    minLength: 1,
    maxLength: 12,
    selector: ({ name }) => collisionKey(name),
  })
  .map((list) => {
    const top = list.map(({ name }) => collisionKey(name.split("/")[0] ?? ""));
    return list.filter((_, at) => top.indexOf(top[at] ?? "") === at);
  });

test("what is written is read back, in order, and is the same bytes each time", async () => {
  await fc.assert(
    fc.asyncProperty(members, fc.integer({ min: -1e12, max: 1e13 }), async (list, at) => {
      const archive = writeZip(list, at);
      assert.deepEqual(archive, writeZip(list, at));
      const expected = list.map(({ name, bytes }) => [name, Buffer.from(bytes).toString("latin1")]);
      assert.deepEqual(await unpacked(bytesSource(archive)), expected);
    }),
    { numRuns: 150 },
  );
});

test("no archive with one byte flipped gives other members or content than it had", async () => {
  const list = [
    { name: "a/liveupdt.tri", bytes: Buffer.from("Package1\n".repeat(20)) },
    { name: "a/v.grd", bytes: Buffer.from("guard") },
    { name: "b/", bytes: Buffer.alloc(0) },
  ];
  const archive = Buffer.from(writeZip(list, AT));
  const sound = await unpacked(bytesSource(archive));
  let refused = 0;
  for (let at = 0; at < archive.length * 8; at += 1) {
    const copy = Buffer.from(archive);
    copy.writeUInt8(copy.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3);
    const seen = await unpacked(bytesSource(copy)).catch(() => null);
    if (seen === null) refused += 1;
    else assert.deepEqual(seen, sound, `bit ${at}`);
  }
  // Only what tells of the system and of harmless attributes may change, and the unused bits of a deflate stream.
  assert.ok(refused > archive.length * 8 * 0.9, `${refused} refused`);
});

test("every prefix of an archive is refused", async () => {
  const archive = writeZip([{ name: "a", bytes: Buffer.from("b".repeat(50)) }], AT);
  for (let length = 0; length < archive.length; length += 1)
    assert.equal((await readZip(bytesSource(archive.subarray(0, length)), CAPS)).kind, "malformed", `${length} bytes`);
});

test("archives of a file, in many pieces, and stopped in the middle", async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "zip-"));
  const large = Buffer.from(Array.from({ length: 600_000 }, (_, at) => (at * at) >> 7));
  const file = path.join(folder, "a.zip");
  const archive = writeZip(
    [
      { name: "deflated", bytes: large },
      { name: "stored", bytes: large, store: true },
    ],
    AT,
  );
  await writeFile(file, archive);
  const handle = await open(file);
  try {
    const { members, content } = await opened(fileSource(handle, archive.length));
    for (const member of members) assert.ok((await content(member)).equals(large), member.name);
    const read = await readZip(fileSource(handle, archive.length), CAPS);
    assert.ok(read.kind === "zip");
    for (const member of read.members) {
      // Whoever stops reading leaves nothing open that keeps the process alive or throws later.
      for await (const piece of read.content(member)) {
        assert.ok(piece.length < large.length);
        break;
      }
    }
    const short = await readZip(fileSource(handle, archive.length + 1), CAPS).catch((cause: unknown) => cause);
    assert.ok(short instanceof Failure && short.code === "store.io");
  } finally {
    await handle.close();
    await rm(folder, { recursive: true });
  }
});

test("a source that ends while a member is read is a failure, not a fault of the archive", async () => {
  const archive = writeZip([{ name: "a", bytes: Buffer.from("content ".repeat(99)) }], AT);
  // Three reads for end record, directory and local header: then it ends.
  let reads = 0;
  const whole = bytesSource(archive);
  const shrinking: ByteSource = {
    size: archive.length,
    read: (offset, length) => {
      reads += 1;
      return reads <= 3 ? whole.read(offset, length) : bytesSource(new Uint8Array(0)).read(offset, length);
    },
  };
  const { members, content } = await opened(shrinking);
  assert.ok(members[0] !== undefined);
  await assert.rejects(content(members[0]), (cause) => cause instanceof Failure && cause.code === "store.io");
});

test("what is written says what it is: text on Unix, two seconds fine, folders, UTF-8 where it is needed", async () => {
  const archive = Buffer.from(
    writeZip(
      [
        { name: "dir/", bytes: new Uint8Array(0) },
        { name: "dir/é", bytes: Buffer.from("1") },
      ],
      AT,
    ),
  );
  const { members } = await opened(bytesSource(archive));
  assert.deepEqual(
    members.map(({ name, directory, executable, size }) => [name, directory, executable, size]),
    [
      ["dir/", true, false, 0],
      ["dir/é", false, false, 1],
    ],
  );
  const date = archive.readUInt32LE(10);
  assert.deepEqual(
    [
      (date >>> 25) + 1980,
      (date >>> 21) & 15,
      (date >>> 16) & 31,
      (date >>> 11) & 31,
      (date >>> 5) & 63,
      (date & 31) * 2,
    ],
    [2026, 11, 25, 12, 30, 58],
  );
  assert.deepEqual([archive.readUInt16LE(6), archive.readUInt16LE(30 + 4 + 6)], [0, 0x800]);
});

test("what no reader here would accept is not written", () => {
  const none = new Uint8Array(0);
  const lists: readonly (readonly NewMember[])[] = [
    [],
    [{ name: "../a", bytes: none }],
    [{ name: "", bytes: none }],
    [{ name: "a/", bytes: Buffer.from("content") }],
    [
      { name: "a", bytes: none },
      { name: "A", bytes: none },
    ],
    Array.from({ length: 65_535 }, (_, at) => ({ name: `${at}`, bytes: none })),
  ];
  for (const list of lists) assert.throws(() => writeZip(list, AT));
});

test("what other programs write is read: times, owners, modes, descriptors, systems", async () => {
  const content = Buffer.from("content ".repeat(9));
  const member = { name: "a", bytes: content, deflate: true } as const;
  const both = {
    local: Buffer.concat([UNIX_TIMES.local, UNIX_OWNER]),
    central: Buffer.concat([UNIX_TIMES.central, UNIX_OWNER]),
  };
  const sound = {
    "Info-ZIP": { extra: both },
    "Info-ZIP, old": {
      extra: { local: extraField(0x5855, Buffer.alloc(12)), central: extraField(0x5855, Buffer.alloc(8)) },
    },
    "7-Zip": { mode: null, extra: { central: NTFS_TIMES } },
    "a stream": { descriptor: "signed" },
    "a stream without signatures": { descriptor: "bare" },
    "Windows Explorer": { mode: null, central: { madeBy: (11 << 8) | 20, external: 0x20 } },
    "text, at level 9": { flags: 2, central: { internal: 1 } },
  } as const;
  for (const [name, form] of Object.entries(sound))
    assert.deepEqual(
      await unpacked(bytesSource(forgeZip({ members: [{ ...member, ...form }] }))),
      [["a", content.toString()]],
      name,
    );
  const { members } = await opened(bytesSource(forgeZip({ members: [{ ...member, mode: 0o100755 }] })));
  assert.equal(members[0]?.executable, true);
});

test("65,534 members are read; one more is the number by which ZIP64 is known", async () => {
  const caps = { ...CAPS, members: 100_000 };
  const list = Array.from({ length: 65_535 }, (_, at) => ({ name: `${at}` }));
  assert.equal((await readZip(bytesSource(forgeZip({ members: list.slice(1) })), caps)).kind, "zip");
  assert.equal((await readZip(bytesSource(forgeZip({ members: list })), caps)).kind, "malformed");
});

test("no more of a directory is read than its members can need", async () => {
  const archive = forgeZip({
    members: [{ name: "a" }],
    behindDirectory: Buffer.alloc(5_000_000),
    end: { size: 5_000_047 },
  });
  const whole = bytesSource(archive);
  const asked: number[] = [];
  const counting: ByteSource = {
    size: whole.size,
    read: (offset, length) => {
      asked.push(length);
      return whole.read(offset, length);
    },
  };
  assert.equal((await readZip(counting, CAPS)).kind, "malformed");
  assert.deepEqual(asked, [22]);
});

test("a member of another archive is a bug, not content", async () => {
  const archive = writeZip([{ name: "a", bytes: Buffer.from("b") }], AT);
  const [one, other] = [await readZip(bytesSource(archive), CAPS), await readZip(bytesSource(archive), CAPS)];
  assert.ok(one.kind === "zip" && other.kind === "zip" && other.members[0] !== undefined);
  const [stranger] = other.members;
  assert.throws(() => one.content(stranger));
});
