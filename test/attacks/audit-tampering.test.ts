import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { EXPORT_FILES } from "../../src/cli/audit-export.ts";
import { verifyExport } from "../../src/cli/audit-verify.ts";
import { completedNodes, type NodeAt, rootOf, type TreeHash } from "../../src/core/audit/merkle-tree.ts";
import { auditLine } from "../../src/core/model/audit-entry.ts";
import { signCheckpoint } from "../../src/formats/transparency/checkpoint.ts";
import { type NoteVerifier, noteSigner, readVerifier } from "../../src/formats/transparency/signed-note.ts";

/**
 * The audit log against who can write its export, or holds its key: every kind of tampering is found, with the
 * checkpoint that somebody kept where it stands for another past than the one that is shown.
 */

const hash: TreeHash = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const signer = noteSigner("mirror.example", Buffer.alloc(32, 5));
const verifier = readVerifier(signer.verifier) as NoteVerifier;
const stranger = noteSigner("mirror.example", Buffer.alloc(32, 6));
let folder: string;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "ringfort-audit-"));
});
after(() => rm(folder, { recursive: true, force: true }));

function entry(n: number, what = `thing ${n}`): string {
  return auditLine({ n, at: 1_795_442_400_000 + n, kind: "source.set", fields: { source: what } });
}

const LOG = Array.from({ length: 23 }, (_, n) => entry(n));

function rootFor(lines: readonly string[]): Uint8Array {
  const nodes = new Map<string, Uint8Array>();
  const nodeAt: NodeAt = (level, index) => nodes.get(`${level}/${index}`) ?? Buffer.alloc(32);
  for (const [n, line] of lines.entries())
    for (const node of completedNodes(hash, n, Buffer.from(line), nodeAt))
      nodes.set(`${node.level}/${node.index}`, node.hash);
  return rootOf(hash, lines.length, nodeAt);
}

function note(lines: readonly string[], size = lines.length, by = signer): string {
  return signCheckpoint({ origin: "mirror.example", size, root: rootFor(lines.slice(0, size)) }, by);
}

/** What the verifier says of these lines with these checkpoints; `kept` are those that somebody has. */
async function verdict(
  lines: readonly string[],
  notes: readonly string[],
  kept: readonly string[] = [],
): Promise<string> {
  await writeFile(path.join(folder, EXPORT_FILES.entries), lines.map((line) => `${line}\n`).join(""));
  await writeFile(path.join(folder, EXPORT_FILES.checkpoints), notes.join("\n"));
  await writeFile(path.join(folder, "kept"), kept.join("\n"));
  const answer = await verifyExport(folder, verifier, kept.length === 0 ? [] : [path.join(folder, "kept")]);
  return answer.kind === "verified" ? "verified" : answer.code;
}

const HONEST = [note(LOG, 7), note(LOG, 16), note(LOG)];
const KEPT = [note(LOG, 16), note(LOG)];

test("an honest log is verified, with and without what was kept", async () => {
  assert.equal(await verdict(LOG, HONEST), "verified");
  assert.equal(await verdict(LOG, HONEST, KEPT), "verified");
  assert.equal(await verdict([], [note([])]), "verified");
  const more = [...LOG, entry(23)];
  assert.equal(await verdict(more, [...HONEST, note(more)], KEPT), "verified", "a log that went on");
});

test("1 truncated: the end is cut off, and the checkpoints of it with it", async () => {
  assert.equal(await verdict(LOG.slice(0, 20), HONEST), "audit.truncated");
  assert.equal(await verdict(LOG.slice(0, 16), HONEST.slice(0, 2), KEPT), "audit.truncated");
  assert.equal(
    await verdict(LOG.slice(0, 20), [note(LOG, 20)], KEPT),
    "audit.truncated",
    "signed anew by the key's holder",
  );
});

test("2 rewritten: another log from the first entry on, signed by the same key", async () => {
  const other = LOG.map((_, n) => entry(n, `other ${n}`));
  assert.equal(await verdict(other, HONEST), "audit.changed");
  assert.equal(await verdict(other, [note(other)], KEPT), "audit.changed");
});

test("3 dropped: one entry is taken out", async () => {
  assert.equal(await verdict(LOG.toSpliced(9, 1), HONEST), "audit.numbering");
  const closed = LOG.toSpliced(9, 1).map((line, n) => line.replace(/^{"n":\d+/, `{"n":${n}`));
  assert.equal(await verdict(closed, HONEST), "audit.changed");
  assert.equal(await verdict(closed, [note(closed)], KEPT), "audit.changed", "numbered and signed anew");
});

test("4 reordered: two entries change places", async () => {
  const swapped = LOG.with(3, LOG[4] ?? "").with(4, LOG[3] ?? "");
  assert.equal(await verdict(swapped, HONEST), "audit.numbering");
  const numbered = LOG.with(3, entry(3, "thing 4")).with(4, entry(4, "thing 3"));
  assert.equal(await verdict(numbered, [note(numbered)], KEPT), "audit.changed");
});

test("5 edited: one word of one entry", async () => {
  for (const n of [0, 6, 7, 15, 22]) {
    const edited = LOG.with(n, entry(n, "nothing"));
    assert.equal(await verdict(edited, HONEST), "audit.changed", String(n));
    assert.equal(await verdict(edited, [note(edited)], KEPT), "audit.changed", `${n}, signed anew`);
  }
  assert.equal(await verdict(LOG.with(5, `${LOG[5]} `), HONEST), "audit.changed", "one blank at the end of a line");
});

test("6 forked: the same beginning, and another end for another reader", async () => {
  const fork = LOG.map((line, n) => (n < 18 ? line : entry(n, `fork ${n}`)));
  assert.equal(await verdict(fork, [note(fork, 16), note(fork)]), "verified", "in itself it is whole");
  assert.equal(await verdict(fork, [note(fork, 16), note(fork)], KEPT), "audit.changed");
});

test("7 the last line exchanged", async () => {
  const swapped = LOG.with(22, entry(22, "another"));
  assert.equal(await verdict(swapped, HONEST), "audit.changed");
  assert.equal(await verdict(swapped, [note(swapped)], KEPT), "audit.changed");
});

test("entries behind the last checkpoint, strangers' signatures, lines that are none", async () => {
  assert.equal(await verdict([...LOG, entry(23)], HONEST), "audit.unsigned-tail");
  assert.equal(await verdict(LOG, []), "audit.unsigned-tail");
  assert.equal(await verdict(LOG, [...HONEST, note(LOG, 23, stranger)]), "audit.signature-wrong");
  assert.equal(await verdict(LOG, [HONEST[0]?.replace("\n7\n", "\n8\n") ?? ""]), "audit.signature-wrong");
  for (const line of ["", "{", "null", '{"n":"3"}', '{"n":-1}', "\u0000"])
    assert.equal(await verdict(LOG.with(3, line), HONEST), "audit.malformed", line);
  await writeFile(path.join(folder, EXPORT_FILES.entries), LOG.join("\n"));
  await writeFile(path.join(folder, EXPORT_FILES.checkpoints), HONEST.join("\n"));
  const cut = await verifyExport(folder, verifier, []);
  assert.equal("code" in cut && cut.code, "audit.malformed", "the last line has no end");
  await writeFile(path.join(folder, EXPORT_FILES.entries), Buffer.alloc(5 * 1024 * 1024, "x"));
  const long = await verifyExport(folder, verifier, []);
  assert.equal("code" in long && long.code, "audit.malformed", "a line without end");
  assert.ok((await readFile(path.join(folder, EXPORT_FILES.checkpoints))).length > 0);
});
