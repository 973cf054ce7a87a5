import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import test from "node:test";
import fc from "fast-check";
import { feed, type LiveupdateFeed } from "../../core/model/source.ts";
import { writeCertificate } from "../signatures/write-certificate.ts";
import type { CmsSigner } from "../signatures/write-cms.ts";
import { type IndexedPackage, packagesOf } from "./dialect.ts";
import { readGuard } from "./guard.ts";
import { readIndexText } from "./index-text.ts";
import { writeGuard } from "./write-guard.ts";
import { writeIndexText } from "./write-index-text.ts";
import { writePackage } from "./write-package.ts";

// What `ringfort publish` writes is read back by the mirror and the agent: what would not come back is not written.
const AT = Date.UTC(2026, 1, 1);
const FILES = [
  { name: "liveupdt.tri", bytes: Buffer.from("text") },
  { name: "1769904000example.zip", bytes: Buffer.from("package") },
];

/** The dialect of a source whose configuration says nothing of it. */
function ownDialect(): Exclude<LiveupdateFeed["dialect"], "opaque"> {
  const { dialect } = feed.parse({ format: "liveupdate", index: { kind: "none" } }) as LiveupdateFeed;
  assert.ok(dialect !== "opaque");
  return dialect;
}

test("a guard is the text on record, to the byte", () => {
  const [text = ""] = Buffer.from(writeGuard(FILES.slice(0, 1), { legal: "Synthetic", lastModified: AT + 999 }))
    .toString()
    .split("\n[File-liveupdt.tri]\n");
  assert.equal(
    text,
    "[GuardHeader]\nLegal=Synthetic\nLastModifiedUtcSeconds=1769904000\nLastModifiedGmtFormated=20260201 00:00:00",
  );
});

test("a guard comes back from its reader, with either line end and any digests", () => {
  const name = fc
    .stringMatching(/^[A-Za-z0-9][A-Za-z0-9 $_()=;-]{0,30}[A-Za-z0-9]$/)
    .filter((text) => !/^(?:con|prn|aux|nul|com\d|lpt\d)$/i.test(text));
  fc.assert(
    fc.property(
      fc.uniqueArray(name, { maxLength: 6, selector: (text) => text.toLowerCase() }),
      fc.constantFrom("\n" as const, "\r\n" as const),
      fc.constantFrom(["sha1"] as const, ["sha256"] as const, ["sha1", "sha256"] as const),
      fc.integer({ min: 0, max: 4_000_000_000 }),
      (names, lineEnd, digests, seconds) => {
        const files = names.map((text) => ({ name: text, bytes: Buffer.from(text) }));
        const read = readGuard(writeGuard(files, { legal: "a = b", lastModified: seconds * 1_000, lineEnd, digests }));
        assert.ok("guard" in read, "malformed" in read ? read.malformed : "");
        assert.equal(read.guard.lastModified, seconds * 1_000);
        assert.deepEqual(
          read.guard.files.map((file) => [file.name, file.sha1 !== null, file.sha256 !== null]),
          names.map((text) => [text, digests.some((d) => d === "sha1"), digests.some((d) => d === "sha256")]),
        );
      },
    ),
  );
});

test("names and lines that would be read as something else are not written", () => {
  const options = { legal: "x", lastModified: AT };
  const file = (name: string) => ({ name, bytes: Buffer.alloc(1) });
  for (const name of ["", "../a", "a\nb", "a]b", "[a", "a:b", "NUL", "\u00e9.txt", "a\\b"])
    assert.throws(() => writeGuard([file(name)], options), { code: "config.invalid" }, JSON.stringify(name));
  assert.throws(() => writeGuard([file("a"), file("A")], options), { code: "config.invalid" });
  for (const legal of ["a\nSHA256=b", "a\rb", " a", "a\u0000"])
    assert.throws(() => writeGuard([], { ...options, legal }), { code: "config.invalid" }, JSON.stringify(legal));
});

test("packages come back from the index text in the dialect that a source has by itself", () => {
  const word = fc.stringMatching(/^[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,20}[A-Za-z0-9])?$/);
  const number = fc.option(fc.nat(), { nil: null });
  const hex = (length: number) => fc.option(fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`)), { nil: null });
  const entry: fc.Arbitrary<IndexedPackage> = fc.record(
    {
      identity: fc.record({ product: word, version: word, language: word }, { noNullPrototype: true }),
      item: fc.oneof(fc.constant(""), word),
      sequence: number,
      from: number,
      file: word,
      size: number,
      sha1: hex(40),
      sha256: hex(64),
      urls: fc.array(fc.webUrl(), { maxLength: 2 }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 5 }), fc.constantFrom("\n" as const, "\r\n" as const), (list, lineEnd) => {
      const read = readIndexText(writeIndexText(list, { lineEnd }));
      assert.ok("text" in read);
      assert.deepEqual(packagesOf(read.text, ownDialect()), { packages: list });
    }),
    { numRuns: 40 },
  );
});

test("a value that does not fit on its line is not written", () => {
  const entry: IndexedPackage = {
    identity: { product: "a\n[Package9]", version: "1", language: "x" },
    item: "",
    sequence: null,
    from: null,
    file: "a.zip",
    size: null,
    sha1: null,
    sha256: null,
    urls: [],
  };
  assert.throws(() => writeIndexText([entry]), { code: "config.invalid" });
});

test("a package keeps the names of its guard for itself", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const self = { subject: "CN=self", key: privateKey };
  const day = 24 * 60 * 60 * 1_000;
  const certificate = writeCertificate({
    ...self,
    serial: 1n,
    notBefore: AT,
    notAfter: AT + day,
    publicKey,
    issuer: self,
  });
  const signer: CmsSigner = { key: privateKey, certificate };
  for (const name of ["v.grd", "V.SIG"])
    assert.throws(() => writePackage({ files: [{ name, bytes: Buffer.alloc(1) }], signer, at: AT, legal: "x" }), {
      code: "config.invalid",
    });
});
