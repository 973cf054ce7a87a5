import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { makeCertificate, type TestCertificate } from "../../test/upstream/certificate.ts";
import { readIdentity } from "./tls-files.ts";

describe("the files of a certificate", () => {
  let folder: string;
  let one: TestCertificate;
  let two: TestCertificate;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "ringfort-tls-"));
    one = await makeCertificate(["mirror.example", "localhost"]);
    two = await makeCertificate(["other.example"]);
    await writeFile(path.join(folder, "one.crt"), one.cert);
    await writeFile(path.join(folder, "one.key"), one.key);
    await writeFile(path.join(folder, "two.key"), two.key);
    // As certbot has it: links into an archive.
    await mkdir(path.join(folder, "live"));
    await symlink("../one.crt", path.join(folder, "live/fullchain.pem"));
    await symlink("../one.key", path.join(folder, "live/privkey.pem"));
  });

  after(() => rm(folder, { recursive: true }));

  const files = (certificate: string, key: string) => ({
    pair: { certificate: path.join(folder, certificate), key: path.join(folder, key) },
    authorities: null,
  });

  test("are read with what is to be known of them, by name and by folder", async () => {
    const { identity, facts, mark } = await readIdentity(files("one.crt", "one.key"));
    assert.equal(identity.key, one.key);
    assert.deepEqual(facts.names, ["DNS:mirror.example", "DNS:localhost"]);
    assert.equal(facts.fault, null);
    assert.match(facts.fingerprint, /^[0-9a-f]{64}$/);
    const live = { pair: { folder: path.join(folder, "live"), name: null }, authorities: path.join(folder, "one.crt") };
    const found = await readIdentity(live);
    assert.equal(found.facts.fingerprint, facts.fingerprint);
    assert.equal(found.identity.authorities, one.cert);
    assert.notEqual(found.mark, mark);
  });

  test("a key of another certificate is a fault of the pair", async () => {
    assert.equal((await readIdentity(files("one.crt", "two.key"))).facts.fault?.code, "certificate.key-differs");
  });

  test("what is missing, no PEM, without end, locked or no file is a failure, and says nothing of the content", async () => {
    await writeFile(path.join(folder, "empty"), "");
    await writeFile(path.join(folder, "torn"), one.cert.slice(0, 200));
    await writeFile(path.join(folder, "long"), `-----BEGIN ${"x".repeat(100_000)}`);
    execFileSync("mkfifo", [path.join(folder, "pipe")]);
    const locked = `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${one.key.split("\n").slice(1, 3).join("\n")}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
    await writeFile(path.join(folder, "locked"), locked);
    for (const [certificate, key, code] of [
      ["none", "one.key", "config.unreadable"],
      ["live", "one.key", "config.unreadable"],
      ["pipe", "one.key", "config.unreadable"],
      ["empty", "one.key", "config.invalid"],
      ["torn", "one.key", "config.invalid"],
      ["long", "one.key", "config.invalid"],
      ["one.key", "one.key", "config.invalid"],
      ["one.crt", "one.crt", "config.invalid"],
      ["one.crt", "locked", "config.invalid"],
    ] as const) {
      await assert.rejects(readIdentity(files(certificate, key)), (error: Error & { readonly code?: string }) => {
        assert.equal(error.code, code, `${certificate} ${key}: ${error.message}`);
        return !error.message.includes(one.key.slice(60, 100));
      });
    }
    for (const name of ["absent.example", null])
      await assert.rejects(readIdentity({ pair: { folder: path.join(folder, "nothing"), name }, authorities: null }), {
        code: "config.unreadable",
      });
    await mkdir(path.join(folder, "several"));
    for (const name of ["a.crt", "a.key", "b.crt", "b.key"]) await writeFile(path.join(folder, "several", name), "");
    await assert.rejects(
      readIdentity({ pair: { folder: path.join(folder, "several"), name: null }, authorities: null }),
      {
        code: "config.invalid",
      },
    );
  });
});
