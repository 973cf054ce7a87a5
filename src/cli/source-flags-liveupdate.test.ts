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
for (const name of ["leaf", "ca", "root", "a,b"]) await writeFile(path.join(folder, `${name}.pem`), `${name}\n`);

const TRUST: SourceFlags = { signer: ["leaf.pem"], anchor: ["root.pem"] };
const from = (flags: SourceFlags) =>
  sourceFromFlags("lu", { format: "liveupdate", address: ["http://vendor.example/"], ...flags }, folder);
const feedOf = async (flags: SourceFlags) => {
  const { feed } = await from({ ...TRUST, ...flags });
  assert.ok(feed.format === "liveupdate");
  return feed;
};
const usage = (flags: SourceFlags, words: RegExp) =>
  assert.rejects(from(flags), (error) => error instanceof UsageError && words.test(error.message));

test("products are written with semicolons, the language and the folder last", async () => {
  const { index, updates, extras } = await feedOf({ product: ["A B;1.0", "C;2;English;streaming/", "D;3;;x/"] });
  assert.deepEqual(index, {
    kind: "products",
    products: [
      { product: "A B", version: "1.0", language: "SymAllLanguages", folder: "" },
      { product: "C", version: "2", language: "English", folder: "streaming/" },
      { product: "D", version: "3", language: "SymAllLanguages", folder: "x/" },
    ],
  });
  assert.deepEqual([updates, extras], ["all", []]);
});

test("the other ways to the indexes, and what is taken from them", async () => {
  assert.deepEqual((await feedOf({ listing: true })).index, { kind: "listing", folders: [""] });
  assert.deepEqual((await feedOf({ listing: ".,streaming/" })).index, { kind: "listing", folders: ["", "streaming/"] });
  assert.deepEqual((await feedOf({ full: true })).index, { kind: "full" });
  const catalog = await feedOf({ extra: ["SymantecProductCatalog.zip"] });
  assert.deepEqual([catalog.index, catalog.extras], [{ kind: "none" }, ["SymantecProductCatalog.zip"]]);
  const { select, updates } = await feedOf({
    listing: true,
    newest: true,
    select: ["product=*virus*", "product=a=b", "language=all"],
  });
  assert.deepEqual([select, updates], [{ product: ["*virus*", "a=b"], version: ["*"], language: ["all"] }, "new"]);
});

test("certificates are read and embedded, each anchor with a policy of its own", async () => {
  const { trust } = await from({
    full: true,
    signer: ["leaf.pem", "leaf.pem"],
    intermediate: ["ca.pem"],
    anchor: ["root.pem", "root.pem,time=ignored,usage=any", "a,b.pem,time=at-signing"],
    legacySha1: true,
  });
  assert.deepEqual(trust, {
    kind: "liveupdate",
    signers: ["leaf\n", "leaf\n"],
    intermediates: ["ca\n"],
    anchors: [
      { certificate: "root\n", time: "checked", usage: "code-signing" },
      { certificate: "root\n", time: "ignored", usage: "any" },
      { certificate: "a,b\n", time: "at-signing", usage: "code-signing" },
    ],
    profile: "legacy-sha1",
    innerGuard: "required",
  });
  await assert.rejects(
    from({ full: true, signer: ["absent.pem"], anchor: ["root.pem"] }),
    (error) => error instanceof Failure && error.code === "source.invalid",
  );
});

test("flags that make no description are usage errors that name the flag", async () => {
  await usage({ ...TRUST }, /which indexes are read/);
  await usage({ ...TRUST, full: true, listing: true }, /exclude each other/);
  await usage({ ...TRUST, product: ["A"] }, /--product is/);
  await usage({ ...TRUST, product: ["A;1;L;f/;more"] }, /--product is/);
  await usage({ ...TRUST, product: ["A;1;L;no-slash"] }, /^--product \(feed\.index\.products/);
  await usage({ ...TRUST, full: true, select: ["produkt=x"] }, /--select takes/);
  await usage({ ...TRUST, extra: ["../x"] }, /^--extra/);
  await usage({ full: true, signer: ["leaf.pem"] }, /who vouches/);
  await usage({ full: true, anchor: ["root.pem"] }, /who vouches/);
  await usage({ full: true, signer: ["leaf.pem"], anchor: ["root.pem,time=never"] }, /--anchor/);
  await usage({ ...TRUST, full: true, trustNone: true }, /--trust-none belongs to --format directory/);
  await usage({ ...TRUST, full: true, format: "clamav" }, /--full belongs to --format liveupdate/);
});
