import assert from "node:assert/strict";
import test from "node:test";
import { crc32, deflateRawSync } from "node:zlib";
import { bytesSource } from "../../src/formats/archive/byte-source.ts";
import { readZip, ZipFault } from "../../src/formats/archive/zip.ts";
import { extraField, type ForgedZipMember, forgeZip } from "../fixtures/zip-forge.ts";

/**
 * An archive that is one thing to the verifier and another to the client: the guard's digests hold for the members that
 * the one sees, and the other unpacks something else. And archives that escape, or fill the disk of whoever unpacks them.
 */
const CAPS = { members: 100, expandedBytes: 1_000_000, ratio: 100 };
const GOOD: ForgedZipMember = { name: "liveupdt.grd", bytes: Buffer.from("good\n".repeat(50)), deflate: true };
const EVIL: ForgedZipMember = { name: "evil.tri", bytes: Buffer.from("evil\n") };

async function verdict(bytes: Uint8Array): Promise<string> {
  const read = await readZip(bytesSource(bytes), CAPS);
  if (read.kind !== "zip") return read.kind;
  try {
    for (const member of read.members) for await (const piece of read.content(member)) assert.ok(piece.length > 0);
  } catch (cause) {
    if (cause instanceof ZipFault) return `content ${cause.kind}`;
    throw cause;
  }
  return "accepted";
}

/** Every attack beside the same archive without it: only the attack may be what is refused. */
async function refused(attacks: Readonly<Record<string, Uint8Array>>, expected = "malformed"): Promise<void> {
  assert.equal(await verdict(forgeZip({ members: [GOOD, EVIL] })), "accepted");
  for (const [name, bytes] of Object.entries(attacks)) assert.equal(await verdict(bytes), expected, name);
}

function at(member: ForgedZipMember, changes: Partial<ForgedZipMember>): Buffer {
  return forgeZip({ members: [GOOD, { ...member, ...changes }] });
}

/** An archive with one field overwritten where it stands, counted from the last place of a signature. */
function overwritten(bytes: Buffer, signature: string, offset: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16LE(value, copy.lastIndexOf(signature) + offset);
  return copy;
}

const END = "PK\u0005\u0006";
const LOCAL = "PK\u0003\u0004";
const CENTRAL = "PK\u0001\u0002";

test("bytes before, between and behind what belongs there", async () => {
  const hidden = Buffer.from("hidden bytes");
  const sound = forgeZip({ members: [GOOD, EVIL] });
  await refused({
    "a prefix that the offsets know of": forgeZip({ members: [{ ...GOOD, before: hidden }, EVIL] }),
    "a prefix that they do not know of": Buffer.concat([hidden, sound]),
    "a gap before a member": at(EVIL, { before: hidden }),
    "a gap behind the last member": at(EVIL, { behind: hidden }),
    "a gap before the directory": forgeZip({ members: [GOOD, EVIL], beforeDirectory: hidden }),
    "a gap behind the directory": forgeZip({ members: [GOOD, EVIL], behindDirectory: hidden }),
    "a directory said to be longer": forgeZip({ members: [GOOD], behindDirectory: hidden, end: { size: 70 } }),
    "a trailer": Buffer.concat([sound, hidden]),
    "one byte behind the end": Buffer.concat([sound, Buffer.alloc(1)]),
    "a comment": forgeZip({ members: [GOOD], end: { comment: hidden } }),
    "a comment on a member": at(EVIL, { central: { comment: hidden } }),
    "a comment that is not there": overwritten(sound, END, 20, 9),
    "a comment on a member that is not there": overwritten(sound, CENTRAL, 32, 9),
    "a name that reaches behind the directory": overwritten(sound, CENTRAL, 28, 9),
    "extra fields that reach behind the directory": overwritten(sound, CENTRAL, 30, 9),
    "an end record that is none": overwritten(sound, END, 2, 0),
    "a first member that begins later than it lies": forgeZip({ members: [{ ...GOOD, central: { offset: 1 } }] }),
    "a truncated archive": sound.subarray(0, -1),
    nothing: Buffer.alloc(0),
    "an end record alone": forgeZip({ members: [] }),
  });
});

test("a member that only some readers see", async () => {
  await refused({
    "in no directory": at(EVIL, { unlisted: true }),
    "in the directory twice": forgeZip({ members: [GOOD, EVIL], order: [0, 1, 1] }),
    "in the directory, but counted out": forgeZip({ members: [GOOD, EVIL], end: { members: 1 } }),
    "counted, but not there": forgeZip({ members: [GOOD, EVIL], end: { members: 3 } }),
    "counted in one of the two counts": forgeZip({ members: [GOOD, EVIL], end: { membersHere: 1, members: 2 } }),
    "counted modulo 65536": forgeZip({ members: [GOOD, EVIL], end: { members: 0 } }),
    "in another order": forgeZip({ members: [GOOD, EVIL], order: [1, 0] }),
    "in another part": at(EVIL, { central: { disk: 1 } }),
    "in the second of two parts": forgeZip({ members: [GOOD], end: { disk: 1 } }),
    "in the directory of another part": forgeZip({ members: [GOOD], end: { directoryDisk: 1 } }),
    "in a directory with another word before its header": at(EVIL, { central: { signature: 0x02014b51 } }),
    "in a directory with half a header more": forgeZip({
      members: [GOOD],
      behindDirectory: Buffer.from(`${CENTRAL}half`),
      end: { members: 2, size: 46 + 12 + 8 },
    }),
    "in a directory with two bytes more": forgeZip({
      members: [GOOD],
      behindDirectory: Buffer.alloc(2),
      end: { members: 2, size: 46 + 12 + 2 },
    }),
  });
});

test("two central directories, two archives in one", async () => {
  const one = forgeZip({ members: [GOOD] });
  const other = forgeZip({ members: [EVIL] });
  // The first end record as the comment of the second, the second archive as the comment of the first, both in a row.
  await refused({
    "one behind the other": Buffer.concat([one, other]),
    "one in the comment of the other": forgeZip({ members: [GOOD], end: { comment: other } }),
    "the first directory left behind": forgeZip({ members: [GOOD], beforeDirectory: one.subarray(-22 - 58) }),
    "an end record in a gap": forgeZip({ members: [GOOD, EVIL], behindDirectory: other.subarray(-22) }),
    "a directory that the end record does not point at": forgeZip({ members: [GOOD, EVIL], end: { start: 0 } }),
  });
});

test("members that overlap", async () => {
  const inner = forgeZip({ members: [EVIL] }).subarray(0, 30 + 8 + 5);
  await refused({
    "one inside another": forgeZip({
      members: [
        { name: "outer", bytes: inner },
        { ...EVIL, local: { signature: 0x04034b50 }, central: { offset: 30 + 5 } },
      ],
    }),
    "two of one place": forgeZip({ members: [GOOD, { ...EVIL, central: { offset: 0 } }] }),
    "one that reaches into the next": forgeZip({
      members: [{ ...EVIL, local: { packedSize: 20, size: 20 }, central: { packedSize: 20, size: 20 } }, GOOD],
    }),
    "one behind the directory": at(EVIL, { central: { offset: 1_000_000 } }),
  });
});

test("a local header that says otherwise than the directory", async () => {
  await refused({
    name: at(EVIL, { local: { name: "good.tri" } }),
    "length of the name alone": overwritten(forgeZip({ members: [GOOD, EVIL] }), LOCAL, 26, 9),
    "length of the name": at(EVIL, { local: { name: "evil.tri2" } }),
    size: at(EVIL, { local: { size: 4 } }),
    "packed size": at(EVIL, { local: { packedSize: 4 } }),
    CRC: at(EVIL, { local: { crc: 1 } }),
    method: at(EVIL, { local: { method: 8 } }),
    flags: at(EVIL, { local: { flags: 2 } }),
    version: at(EVIL, { local: { version: 10 } }),
    time: at(EVIL, { local: { time: 0 } }),
    signature: at(EVIL, { local: { signature: 0x08074b50 } }),
    "sizes left to a descriptor that is not there": at(EVIL, { local: { crc: 0, packedSize: 0, size: 0 } }),
  });
});

test("a data descriptor that says otherwise, or is none", async () => {
  const described: ForgedZipMember = { ...GOOD, name: "described", descriptor: "signed" };
  assert.equal(await verdict(at(described, {})), "accepted");
  assert.equal(await verdict(at(described, { descriptor: "bare" })), "accepted");
  const sound = at(described, {});
  const place = sound.indexOf(Buffer.from([0x50, 0x4b, 7, 8]));
  const broken = (offset: number): Buffer => {
    const copy = Buffer.from(sound);
    copy.writeUInt8(copy.readUInt8(place + offset) ^ 1, place + offset);
    return copy;
  };
  const { descriptor: _, ...undescribed } = described;
  await refused({
    "another CRC": broken(4),
    "another packed size": broken(8),
    "another size": broken(12),
    "another signature": broken(0),
    "flagged and not there": at(undescribed, { flags: 8 }),
    "there and not flagged": at(described, { local: { flags: 0 }, central: { flags: 0 } }),
    "behind stored bytes, whose end nobody sees": at({ ...EVIL, descriptor: "signed" }, {}),
    "other sizes before the data": at(described, { local: { size: 7 } }),
  });
});

test("content that is not what the headers say", async () => {
  const bytes = GOOD.bytes ?? Buffer.alloc(0);
  const packed = deflateRawSync(bytes);
  const of = (crc: number, size: number): Partial<ForgedZipMember> => ({
    local: { crc, size },
    central: { crc, size },
  });
  const member = { ...GOOD, name: "lying" };
  const crc = crc32(bytes);
  await refused(
    {
      "a wrong CRC": at(member, of(crc ^ 1, bytes.length)),
      "a wrong CRC of stored bytes": at(EVIL, of(1, 5)),
      "less than declared": at(member, of(crc, bytes.length + 1)),
      "a deflate stream cut off": at(member, { packed: packed.subarray(0, -3) }),
      "a damaged deflate stream": at(member, { packed: Buffer.alloc(packed.length, 0xff) }),
      "bytes behind the deflate stream": at(member, { packed: Buffer.concat([packed, Buffer.from("hidden")]) }),
      "a second deflate stream behind the first": at(member, { packed: Buffer.concat([packed, packed]) }),
      "an empty file with content": at(member, { packed: Buffer.alloc(0) }),
    },
    "content malformed",
  );
  await refused({ "more than declared": at(member, of(crc, bytes.length - 1)) }, "content past-cap");
});

test("names that escape, hide, or mean something to a system", async () => {
  const names = [
    "../evil",
    "a/../../evil",
    "./evil",
    "/etc/passwd",
    "C:/evil",
    "c:evil",
    "evil.txt:stream",
    "..\\evil",
    "\\\\host\\share",
    "a//b",
    "",
    "/",
    "nul",
    "COM1.txt",
    "a/aux.dat",
    "evil. ",
    "evil.",
    "a\u0000b",
    "a\nb",
    "a\u202egpj.exe",
    "e\u0301vil",
    "x".repeat(300),
    `${"a/".repeat(40)}b`,
    "what?",
    "a|b",
  ];
  await refused(Object.fromEntries(names.map((name) => [`"${name}"`, at({ ...EVIL, name, flags: 0x800 }, {})])));
  await refused({
    "UTF-8 from DOS, which some readers convert": at({ ...EVIL, name: "évil", flags: 0x800, mode: null }, {}),
    "UTF-8 that is not marked": at({ ...EVIL, name: "évil" }, {}),
    "Latin-1": at({ ...EVIL, name: Buffer.from("évil", "latin1") }, {}),
    "Latin-1 marked as UTF-8": at({ ...EVIL, name: Buffer.from("évil", "latin1"), flags: 0x800 }, {}),
    "overlong UTF-8": at({ ...EVIL, name: Buffer.from([0xc0, 0xae, 0xc0, 0xae, 0x2f, 0x61]), flags: 0x800 }, {}),
  });
  assert.equal(await verdict(at({ ...EVIL, name: "évil", flags: 0x800 }, {})), "accepted");
});

test("two names that are one file on some system", async () => {
  const pairs = [
    ["twice", "twice"],
    ["liveupdt.tri", "Liveupdt.TRI"],
    ["straße", "STRASSE"],
    ["ﬁle", "file"],
    ["a", "a/b"],
    ["a/b", "a"],
    ["a/b", "A"],
    ["a/b", "A/c"],
    ["a/b/c", "a/B/d"],
    ["a/", "a"],
    ["a/", "a/"],
    ["a/", "A/"],
    ["a/b", "A/"],
  ] as const;
  const both = ([left, right]: readonly [string, string]): Buffer =>
    forgeZip({ members: [left, right].map((name) => ({ name, flags: 0x800, mode: null })) });
  await refused(Object.fromEntries(pairs.map((pair) => [pair.join(" and "), both(pair)])));
  for (const pair of [
    ["a/", "a/b"],
    ["a/b", "a/"],
    ["a/b", "a/c"],
    ["a/b/c", "a/b/"],
    ["a/b/c", "a/"],
  ] as const)
    assert.equal(await verdict(both(pair)), "accepted", pair.join(" and "));
});

test("what is no plain file: links, devices, labels, folders with content, encryption, other methods", async () => {
  await refused({
    "a symbolic link": at(EVIL, { mode: 0o120777 }),
    "a device": at(EVIL, { mode: 0o020666 }),
    "a pipe": at(EVIL, { mode: 0o010666 }),
    "a socket": at(EVIL, { mode: 0o140666 }),
    "a link made on FAT": at(EVIL, { central: { madeBy: 20, external: 0o120777 * 65_536 } }),
    "a Windows reparse point": at(EVIL, { mode: null, central: { external: 0x400 } }),
    "a volume label": at(EVIL, { mode: null, central: { external: 0x08 } }),
    "a folder by its mode alone": at(EVIL, { mode: 0o040755 }),
    "a folder by its attributes alone": at(EVIL, { mode: null, central: { external: 0x10 } }),
    "a folder by its name, a file by its mode": at({ name: "folder/" }, {}),
    "a folder with content": at({ ...EVIL, name: "folder/", mode: 0o040755 }, {}),
    "a folder with a size": at(
      { ...EVIL, name: "folder/", mode: 0o040755, local: { crc: 0 }, central: { crc: 0 } },
      {},
    ),
    "a folder with a CRC": at({ name: "folder/", mode: 0o040755, local: { crc: 1 }, central: { crc: 1 } }, {}),
    "a folder with hidden bytes": at({ name: "folder/", mode: 0o040755, deflate: true }, {}),
    "stored in another size than its own": at(EVIL, { local: { size: 6 }, central: { size: 6 } }),
    encrypted: at(EVIL, { flags: 1 }),
    "strongly encrypted": at(EVIL, { flags: 0x41 }),
    "masked headers": at(EVIL, { flags: 0x2000 }),
    "a patch": at(EVIL, { flags: 0x20 }),
    bzip2: at(EVIL, { local: { method: 12 }, central: { method: 12 } }),
    deflate64: at(GOOD, { name: "b", local: { method: 9 }, central: { method: 9 } }),
    LZMA: at(EVIL, { local: { method: 14 }, central: { method: 14 } }),
    "a later version of the format": at(EVIL, { local: { version: 45 }, central: { version: 45 } }),
    "an unknown kind of system": at(EVIL, { central: { madeBy: (1 << 8) | 20 } }),
    "unknown internal attributes": at(EVIL, { central: { internal: 2 } }),
  });
});

test("extra fields that give another name or size, or room to hide", async () => {
  const times = extraField(0x5455, Buffer.from([1, 0, 0, 0, 0]));
  const fields = {
    "another name": extraField(0x7075, Buffer.concat([Buffer.alloc(5, 1), Buffer.from("other.tri")])),
    "a ZIP64 size": extraField(0x0001, Buffer.alloc(16)),
    "a ZIP64 field without content": extraField(0x0001, Buffer.alloc(0)),
    encryption: extraField(0x9901, Buffer.from([2, 0, 0x41, 0x45, 3, 0, 0])),
    unknown: extraField(0x4242, Buffer.from("hidden")),
    "cut off": Buffer.from([0x55, 0x54, 9, 0, 1]),
    "half a header": Buffer.from([0x55, 0x54]),
    twice: Buffer.concat([times, times]),
    "times with a hidden tail": extraField(0x5455, Buffer.from("\u0001\0\0\0\0hidden", "latin1")),
    "an owner with a hidden tail": extraField(0x7875, Buffer.from([1, 1, 0, 1, 0, 9, 9])),
    "an owner of 200 bytes": extraField(
      0x7875,
      Buffer.concat([Buffer.from([1, 100]), Buffer.alloc(100), Buffer.from([0])]),
    ),
    "file times with another tag": extraField(
      0x000a,
      Buffer.concat([Buffer.from([0, 0, 0, 0, 2, 0, 24, 0]), Buffer.alloc(24)]),
    ),
    "file times with a hidden word": extraField(
      0x000a,
      Buffer.concat([Buffer.from([9, 0, 0, 0, 1, 0, 24, 0]), Buffer.alloc(24)]),
    ),
    "file times with another length": extraField(
      0x000a,
      Buffer.concat([Buffer.from([0, 0, 0, 0, 1, 0, 28, 0]), Buffer.alloc(24)]),
    ),
    "file times with a hidden tail": extraField(
      0x000a,
      Buffer.concat([Buffer.from([0, 0, 0, 0, 1, 0, 24, 0]), Buffer.alloc(28)]),
    ),
    "times with unknown flags": extraField(0x5455, Buffer.from([9, 0, 0, 0, 0])),
    "old times cut off": Buffer.from([0x55, 0x58, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    "an owner of another version": extraField(0x7875, Buffer.from([2, 1, 0, 1, 0])),
    "an owner with a long group": extraField(0x7875, Buffer.concat([Buffer.from([1, 1, 0, 9]), Buffer.alloc(9)])),
    padding: Buffer.alloc(3),
    "more than fits": extraField(0x5855, Buffer.alloc(200)),
  };
  for (const side of ["local", "central"] as const)
    await refused(
      Object.fromEntries(
        Object.entries(fields).map(([name, field]) => [`${name} (${side})`, at(EVIL, { extra: { [side]: field } })]),
      ),
    );
  await refused({
    "ZIP64 by the end record": forgeZip({ members: [GOOD], end: { members: 0xffff } }),
    "ZIP64 by its unpacked size": at(GOOD, {
      name: "zip64",
      local: { size: 0xffffffff },
      central: { size: 0xffffffff },
    }),
    "ZIP64 by a size": at(EVIL, {
      local: { size: 0xffffffff, packedSize: 0xffffffff },
      central: { size: 0xffffffff, packedSize: 0xffffffff },
    }),
  });
});

test("a bomb is not unpacked: its declared size is past the cap, or its ratio", async () => {
  const zeros = Buffer.alloc(900_000);
  const bomb: ForgedZipMember = { name: "bomb", bytes: zeros, deflate: true };
  const many = forgeZip({ members: [0, 1].map((number) => ({ ...bomb, name: `bomb${number}`, bytes: zeros })) });
  assert.deepEqual(await readZip(bytesSource(many), { ...CAPS, ratio: 10_000 }), {
    kind: "past-cap",
    expandedBytes: 1_800_000,
  });
  const steep = forgeZip({ members: [bomb] });
  assert.deepEqual(await readZip(bytesSource(steep), CAPS), { kind: "past-cap", expandedBytes: 900_000 });
  assert.equal((await readZip(bytesSource(steep), { ...CAPS, ratio: 1_100 })).kind, "zip");
  const flood = forgeZip({ members: Array.from({ length: 101 }, (_, number) => ({ name: `${number}` })) });
  assert.equal((await readZip(bytesSource(flood), CAPS)).kind, "malformed");
});

test("a bomb that declares little is stopped when it has given what it declared", async () => {
  const packed = deflateRawSync(Buffer.alloc(200_000_000), { level: 1 });
  const fields = { size: 1_000, crc: 1 };
  const bytes = forgeZip({ members: [{ name: "bomb", deflate: true, packed, local: fields, central: fields }] });
  const before = process.memoryUsage.rss();
  const began = performance.now();
  assert.equal(await verdict(bytes), "content past-cap");
  assert.ok(performance.now() - began < 1_000, "it was unpacked");
  assert.ok(process.memoryUsage.rss() - before < 50_000_000, "it was unpacked into memory");
});
