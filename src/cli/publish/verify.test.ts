import assert from "node:assert/strict";
import { appendFile, cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { NOW, type Ran, run } from "../../../test/fixtures/scripted-terminal.ts";
import type { RefusalCode } from "../../core/kernel/errors.ts";
import { type MinisignKeyFile, minisignSignerOf, parseKeyFile } from "../../formats/signatures/key-file.ts";
import { signMinisign } from "../../formats/signatures/write-minisign.ts";

let place: string;
let key: string;
let signer: ReturnType<typeof minisignSignerOf>;

before(async () => {
  place = await mkdtemp(path.join(tmpdir(), "ringfort-verify-"));
  for (const name of ["release.key", "else.key"])
    assert.equal((await ringfort("key", "new", name, "--kind", "minisign")).exit, 0);
  key = await publicKey("release.key");
  signer = minisignSignerOf(parseKeyFile(await readFile(at("release.key"), "utf8"), "release.key") as MinisignKeyFile);
  await mkdir(at("files/doc"), { recursive: true });
  await writeFile(at("files/ringfort.deb"), Buffer.alloc(3_000_000, 1));
  await writeFile(at("files/doc/read.me"), "read me\n");
  const published = await ringfort("publish", "files", "--into", "good", "--as", "directory", "--key", "release.key");
  assert.equal(published.exit, 0, published.err);
});

after(() => rm(place, { recursive: true, force: true }));

function at(...names: readonly string[]): string {
  return path.join(place, ...names);
}

function ringfort(...args: readonly string[]): Promise<Ran> {
  return run(args, { cwd: place });
}

async function publicKey(file: string): Promise<string> {
  return (JSON.parse((await ringfort("key", "show", file, "--json")).out) as { readonly publicKey: string }).publicKey;
}

/** The release with something done to it, and what `ringfort verify` then says: its code, or `null` for yes. */
async function saidOf(change: (folder: string) => Promise<void>, ...args: readonly string[]): Promise<string | null> {
  await rm(at("tried"), { recursive: true, force: true });
  await cp(at("good"), at("tried"), { recursive: true });
  await change(at("tried"));
  const { exit, out } = await ringfort("verify", "tried", ...args, "--key", key, "--json");
  const said = JSON.parse(out) as { readonly error?: { readonly code: string } };
  assert.equal(exit, said.error === undefined ? 0 : 3, out);
  return said.error?.code ?? null;
}

/** Signs another list with the key that is believed. */
async function resign(folder: string, list: string): Promise<void> {
  const bytes = Buffer.from(list);
  await writeFile(path.join(folder, "SHA256SUMS"), bytes);
  const signature = signMinisign(signer, bytes, { signedAt: NOW, file: "SHA256SUMS" });
  await writeFile(path.join(folder, "SHA256SUMS.minisig"), signature);
}

/** Exchanges one byte of a file. */
async function flip(file: string, byte: number): Promise<void> {
  const bytes = await readFile(file);
  bytes[byte] = (bytes[byte] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

test("a release is verified by the key alone, as it is written or in a file of minisign's", async () => {
  await writeFile(at("release.pub"), `untrusted comment: minisign public key\n${key}\n`);
  for (const given of [key, "release.pub"]) {
    const { exit, out } = await ringfort("verify", "good", "--key", given, "--json");
    assert.equal(exit, 0, out);
    const { files, signedAt } = JSON.parse(out) as { readonly files: readonly object[]; readonly signedAt: number };
    assert.deepEqual([files.length, signedAt], [2, NOW]);
  }
});

const none = async (): Promise<void> => {};
const other = "0".repeat(64);
const WRONG: Readonly<Record<string, readonly [RefusalCode, (folder: string) => Promise<void>]>> = {
  "one flipped byte of a file": [
    "release.file-differs",
    (folder) => flip(path.join(folder, "ringfort.deb"), 2_999_999),
  ],
  "a byte behind a file": ["release.file-differs", (folder) => appendFile(path.join(folder, "doc/read.me"), "x")],
  "a link to the same bytes": [
    "release.file-differs",
    async (folder) => {
      await rename(path.join(folder, "ringfort.deb"), at("aside"));
      await symlink(at("aside"), path.join(folder, "ringfort.deb"));
    },
  ],
  "a file that is gone": ["release.file-missing", (folder) => rm(path.join(folder, "doc/read.me"))],
  "a file beside them": ["release.file-unlisted", (folder) => writeFile(path.join(folder, "doc/setup"), "x")],
  "a folder beside them": ["release.file-unlisted", (folder) => mkdir(path.join(folder, "more"))],
  "one flipped byte of the list": ["release.signature-wrong", (folder) => flip(path.join(folder, "SHA256SUMS"), 3)],
  "one flipped byte of the signature": [
    "release.signature-wrong",
    (folder) => flip(path.join(folder, "SHA256SUMS.minisig"), 140),
  ],
  "no signature": ["release.unsigned", (folder) => rm(path.join(folder, "SHA256SUMS.minisig"))],
  "no list": ["release.unsigned", (folder) => rm(path.join(folder, "SHA256SUMS"))],
  "a signed list that is none": ["release.malformed", (folder) => resign(folder, "ringfort.deb\n")],
  "a signed list of nothing": ["release.malformed", (folder) => resign(folder, "")],
  "a signed list that leads out": ["release.malformed", (folder) => resign(folder, `${other}  ../aside\n`)],
  "a signed list that says a name twice": [
    "release.malformed",
    (folder) => resign(folder, `${other}  a\n${other}  a\n`),
  ],
};

for (const [name, [code, change]] of Object.entries(WRONG))
  test(`${name} is refused`, async () => assert.equal(await saidOf(change), code));

test("another's key is told from a wrong signature", async () => {
  const { exit, out } = await ringfort("verify", "good", "--key", await publicKey("else.key"), "--json");
  assert.equal(exit, 3);
  assert.equal((JSON.parse(out) as { error: { code: string } }).error.code, "release.signer-unknown");
});

test("files that are named are verified alone, and one that is not listed is refused", async () => {
  const noise = (folder: string): Promise<void> => flip(path.join(folder, "ringfort.deb"), 7);
  assert.equal(await saidOf(noise, "doc/read.me"), null);
  const led = async (folder: string): Promise<void> => {
    await rename(path.join(folder, "doc"), at("doc-aside"));
    await symlink(at("doc-aside"), path.join(folder, "doc"));
  };
  assert.equal(await saidOf(led, "doc/read.me"), "release.file-differs", "a link in the place of a folder");
  assert.equal(await saidOf(none, "doc/setup"), "release.file-unlisted");
  assert.equal(await saidOf(none, "SHA256SUMS"), "release.file-unlisted");
});

test("what is no key is the command line's fault", async () => {
  assert.equal((await ringfort("verify", "good", "--key", "nothing-here")).exit, 2);
  await writeFile(at("secret.txt"), "no key\n");
  assert.equal((await ringfort("verify", "good", "--key", "secret.txt")).exit, 2);
});
