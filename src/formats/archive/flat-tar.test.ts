import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type ForgedMember, sealTarHeader, tarMember } from "../../../test/fixtures/clamav-forge.ts";
import { FlatTarReader } from "./flat-tar.ts";

interface Read {
  readonly fault: string | null;
  readonly members: readonly { readonly name: string; readonly bytes: string }[];
}

/** Reads an archive in pieces of `piece` bytes. */
function readTar(tar: Uint8Array, piece: number = tar.length): Read {
  const members: { name: string; bytes: string }[] = [];
  let open = { name: "", bytes: Buffer.alloc(0) };
  const reader = new FlatTarReader({
    begin: (name) => {
      open = { name, bytes: Buffer.alloc(0) };
    },
    data: (bytes) => {
      open.bytes = Buffer.concat([open.bytes, bytes]);
    },
    end: () => {
      members.push({ name: open.name, bytes: open.bytes.toString("latin1") });
    },
  });
  for (let at = 0; at < tar.length; at += piece) reader.push(tar.subarray(at, at + piece));
  return { fault: reader.finish(), members };
}

const A: ForgedMember = { name: "a.ndb", bytes: Buffer.from("content of a\n") };
const B: ForgedMember = { name: "b.ldb", bytes: Buffer.alloc(1_024, "b") };

function archive(...members: readonly ForgedMember[]): Buffer {
  return Buffer.concat(members.map(tarMember));
}

function withHeader(edit: (header: Buffer) => void): Buffer {
  const tar = Buffer.from(tarMember(A));
  edit(tar.subarray(0, 512));
  sealTarHeader(tar.subarray(0, 512));
  return tar;
}

test("members come out as they went in, whatever the pieces", () => {
  const member = fc.record({ size: fc.integer({ min: 0, max: 1_600 }), fill: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(
      fc.array(member, { maxLength: 6 }),
      fc.integer({ min: 1, max: 700 }),
      fc.integer({ min: 0, max: 3 }),
      (shapes, piece, zeroBlocks) => {
        const members = shapes.map(({ size, fill }, at) => ({ name: `m${at}.db`, bytes: Buffer.alloc(size, fill) }));
        const read = readTar(Buffer.concat([archive(...members), Buffer.alloc(512 * zeroBlocks)]), piece);
        assert.deepEqual(read, {
          fault: null,
          members: members.map(({ name, bytes }) => ({ name, bytes: bytes.toString("latin1") })),
        });
      },
    ),
  );
});

test("what an unpacker could read in two ways is a fault", () => {
  const bad: Readonly<Record<string, readonly [Buffer, RegExp]>> = {
    "cut off in a header": [archive(A, B).subarray(0, 1_100), /cut off/],
    "cut off in a member": [archive(A).subarray(0, 515), /cut off/],
    "cut off in the padding": [archive(A).subarray(0, 900), /cut off/],
    "bytes in the padding": [Buffer.concat([archive(A).subarray(0, 1_023), Buffer.from("x")]), /padding/],
    "a member behind the end mark": [Buffer.concat([archive(A), Buffer.alloc(1_024), archive(B)]), /end mark/],
    "one name twice": [archive(A, B, A), /one file/],
    "one name in two cases": [archive(A, { ...B, name: "A.NDB" }), /one file/],
    "a directory": [archive({ ...A, type: "5" }), /regular/],
    "a symbolic link": [archive({ ...A, type: "2" }), /regular/],
    "a hard link": [archive({ ...A, type: "1" }), /regular/],
    "a pax record": [archive({ ...A, type: "x" }), /regular/],
    "a long name": [archive({ ...A, type: "L" }), /regular/],
    "an absolute name": [archive({ ...A, name: "/etc/passwd" }), /unsafe/],
    "a name that climbs": [archive({ ...A, name: "../a.ndb" }), /unsafe/],
    "a name in a folder": [archive({ ...A, name: "x/a.ndb" }), /unsafe/],
    "a name with a backslash": [archive({ ...A, name: "..\\a.ndb" }), /unsafe/],
    "a drive": [archive({ ...A, name: "C:a.ndb" }), /unsafe/],
    "a device": [archive({ ...A, name: "NUL.ndb" }), /unsafe/],
    "a control character": [archive({ ...A, name: "a\u001b[2J.ndb" }), /ASCII/],
    "no ASCII": [archive({ ...A, name: "\u00e4.ndb" }), /ASCII/],
    "no name": [withHeader((header) => header.fill(0, 0, 100)), /unsafe/],
    "bytes behind the name": [withHeader((header) => header.write("x", 50)), /behind its end/],
    "a size in base 256": [withHeader((header) => header.writeUInt8(0x80, 124)), /octal/],
    "a negative size": [archive({ ...A, size: "-15" }), /octal/],
    "a size with junk": [archive({ ...A, size: "15x" }), /octal/],
    "a ustar prefix": [withHeader((header) => header.write("folder", 345)), /prefix/],
    "a link target": [withHeader((header) => header.write("/etc/passwd", 157)), /link/],
    "a wrong checksum": [Buffer.concat([Buffer.from("b"), archive(A).subarray(1)]), /checksum/],
  };
  for (const [name, [tar, expected]] of Object.entries(bad)) {
    for (const piece of [tar.length, 100]) assert.match(readTar(tar, piece).fault ?? "", expected, name);
  }
});

test("after a fault nothing more comes out", () => {
  const { fault, members } = readTar(archive(A, { ...A, name: "../x" }, B));
  assert.match(fault ?? "", /unsafe/);
  assert.deepEqual(
    members.map(({ name }) => name),
    ["a.ndb"],
  );
});

test("any bytes end in an answer that does not depend on the pieces", () => {
  const near = fc.tuple(fc.nat(1_535), fc.integer({ min: 0, max: 255 })).map(([at, value]) => {
    const tar = archive(A, B).subarray(0, 1_536);
    tar[at] = value;
    return tar;
  });
  fc.assert(
    fc.property(
      fc.oneof(near, fc.uint8Array({ maxLength: 1_600 })),
      fc.integer({ min: 1, max: 600 }),
      (bytes, piece) => {
        assert.deepEqual(readTar(bytes, piece), readTar(bytes));
      },
    ),
    { numRuns: 300 },
  );
});
