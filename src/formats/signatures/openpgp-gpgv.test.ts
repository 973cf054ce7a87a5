import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { needs, needsProgram } from "../../../test/fixtures/needs.ts";
import { makeOpenpgpVendor, signCleartext, signDetached } from "../../../test/upstream/signing.ts";
import { inspectCleartext, inspectDetached, readOpenpgpKeys } from "./openpgp.ts";

const skip = needs(needsProgram("gpg", "gnupg"), needsProgram("gpgv", "gpgv"));
const content = Buffer.from("first\n- second\nlast\n");
const now = Date.now();

let folder: string;
const inFolder = (name: string): string => path.join(folder, name);
const run = (program: string, ...options: readonly string[]) =>
  spawnSync(program, options, {
    cwd: folder,
    env: { ...process.env, GNUPGHOME: inFolder("home"), LC_ALL: "C" },
    encoding: "utf8",
  });

function gpg(...options: readonly string[]): void {
  const { status, stderr } = run(
    "gpg",
    "--batch",
    "--yes",
    "--quiet",
    "--no-tty",
    "--pinentry-mode",
    "loopback",
    "--passphrase",
    "",
    ...options,
  );
  assert.equal(status, 0, `gpg ${options.join(" ")}: ${stderr}`);
}

/** Whether gpgv accepts a file, with the key ring of the trusted key alone. */
function gpgvAccepts(key: string, ...files: readonly string[]): boolean {
  return run("gpgv", "--keyring", inFolder(`${key}.gpg`), ...files).status === 0;
}

function exportKey(key: string): string {
  gpg("--output", `${key}.gpg`, "--export", key);
  gpg("--output", `${key}.asc`, "--armor", "--export", key);
  return readFileSync(inFolder(`${key}.asc`), "utf8");
}

async function ourStatuses(key: string, signature: string): Promise<string> {
  const keys = await readOpenpgpKeys([readFileSync(inFolder(`${key}.asc`), "utf8")]);
  const bytes = readFileSync(inFolder(signature));
  return (await inspectDetached({ keys, signature: bytes, content: readFileSync(inFolder("list")), over: "list", now }))
    .map(({ status }) => status)
    .join();
}

before(() => {
  if (skip !== false) return;
  folder = mkdtempSync(path.join(os.tmpdir(), "gpgv-"));
  mkdirSync(inFolder("home"), { mode: 0o700 });
  writeFileSync(inFolder("list"), content);
});
after(() => {
  if (skip !== false) return;
  run("gpgconf", "--kill", "all");
  rmSync(folder, { recursive: true, force: true });
});

test("a key of each kind: what gpg signs and gpgv accepts is good, and no longer when it is tampered with", {
  skip,
}, async () => {
  for (const algorithm of ["ed25519", "nistp256", "rsa2048"]) {
    gpg("--quick-gen-key", algorithm, algorithm, "sign", "never");
    exportKey(algorithm);
    for (const [form, ...options] of [
      ["binary"],
      ["armoured", "--armor"],
      ["sha512", "--digest-algo", "SHA512"],
      ["textual", "--textmode"],
    ]) {
      gpg("--local-user", algorithm, ...options, "--output", "sig", "--detach-sign", "list");
      assert.deepEqual(
        [await ourStatuses(algorithm, "sig"), gpgvAccepts(algorithm, "sig", "list")],
        ["good", true],
        `${algorithm} ${form}`,
      );
      writeFileSync(inFolder("list"), "tampered\n");
      assert.deepEqual(
        [await ourStatuses(algorithm, "sig"), gpgvAccepts(algorithm, "sig", "list")],
        ["wrong", false],
        `${algorithm} ${form} tampered`,
      );
      writeFileSync(inFolder("list"), content);
    }
  }
  gpg("--local-user", "rsa2048", "--output", "sig", "--detach-sign", "list");
  assert.deepEqual(
    [await ourStatuses("ed25519", "sig"), gpgvAccepts("ed25519", "sig", "list")],
    ["unknown-key", false],
    "a stranger's",
  );
  writeFileSync(inFolder("sig"), readFileSync(inFolder("sig")).subarray(0, 40));
  assert.deepEqual(
    [await ourStatuses("rsa2048", "sig"), gpgvAccepts("rsa2048", "sig", "list")],
    ["malformed", false],
    "cut off",
  );
});

test("a signing subkey", { skip }, async () => {
  gpg("--quick-gen-key", "parted", "ed25519", "cert", "never");
  const [, fingerprint] =
    /^fpr:+([0-9A-F]{40}):/m.exec(run("gpg", "--with-colons", "--list-keys", "parted").stdout) ?? [];
  gpg("--quick-add-key", fingerprint ?? "", "ed25519", "sign", "never");
  exportKey("parted");
  gpg("--local-user", "parted", "--output", "sig", "--detach-sign", "list");
  assert.deepEqual([await ourStatuses("parted", "sig"), gpgvAccepts("parted", "sig", "list")], ["good", true]);
});

test("an expired signature", { skip }, async () => {
  gpg("--faked-system-time", "20200101T000000", "--quick-gen-key", "old", "ed25519", "sign", "never");
  exportKey("old");
  gpg(
    "--faked-system-time",
    "20200102T000000",
    "--default-sig-expire",
    "5d",
    "--local-user",
    "old",
    "--output",
    "sig",
    "--detach-sign",
    "list",
  );
  assert.equal(await ourStatuses("old", "sig"), "expired");
  // gpgv says "Good signature … expired" and leaves the verdict to the reader of its status lines.
  assert.match(
    run("gpgv", "--status-fd", "1", "--keyring", inFolder("old.gpg"), "sig", "list").stdout,
    /^\[GNUPG:\] EXPSIG /m,
  );
});

test("where Ringfort is stricter than gpgv: ended and revoked keys, SHA-1, short RSA keys", { skip }, async () => {
  gpg("--faked-system-time", "20200101T000000", "--quick-gen-key", "ended", "ed25519", "sign", "1y");
  exportKey("ended");
  gpg("--faked-system-time", "20200102T000000", "--local-user", "ended", "--output", "sig", "--detach-sign", "list");
  assert.equal(await ourStatuses("ended", "sig"), "expired");
  assert.match(
    run("gpgv", "--status-fd", "1", "--keyring", inFolder("ended.gpg"), "sig", "list").stdout,
    /^\[GNUPG:\] EXPKEYSIG /m,
  );

  for (const algorithm of ["old", "rsa2048"]) {
    gpg("--local-user", algorithm, "--digest-algo", "SHA1", "--output", "sig", "--detach-sign", "list");
    assert.deepEqual(
      [await ourStatuses(algorithm, "sig"), gpgvAccepts(algorithm, "sig", "list")],
      ["weak", true],
      `SHA-1 by ${algorithm}`,
    );
  }

  gpg("--quick-gen-key", "short", "rsa1024", "sign", "never");
  exportKey("short");
  gpg("--local-user", "short", "--output", "sig", "--detach-sign", "list");
  assert.deepEqual(
    [await ourStatuses("short", "sig"), gpgvAccepts("short", "sig", "list")],
    ["weak", true],
    "RSA of 1024 bits",
  );

  gpg("--quick-gen-key", "gone", "ed25519", "sign", "never");
  const [, fingerprint = ""] =
    /^fpr:+([0-9A-F]{40}):/m.exec(run("gpg", "--with-colons", "--list-keys", "gone").stdout) ?? [];
  gpg("--local-user", "gone", "--output", "sig", "--detach-sign", "list");
  const certificate = readFileSync(inFolder(`home/openpgp-revocs.d/${fingerprint}.rev`), "utf8").replace(
    ":-----BEGIN",
    "-----BEGIN",
  );
  writeFileSync(inFolder("revocation"), certificate);
  gpg("--import", "revocation");
  exportKey("gone");
  assert.equal(await ourStatuses("gone", "sig"), "expired");
  assert.match(
    run("gpgv", "--status-fd", "1", "--keyring", inFolder("gone.gpg"), "sig", "list").stdout,
    /^\[GNUPG:\] REVKEYSIG /m,
  );
});

test("clear-text signed files: the same verdict and the same text as gpgv", { skip }, async () => {
  gpg("--quick-gen-key", "clear", "ed25519", "sign", "never");
  const keys = await readOpenpgpKeys([exportKey("clear")]);
  gpg("--local-user", "clear", "--output", "framed", "--clear-sign", "list");
  const honest = readFileSync(inFolder("framed"), "utf8");
  const table: readonly (readonly [name: string, file: string, status: string])[] = [
    ["honest", honest, "good"],
    ["text before the frame", `unsigned line\n${honest}`, "good"],
    ["text behind the frame", `${honest}unsigned line\n`, "good"],
    ["a changed line", honest.replace("first", "First"), "wrong"],
    ["a line more", honest.replace("first", "first\nmore"), "wrong"],
    ["a line less", honest.replace("last\n", ""), "wrong"],
    ["space at a line's end", honest.replace("first", "first  "), "good"],
  ];
  for (const [name, file, status] of table) {
    writeFileSync(inFolder("framed"), file);
    const read = await inspectCleartext({ keys, file, over: "list", now });
    const theirs = run("gpgv", "--keyring", inFolder("clear.gpg"), "--output", "-", "framed");
    assert.deepEqual(
      [read.findings.map((finding) => finding.status).join(), theirs.status === 0],
      [status, status === "good"],
      name,
    );
    if (status === "good")
      assert.equal(`${read.text ?? ""}\n`.trimEnd(), theirs.stdout.replaceAll(/[ \t]+$/gm, "").trimEnd(), name);
  }
});

test("what our own test vendor signs, gpgv accepts", { skip }, async () => {
  const vendor = await makeOpenpgpVendor({ born: now - 86_400_000 });
  writeFileSync(inFolder("ours"), vendor.publicKey);
  gpg("--dearmor", "--output", "ours.gpg", "ours");
  writeFileSync(inFolder("sig"), await signDetached([vendor], content, now - 60_000));
  assert.ok(gpgvAccepts("ours", "sig", "list"));
  writeFileSync(inFolder("framed"), await signCleartext([vendor], content.toString(), now - 60_000));
  assert.ok(gpgvAccepts("ours", "framed"));
});
