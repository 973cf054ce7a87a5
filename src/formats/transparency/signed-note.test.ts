import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { openCheckpoint, signCheckpoint, splitNotes } from "./checkpoint.ts";
import { noteSigner, openNote, readVerifier } from "./signed-note.ts";

// The example of the specification (C2SP signed-note), made by another program.
const VERIFIER = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const NOTE =
  "This is an example message.\n\n\u2014 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const SEED = Buffer.alloc(32, 7);

function theirs(): NonNullable<ReturnType<typeof readVerifier>> {
  const verifier = readVerifier(VERIFIER);
  assert.ok(verifier);
  return verifier;
}

test("another program's note opens with its key", () => {
  assert.deepEqual(openNote(NOTE, theirs()), { text: "This is an example message.\n" });
});

test("what we sign opens with our key, and a co-signature beside it does no harm", () => {
  const signer = noteSigner("mirror.example", SEED);
  const ours = readVerifier(signer.verifier);
  assert.ok(ours);
  const note = signer.sign("This is an example message.\n");
  assert.deepEqual(openNote(note, ours), { text: "This is an example message.\n" });
  const both = `${note}${NOTE.split("\n\n")[1] ?? ""}`;
  assert.ok("text" in openNote(both, ours) && "text" in openNote(both, theirs()));
});

test("no changed character leaves a note good", () => {
  fc.assert(
    fc.property(fc.nat(NOTE.length - 1), fc.constantFrom("a", "=", "\n", "0", "\u2014", ""), (at, put) => {
      const changed = NOTE.slice(0, at) + put + NOTE.slice(at + 1);
      const opened = openNote(changed, theirs());
      assert.ok(changed === NOTE || "wrong" in opened || opened.text === "This is an example message.\n");
    }),
    { numRuns: 2_000 },
  );
  assert.ok("wrong" in openNote(NOTE.replace("example message", "other message"), theirs()));
  assert.ok("wrong" in openNote(NOTE.replace("Uw2QOkn8", "Uw2QOkn9"), theirs()));
});

test("a key's text is its name, its hash and its key, and all three must fit", () => {
  for (const bad of [
    "",
    "a",
    "example.com/foo",
    VERIFIER.replace("530d903a", "530d903b"),
    VERIFIER.replace("foo", "bar"),
  ])
    assert.equal(readVerifier(bad), null, bad);
  assert.throws(() => noteSigner("two words", SEED), RangeError);
  assert.throws(() => noteSigner("name", SEED.subarray(1)), RangeError);
  assert.throws(() => noteSigner("name", SEED).sign("no line feed"), RangeError);
});

test("a checkpoint is origin, size and root, and of its own log alone", () => {
  const signer = noteSigner("mirror.example", SEED);
  const ours = readVerifier(signer.verifier);
  assert.ok(ours);
  const root = Buffer.alloc(32, 9);
  const note = signCheckpoint({ origin: "mirror.example", size: 20_852_163, root }, signer);
  assert.deepEqual(openCheckpoint(note, ours), { origin: "mirror.example", size: 20_852_163, root });
  for (const text of [
    "other.example\n1\n",
    "mirror.example\n01\n",
    "mirror.example\n-1\n",
    "mirror.example\n1e3\n",
    "mirror.example\n99999999999999999\n",
  ])
    assert.ok("wrong" in openCheckpoint(signer.sign(`${text}${root.toString("base64")}\n`), ours), text);
  assert.ok("wrong" in openCheckpoint(signer.sign("mirror.example\n1\nAAAA\n"), ours));
  assert.throws(() => signCheckpoint({ origin: "a\nb", size: 1, root }, signer), RangeError);
});

test("kept checkpoints stand in one file, one behind the other", () => {
  const signer = noteSigner("mirror.example", SEED);
  const notes = [1, 2, 3].map((size) =>
    signCheckpoint({ origin: "mirror.example", size, root: Buffer.alloc(32, size) }, signer),
  );
  assert.deepEqual(splitNotes(notes.join("")), notes);
  assert.deepEqual(splitNotes(notes.join("\n")), notes);
  assert.deepEqual(splitNotes(""), []);
});
