import assert from "node:assert/strict";
import { test } from "node:test";
import { digestHex, type Forgery } from "../../../test/upstream/liveupdate/parts.ts";
import { makeLiveupdateVendor } from "../../../test/upstream/liveupdate-vendor.ts";
import type { LiveupdateDialect } from "../../core/model/source.ts";
import { type IndexReading, readIndex } from "./read-index.ts";

const NOW = Date.UTC(2026, 10, 1);
const vendor = makeLiveupdateVendor({ now: NOW, bytes: 800, products: ["definitions", "streaming", "legacy"] });
const DIALECT: LiveupdateDialect = {
  section: "Package*",
  product: "Product",
  version: "Version",
  language: "Language",
  item: "ItemSeqName",
  sequence: "ItemSeqData",
  from: "ItemSeqFrom",
  file: "FileName",
  size: "Size",
  sha1: "SHA1",
  sha256: "SHA256",
};

interface Options {
  readonly key?: string;
  readonly forgery?: Forgery;
  readonly name?: string;
  readonly dialect?: LiveupdateDialect | "opaque";
}

async function read({ key = "definitions", forgery = {}, name, dialect = DIALECT }: Options): Promise<IndexReading> {
  const trust = key === "legacy" ? vendor.oldTrust("legacy-sha1") : vendor.trust();
  const bytes = vendor.index(key, forgery);
  return readIndex({ name: name ?? vendor.indexPath(key), bytes, trust, dialect, now: NOW });
}

test("a true index: its signer, its date, its packages with the guard's digests", async () => {
  for (const key of ["definitions", "streaming"]) {
    const reading = await read({ key });
    assert.deepEqual([reading.malformed, reading.contradictions, reading.weak], [null, [], false]);
    assert.deepEqual(
      reading.signatures.map(({ status, over }) => [status, over]),
      [["good", vendor.indexPath(key)]],
    );
    const folder = vendor.product(key).folder;
    assert.deepEqual(
      reading.packages.map(({ file }) => folder + file),
      vendor.sideFiles(key),
    );
    for (const { file, size, sha256 } of reading.packages) {
      const bytes = vendor.files.get(folder + file) ?? new Uint8Array(0);
      assert.deepEqual([size, sha256], [bytes.length, digestHex("sha256", bytes)]);
    }
    assert.equal(reading.packages[0]?.sequence, vendor.sequence(key));
    assert.ok(reading.guard?.lastModified != null && reading.guard.lastModified <= vendor.at());
  }
});

test("a set of the old days is weak, and bound by SHA-1", async () => {
  const reading = await read({ key: "legacy" });
  assert.deepEqual([reading.malformed, reading.contradictions, reading.weak], [null, [], true]);
  assert.ok(reading.packages.every(({ sha1, sha256 }) => sha1 !== null && sha256 === null));
});

test("a SHA-256 in a text that SHA-1 alone binds is none", async () => {
  const forgery: Forgery = {
    manner: { digests: ["sha1"] },
    packages: (list) => list.map((each) => ({ ...each, sha256: "e".repeat(64) })),
  };
  const reading = await read({ forgery });
  assert.ok(reading.weak && reading.packages.length > 0);
  assert.ok(reading.packages.every(({ sha256 }) => sha256 === null));
});

test("a package that only the text names is bound by the text", async () => {
  const reading = await read({ forgery: { guarded: (files) => files.slice(0, 1) } });
  assert.deepEqual([reading.malformed, reading.contradictions, reading.weak], [null, [], false]);
  assert.ok(reading.packages.every(({ sha256 }) => sha256 !== null));
});

test("where it says otherwise than its guard or its name, it contradicts itself", async () => {
  const cases: Readonly<Record<string, Options>> = {
    "another product's name": { name: vendor.indexPath("streaming") },
    "another folder is no other name, another version is": {
      name: "example$20av$20definitions_2.0_symalllanguages_livetri.zip",
    },
    "a digest of the text": {
      forgery: { packages: (list) => list.map((each) => ({ ...each, sha256: "e".repeat(64) })) },
    },
    "a SHA-1 of the text": { forgery: { packages: (list) => list.map((each) => ({ ...each, sha1: "e".repeat(40) })) } },
    "a name with a folder": {
      forgery: { packages: (list) => list.map((each) => ({ ...each, file: `../${each.file}` })) },
    },
    "a text that the guard does not list": { forgery: { guarded: (files) => files.slice(1) } },
    "one package of another product": {
      forgery: {
        packages: (list) =>
          list.map((each, at) => (at === 0 ? { ...each, identity: { ...each.identity, product: "Other" } } : each)),
      },
    },
  };
  for (const [what, options] of Object.entries(cases)) {
    const reading = await read(options);
    assert.equal(reading.malformed, null, what);
    assert.ok(reading.contradictions.length > 0, what);
    assert.equal(reading.signatures[0]?.status, "good", what);
  }
});

test("the name may lie in another folder, and be spelt otherwise", async () => {
  const own = vendor.indexPath("definitions");
  for (const name of [`mirror/${own}`, own.toUpperCase(), own.replaceAll("$20", "%20"), "livetri.zip", "LIVETRI.ZIP"])
    assert.deepEqual((await read({ name })).contradictions, [], name);
});

test("a changed text is not even read", async () => {
  const forgery: Forgery = {
    members: (members) =>
      members.map((member) =>
        /tri$/i.test(String(member.name)) ? { ...member, bytes: Buffer.from("[Package]\nx") } : member,
      ),
  };
  const reading = await read({ forgery });
  assert.deepEqual([reading.malformed, reading.contradictions.length, reading.packages], [null, 1, []]);
});

test("without a dialect, what the guard binds is a package, of nobody knows which product", async () => {
  const reading = await read({ dialect: "opaque", name: "any_name_at_livetri.zip" });
  assert.deepEqual(
    reading.packages.map(({ file }) => file),
    vendor.sideFiles("definitions"),
  );
  assert.ok(
    reading.packages.every(
      ({ sha256, sequence, identity }) => sha256 !== null && sequence === null && identity.product === "",
    ),
  );
  assert.deepEqual([reading.contradictions, reading.weak], [[], false]);
});

test("of an index that nobody vouches for, the guard and its signatures are told and nothing else", async () => {
  const text = (said: string): string => said.replace("FileName=", "FileName=../");
  const { guard, signatures, ...rest } = await read({ forgery: { text, sign: () => Buffer.from("nobody") } });
  assert.ok(guard !== null && signatures[0]?.status === "malformed");
  assert.deepEqual(rest, { malformed: null, contradictions: [], packages: [], weak: false });
});

test("what cannot be read is malformed, and what was seen of its signature goes with it", async () => {
  const unlisted: Forgery = { members: (list) => [...list, { name: "more.txt", bytes: Buffer.from("x") }] };
  const listed: Forgery = {
    members: unlisted.members ?? ((list) => list),
    guarded: (files) => [...files, { name: "MORE.txt", bytes: Buffer.from("x") }],
  };
  const folder: Forgery = { members: (list) => [...list, { name: "d/x.tri", bytes: Buffer.from("x") }] };
  // Listed or not: two readers could take two texts.
  const secondText: Forgery = {
    members: (list) => [...list, { name: "other.tri", bytes: Buffer.from("x") }],
    guarded: (files) => [...files, { name: "other.tri", bytes: Buffer.from("x") }],
  };
  assert.notEqual((await read({ forgery: unlisted })).malformed, null);
  assert.deepEqual(
    [(await read({ forgery: listed })).malformed, (await read({ forgery: listed })).contradictions],
    [null, []],
  );
  for (const forgery of [folder, secondText, { members: () => [] }])
    assert.notEqual((await read({ forgery })).malformed, null);
  const undated = await read({ forgery: { guard: (text) => text.replace(/Seconds=\d/, "Seconds=x") } });
  assert.ok(undated.malformed !== null && undated.guard === null && undated.signatures.length === 1);
});
