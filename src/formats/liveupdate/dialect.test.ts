import assert from "node:assert/strict";
import { test } from "node:test";
import { type LiveupdateDialect, sourceSpec } from "../../core/model/source.ts";
import { packagesOf } from "./dialect.ts";
import { readIndexText } from "./index-text.ts";

const SHA256 = "0123456789abcdef".repeat(4);
const PACKAGE = {
  Product: "Example AV Definitions",
  Version: "1.0",
  Language: "SymAllLanguages",
  ItemSeqName: "CurDefs",
  ItemSeqFrom: "260131002",
  ItemSeqData: "260201001",
  FileName: "1769904000example_curdefs.zip",
  Size: "48213",
  SHA256,
};

function dialect(changes: Partial<LiveupdateDialect> = {}): LiveupdateDialect {
  const spec = sourceSpec.parse({
    name: "s",
    feed: { format: "liveupdate", index: { kind: "full" }, dialect: changes },
    addresses: ["https://one.test/"],
    trust: { kind: "liveupdate", signers: ["x"], anchors: [{ certificate: "x" }] },
  });
  assert.ok(spec.feed.format === "liveupdate" && spec.feed.dialect !== "opaque");
  return spec.feed.dialect;
}

function read(fields: Readonly<Record<string, string>>, name = "Package1", changes: Partial<LiveupdateDialect> = {}) {
  const lines = Object.entries(fields).map(([key, value]) => `${key}=${value}`);
  const text = readIndexText(Buffer.from([`[${name}]`, ...lines].join("\n")));
  assert.ok("text" in text);
  return packagesOf(text.text, dialect(changes));
}

const ONE = {
  identity: { product: "Example AV Definitions", version: "1.0", language: "SymAllLanguages" },
  item: "CurDefs",
  sequence: 260_201_001,
  from: 260_131_002,
  file: "1769904000example_curdefs.zip",
  size: 48_213,
  sha1: null,
  sha256: SHA256,
  urls: [],
};

test("a section is a package, and its keys are found in any case", () => {
  assert.deepEqual(read(PACKAGE), { packages: [ONE] });
  const shouted = Object.fromEntries(Object.entries(PACKAGE).map(([key, value]) => [key.toUpperCase(), value]));
  assert.deepEqual(read({ ...shouted, SHA256: SHA256.toUpperCase() }, "PACKAGE 9"), { packages: [ONE] });
});

test("sections that the dialect does not mean are none, and unknown keys are left alone", () => {
  assert.deepEqual(read({ Dialect: "x" }, "LiveUpdateIndex"), { packages: [] });
  assert.deepEqual(read({ ...PACKAGE, Reboot: "1" }), { packages: [ONE] });
});

test("locations elsewhere are kept as text", () => {
  const url = "http://elsewhere.example/x.zip";
  assert.deepEqual(read({ ...PACKAGE, URL: url }), { packages: [{ ...ONE, urls: [url] }] });
});

test("another spelling is a matter of configuration", () => {
  const { Product, FileName, ...rest } = PACKAGE;
  const fields = { ...rest, ProductName: Product, Source: FileName };
  assert.ok("malformed" in read(fields));
  const changes = { section: "Item *", product: "ProductName", file: "Source" };
  assert.deepEqual(read(fields, "Item 7", changes), { packages: [ONE] });
});

test("what a package may leave out, and what it may not", () => {
  const { Product, Version, Language, FileName } = PACKAGE;
  const least = { Product, Version, Language, FileName };
  assert.deepEqual(read(least), {
    packages: [{ ...ONE, item: "", sequence: null, from: null, size: null, sha256: null }],
  });
  for (const key of ["Product", "Version", "Language", "FileName"]) {
    assert.ok("malformed" in read({ ...PACKAGE, [key]: "" }), key);
  }
});

test("a value that is none is malformed, as is one that stands twice in whatever case", () => {
  for (const changes of [
    { Size: "-1" },
    { Size: "1e3" },
    { ItemSeqData: "1".repeat(16) },
    { ItemSeqFrom: "x" },
    { SHA256: SHA256.slice(1) },
    { SHA1: SHA256 },
    { PRODUCT: "Another" },
    { filename: "another.zip" },
    { Product: "x".repeat(240) },
  ])
    assert.ok("malformed" in read({ ...PACKAGE, ...changes }), JSON.stringify(changes));
});
