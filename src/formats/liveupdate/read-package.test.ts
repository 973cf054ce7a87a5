import assert from "node:assert/strict";
import { test } from "node:test";
import { digestHex, type Forgery, noise } from "../../../test/upstream/liveupdate/parts.ts";
import { makeLiveupdateVendor } from "../../../test/upstream/liveupdate-vendor.ts";
import { type ContentFindings, contentFindings } from "../../core/model/findings.ts";
import type { LiveupdateTrust } from "../../core/model/source.ts";
import { bytesSource } from "../archive/byte-source.ts";
import { writeZip } from "../archive/write-zip.ts";
import { inspectPackage } from "./read-package.ts";

const NOW = Date.UTC(2026, 10, 1);
const vendor = makeLiveupdateVendor({ now: NOW, bytes: 800, products: ["definitions"] });
const GOOD = vendor.daily();

async function inspect(
  bytes: Uint8Array,
  options: { readonly name?: string; readonly trust?: Partial<LiveupdateTrust>; readonly expandedBytes?: number } = {},
): Promise<ContentFindings> {
  const { name = "a.zip", expandedBytes = 1e6 } = options;
  const trust = { ...vendor.trust(), ...options.trust };
  return inspectPackage({ name, source: bytesSource(bytes), trust, now: NOW, expandedBytes });
}

test("a true package: its signer, its date and its version", async () => {
  for (const name of ["a.zip", "A.ZIP", "example.jdb"]) {
    const seen = await inspect(GOOD, { name });
    assert.deepEqual([seen.malformed, seen.contradictions, seen.expandedPastCap], [null, [], false]);
    assert.deepEqual(
      seen.signatures.map(({ status, over }) => [status, over]),
      [["good", name]],
    );
    assert.deepEqual([seen.version, seen.builtAt], [vendor.at() / 1_000, vendor.at()]);
    assert.equal(seen.sha1, digestHex("sha1", GOOD));
    assert.ok((seen.expandedBytes ?? 0) > 8_000);
  }
});

test("what is no archive is not looked into: nothing but its digest", async () => {
  for (const name of ["a.exe", "a.x86", "a.m26", "a.7z", "zip"]) {
    const seen = await inspect(noise("x", 3_000_000), { name });
    assert.deepEqual([seen.malformed, seen.signatures, seen.expandedBytes], [null, [], null], name);
    assert.equal(seen.sha1, digestHex("sha1", noise("x", 3_000_000)));
  }
});

test("unpacking has its cap", async () => {
  const seen = await inspect(GOOD, { expandedBytes: 4_000 });
  assert.ok(seen.expandedPastCap && (seen.expandedBytes ?? 0) > 4_000);
});

test("guards and members that do not fit together are contradictions or malformed", async () => {
  const drop = (pattern: RegExp): Forgery => ({
    members: (list) => list.filter(({ name }) => !pattern.test(String(name))),
  });
  const add = (name: string): Forgery => ({ members: (list) => [...list, { name, bytes: Buffer.from("x") }] });
  const rename = (from: string, to: string): Forgery => ({
    members: (list) => list.map((member) => (member.name === from ? { ...member, name: to } : member)),
  });
  const contradicting = [add("more.txt"), add("d/v.grd"), drop(/^virscan/), rename("virscan.bin", "other.bin")];
  for (const [at, forgery] of contradicting.entries()) {
    const seen = await inspect(vendor.daily(forgery));
    assert.ok(seen.malformed === null && seen.contradictions.length > 0, String(at));
  }
  const malformed = [
    drop(/^v\./),
    drop(/grd$/),
    drop(/sig$/),
    add("w.grd"),
    add("w.sig"),
    rename("v.sig", "w.sig"),
    rename("v.grd", "d/v.grd"),
    { guard: (text: string) => `${text}junk\n` },
    { container: (bytes: Buffer) => Buffer.concat([bytes, Buffer.from("x")]) },
  ];
  for (const [at, forgery] of malformed.entries())
    assert.notEqual((await inspect(vendor.daily(forgery))).malformed, null, String(at));
});

test("the pair may have any stem, and a guard may spell names its own way", async () => {
  const stem: Forgery = {
    members: (list) => list.map((each) => ({ ...each, name: String(each.name).replace(/^v\.(...)$/, "Defs.$1") })),
  };
  const spelt: Forgery = { guard: (text) => text.replace("[File-virscan.bin]", "[File-VIRSCAN.BIN]") };
  for (const forgery of [stem, spelt]) {
    const seen = await inspect(vendor.daily(forgery));
    assert.deepEqual([seen.malformed, seen.contradictions, seen.signatures[0]?.status], [null, [], "good"]);
  }
});

test("a legal text that grows when it is quoted is told as far as there is room", async () => {
  const legal = Buffer.from("\u202e".repeat(300)).toString("latin1");
  const guard = (text: string): string => text.replace(/Legal=[^\r\n]*/, `Legal=${legal}`);
  for (const forgery of [{ guard }, { guard, sign: () => Buffer.from("nobody") }])
    contentFindings.parse(await inspect(vendor.daily(forgery)));
});

test("a guard of SHA-1 alone is a weak signature, but under the legacy profile", async () => {
  const bytes = vendor.daily({ manner: { digests: ["sha1"] } });
  assert.deepEqual(
    (await inspect(bytes)).signatures.map(({ status }) => status),
    ["good", "weak"],
  );
  assert.deepEqual(
    (await inspect(bytes, { trust: { profile: "legacy-sha1" } })).signatures.map(({ status }) => status),
    ["good"],
  );
});

test("where guards are not demanded, an archive without one is unpacked all the same", async () => {
  const trust = { innerGuard: "where-present" } as const;
  const bare = writeZip([{ name: "a.txt", bytes: Buffer.from("text ".repeat(50)) }], NOW);
  const seen = await inspect(bare, { trust });
  assert.deepEqual([seen.malformed, seen.signatures, seen.version], [null, [], null]);
  const damaged = Buffer.from(bare);
  damaged[40] = (damaged[40] ?? 0) ^ 0xff;
  assert.notEqual((await inspect(damaged, { trust })).malformed, null);
  assert.notEqual((await inspect(bare)).malformed, null);
  // Half a pair is none of these.
  const half = vendor.daily({ members: (list) => list.filter(({ name }) => name !== "v.sig") });
  assert.notEqual((await inspect(half, { trust })).malformed, null);
});
