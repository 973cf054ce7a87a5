import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { crc32 } from "node:zlib";
import { forgeBlock, packBits } from "../../../test/fixtures/deflate-forge.ts";
import { diceOf } from "../../../test/fixtures/dice.ts";
import { needs, needsProgram } from "../../../test/fixtures/needs.ts";
import { forgeZip } from "../../../test/fixtures/zip-forge.ts";
import { soundZip, unsoundZip } from "../../../test/fixtures/zip-mutations.ts";
import { bytesSource } from "./byte-source.ts";
import { readZip, ZipFault } from "./zip.ts";

/** What a reader sees: each member as "name size CRC-32", sorted; `null` when it refuses the archive or warns of it. */
type Seen = readonly string[] | null;

const PYTHON = `
import glob, json, os, sys, zipfile, zlib
sys.stdout.reconfigure(encoding="utf-8", errors="surrogatepass")
seen = {}
for path in glob.glob(os.path.join(sys.argv[1], "*.zip")):
    try:
        members = []
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                content = archive.read(info)
                members.append("%s %d %08x" % (info.filename, len(content), zlib.crc32(content)))
        seen[os.path.basename(path)] = sorted(members)
    except Exception:
        seen[os.path.basename(path)] = None
json.dump(seen, sys.stdout)
`;

const UTF8 = { ...process.env, LC_ALL: "C.UTF-8", UNZIP: "", ZIPINFO: "" };

function run(program: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(program, args, { env: UTF8, timeout: 10_000, encoding: "utf8" }, (fault, out) => {
      resolve(fault === null ? out : null);
    });
  });
}

async function byUnzip(file: string): Promise<Seen> {
  const [tested, listed] = await Promise.all([run("unzip", ["-tqq", file]), run("unzip", ["-vqq", file])]);
  if (tested === null || listed === null) return null;
  const row = /^ *(\d+) +\S+ +\d+ +-?\d+% +\S+ +\S+ +([0-9a-f]{8}) {2}(.*)$/;
  return listed
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(row, "$3 $1 $2"))
    .toSorted();
}

async function bySevenZip(file: string): Promise<Seen> {
  const [tested, listed] = await Promise.all([
    run("7z", ["t", "-bd", "-p", file]),
    run("7z", ["l", "-slt", "-ba", file]),
  ]);
  if (tested === null || listed === null) return null;
  const value = (block: string, key: string): string => new RegExp(`^${key} = (.*)$`, "m").exec(block)?.[1] ?? "";
  return listed
    .split("\n\n")
    .filter((block) => block.trim() !== "")
    .map((block) => {
      const name = `${value(block, "Path")}${value(block, "Folder") === "+" ? "/" : ""}`;
      return `${name} ${value(block, "Size")} ${(value(block, "CRC") || "00000000").toLowerCase()}`;
    })
    .toSorted();
}

async function byUs(bytes: Uint8Array): Promise<Seen> {
  const read = await readZip(bytesSource(bytes), { members: 1_000, expandedBytes: 100_000_000, ratio: 2_000 });
  if (read.kind !== "zip") return null;
  const members: string[] = [];
  try {
    for (const member of read.members) {
      let crc = 0;
      for await (const piece of read.content(member)) crc = crc32(piece, crc);
      members.push(`${member.name} ${member.size} ${crc.toString(16).padStart(8, "0")}`);
    }
  } catch (cause) {
    if (cause instanceof ZipFault) return null;
    throw cause;
  }
  return members.toSorted();
}

const READERS = ["python", "unzip", "7z"] as const;

async function compare(
  archives: readonly Uint8Array[],
): Promise<{ readonly ours: Seen; readonly theirs: readonly Seen[] }[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "zip-oracles-"));
  try {
    const files = archives.map((bytes, at) => {
      const file = path.join(folder, `${at}.zip`);
      writeFileSync(file, bytes);
      return file;
    });
    const python: unknown = JSON.parse(
      execFileSync("python3", ["-c", PYTHON, folder], { encoding: "utf8", maxBuffer: 64e6, env: UTF8 }),
    );
    const results: { readonly ours: Seen; readonly theirs: readonly Seen[] }[] = [];
    for (const [at, file] of files.entries()) {
      const [unzip, sevenZip] = await Promise.all([byUnzip(file), bySevenZip(file)]);
      const theirs = [(python as Record<string, Seen>)[`${at}.zip`] ?? null, unzip, sevenZip];
      results.push({ ours: await byUs(archives[at] ?? new Uint8Array(0)), theirs });
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const skip = needs(
  needsProgram("python3", "python3"),
  needsProgram("unzip", "unzip"),
  needsProgram("7z", "p7zip-full"),
);
const SEED = Number(process.env["ZIP_SEED"] ?? 20_261_125);
const COUNT = Number(process.env["ZIP_COUNT"] ?? 1);

test("sound archives: Python, unzip and 7-Zip read what we read", { skip }, async () => {
  const archives = Array.from({ length: 80 * COUNT }, (_, at) => forgeZip(soundZip(diceOf(SEED + at))));
  for (const [at, { ours, theirs }] of (await compare(archives)).entries()) {
    assert.ok(ours !== null && ours.length > 0, `seed ${SEED + at} is refused`);
    for (const [reader, seen] of theirs.entries())
      assert.deepEqual(seen, ours, `${READERS[reader]}, seed ${SEED + at}`);
  }
});

test("unsound archives: what any two of them disagree about is refused, what we accept they read alike", {
  skip,
}, async () => {
  const archives = Array.from({ length: 320 * COUNT }, (_, at) => unsoundZip(diceOf(SEED + at)));
  let disagreed = 0;
  let accepted = 0;
  for (const [at, { ours, theirs }] of (await compare(archives)).entries()) {
    const alike = theirs.every((seen) => JSON.stringify(seen) === JSON.stringify(theirs[0]));
    if (!alike) {
      disagreed += 1;
      assert.equal(ours, null, `seed ${SEED + at}: accepted, but they read ${JSON.stringify(theirs)}`);
    }
    if (ours === null) continue;
    accepted += 1;
    assert.deepEqual(theirs[0], ours, `seed ${SEED + at}`);
  }
  // A test in which nobody disagrees, or nothing passes, would show nothing.
  assert.ok(disagreed > 30, `they disagreed about ${disagreed} only`);
  assert.ok(accepted > 10, `${accepted} accepted`);
});

/** Streams at the edges of RFC 1951, with what they unpack to. In codes, 97 is "a", 256 the end, 257 a length of 3. */
const WITH_LENGTHS = { literals: { 97: 1, 256: 2, 257: 2 }, literalCount: 258 };
const LITERALS = { literals: { 97: 1, 256: 1 }, literalCount: 257, distances: [0], symbols: [97, 256] };
const COPY = { length: 257, extra: "", distance: 0 };
const EDGES: Readonly<Record<string, readonly [Buffer, string]>> = {
  "two distance codes": [forgeBlock({ ...WITH_LENGTHS, distances: [1, 1], symbols: [97, COPY, 256] }), "aaaa"],
  "one distance code": [forgeBlock({ ...WITH_LENGTHS, distances: [1], symbols: [97, COPY, 256] }), "aaaa"],
  "one distance code of two bits": [forgeBlock({ ...WITH_LENGTHS, distances: [2], symbols: [97, 256] }), "a"],
  "no distance code": [forgeBlock(LITERALS), "a"],
  "a distance before the start": [
    forgeBlock({ ...WITH_LENGTHS, distances: [0, 0, 1, 1], symbols: [97, { ...COPY, distance: 2 }, 256] }),
    "a\0\0\0",
  ],
  "nothing but an end": [forgeBlock({ ...LITERALS, literals: { 256: 1 }, symbols: [256] }), ""],
  "literals with room between their codes": [forgeBlock({ ...LITERALS, literals: { 97: 2, 256: 2 } }), "a"],
  "more literals than codes": [forgeBlock({ ...LITERALS, literals: { 97: 1, 98: 1, 256: 1 } }), "a"],
  "no end": [forgeBlock({ ...LITERALS, literals: { 97: 1, 98: 1 }, symbols: [97] }), "a"],
  "288 literal codes": [forgeBlock({ ...LITERALS, literalCount: 288, distances: [1, 1] }), "a"],
  "286 literal codes": [forgeBlock({ ...LITERALS, literalCount: 286, distances: [1, 1] }), "a"],
  "32 distance codes": [forgeBlock({ ...LITERALS, distances: [...Array.from({ length: 31 }, () => 0), 1] }), "a"],
  "30 distance codes": [forgeBlock({ ...LITERALS, distances: [...Array.from({ length: 29 }, () => 0), 1] }), "a"],
  "258 as 227 and 31": [
    forgeBlock({
      literals: { 97: 1, 256: 2, 284: 2 },
      literalCount: 285,
      distances: [1, 1],
      symbols: [97, { length: 284, extra: "11111", distance: 0 }, 256],
    }),
    "a".repeat(259),
  ],
  "the fixed symbol 286": [packBits(["110", "10010001", "11000110", "00000", "0000000"].join("")), "a"],
  "empty stored blocks": [Buffer.from("000000ffff000000ffff0300", "hex"), ""],
  "unused bits at the end": [Buffer.concat([Buffer.from("4b04", "hex"), packBits("00", "1")]), "a"],
  "unused bits before a stored block": [Buffer.from("f90100feff61", "hex"), "a"],
};

const SOUND = [
  "two distance codes",
  "one distance code",
  "no distance code",
  "nothing but an end",
  "286 literal codes",
  "30 distance codes",
  "258 as 227 and 31",
  "empty stored blocks",
  "unused bits at the end",
  "unused bits before a stored block",
];

/** unzip takes no block that states codes for lengths and none for distances; the others read it. */
const UNZIP_REFUSES: readonly [Buffer, string] = [forgeBlock({ ...LITERALS, literalCount: 258 }), "a"];

test("deflate at its edges: what we unpack, they unpack to the same", { skip }, async () => {
  const archives = [...Object.values(EDGES), UNZIP_REFUSES].map(([packed, content]) =>
    forgeZip({ members: [{ name: "a", bytes: Buffer.from(content, "latin1"), deflate: true, packed }] }),
  );
  const seen = await compare(archives);
  for (const [at, name] of Object.keys(EDGES).entries()) {
    const { ours, theirs } = seen[at] ?? assert.fail();
    if (ours !== null) assert.deepEqual(theirs, [ours, ours, ours], name);
  }
  const accepted = Object.keys(EDGES).filter((_, at) => seen[at]?.ours !== null);
  assert.deepEqual(accepted, SOUND);
  const { ours, theirs } = seen.at(-1) ?? assert.fail();
  assert.equal(ours, null);
  assert.equal(theirs[1], null);
  assert.notEqual(theirs[0], null);
});
