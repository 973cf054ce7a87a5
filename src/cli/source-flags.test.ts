import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { Failure } from "../core/kernel/errors.ts";
import { UsageError } from "./report.ts";
import { type SourceFlags, sourceFromFlags } from "./source-flags.ts";

const folder = await mkdtemp(path.join(tmpdir(), "ringfort-flags-"));
after(() => rm(folder, { recursive: true, force: true }));

const KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
const SHA = "0123456789abcdef".repeat(4);
const address = ["https://vendor.example/pub/"];
const from = (flags: SourceFlags) => sourceFromFlags("tools", { address, ...flags }, folder);
const usage = (flags: SourceFlags, words: RegExp) =>
  assert.rejects(from(flags), (error) => error instanceof UsageError && words.test(error.message));

test("clamav needs its format and an address, and takes its own flags", async () => {
  const spec = await from({
    format: "clamav",
    database: ["daily"],
    cdiffs: "5",
    budget: ["bytes=2 GB", "files=9"],
    jitter: "30s",
  });
  assert.deepEqual(spec.feed, { format: "clamav", databases: ["daily"], cdiffs: 5 });
  assert.deepEqual(spec.trust, { kind: "clamav", roots: [] });
  assert.deepEqual([spec.budget.bytes, spec.budget.files, spec.jitter], [2e9, 9, 30_000]);
});

test("key files are read and embedded", async () => {
  await writeFile(path.join(folder, "key.asc"), "-----BEGIN PGP PUBLIC KEY BLOCK-----\n");
  await writeFile(path.join(folder, "key.pub"), `untrusted comment: minisign public key\n${KEY}\n`);
  const openpgp = await from({ format: "directory", checksums: true, openpgpKey: ["key.asc"], ca: ["key.asc"] });
  assert.deepEqual(openpgp.trust, { kind: "openpgp", keys: ["-----BEGIN PGP PUBLIC KEY BLOCK-----\n"], threshold: 1 });
  assert.equal(openpgp.network.authorities.length, 1);
  const minisign = await from({
    format: "directory",
    checksums: "SUMS",
    minisignKey: ["key.pub", KEY],
    threshold: "1",
  });
  assert.deepEqual(minisign.trust, { kind: "minisign", keys: [KEY, KEY], threshold: 1 });
  await assert.rejects(
    from({ format: "directory", checksums: true, openpgpKey: ["absent"] }),
    (error) => error instanceof Failure && error.code === "source.invalid",
  );
});

test("pins name the files too, in either case of their digits", async () => {
  const spec = await from({ format: "directory", pin: [`a=b.bin=${SHA.toUpperCase()}`] });
  assert.deepEqual(spec.feed, { format: "directory", list: { kind: "files", files: ["a=b.bin"] } });
  assert.deepEqual(spec.trust, { kind: "pinned", digests: { "a=b.bin": SHA } });
});

test("a login is a user and a file, and the file is found from anywhere", async () => {
  const spec = await from({ format: "directory", listing: "2", trustNone: true, login: "ann:secret.txt" });
  assert.deepEqual(spec.network.login, { user: "ann", passwordFile: path.join(folder, "secret.txt") });
  await usage({ format: "directory", listing: true, trustNone: true, login: "ann" }, /USER:PASSWORDFILE/);
});

test("flags that make no description are usage errors that name the flag", async () => {
  await usage({}, /--format/);
  await usage({ format: "clamv" }, /--format.*did you mean `clamav`/);
  await usage(
    { format: "clamav", listing: true, trustNone: true },
    /--listing belongs to --format directory; --trust-none/,
  );
  await usage({ format: "directory", trustNone: true }, /where the file names come from/);
  await usage({ format: "directory", listing: true, checksums: true, trustNone: true }, /exclude each other/);
  await usage({ format: "directory", listing: true }, /who vouches/);
  await usage({ format: "directory", listing: true, trustNone: true, pin: [`a=${SHA}`] }, /who vouches/);
  await usage({ format: "directory", listing: "deep", trustNone: true }, /^--listing \(feed\.list\.depth\)/);
  await usage({ format: "clamav", address: ["gopher://x/"] }, /--address .*is no address/);
  await usage({ format: "clamav", budget: ["byts=5"] }, /--budget .*did you mean `bytes`/);
  await usage({ format: "clamav", budget: ["bytes"] }, /KEY=VALUE/);
  await usage({ format: "clamav", jitter: "soon" }, /--jitter .*no length of time/);
});
