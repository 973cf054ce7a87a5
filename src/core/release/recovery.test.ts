import assert from "node:assert/strict";
import { test } from "node:test";
import { specOf } from "../../../test/fixtures/intake.ts";
import type { SourceSpec } from "../model/source.ts";
import { type RolledBack, recoveryAfterRollback } from "./recovery.ts";

const BACK: RolledBack = { channel: "production", from: [], to: [] };

function liveupdateSpec(products: readonly { product: string; version: string; language?: string }[]): SourceSpec {
  return specOf({
    feed: { format: "liveupdate", index: { kind: "products", products: [...products] } },
    trust: { kind: "liveupdate", signers: ["x"], anchors: [{ certificate: "x" }] },
  });
}

test("after a rollback a person reads which clients do not come back by themselves", () => {
  const clamav = specOf({ feed: { format: "clamav" }, trust: { kind: "clamav" } });
  assert.match(recoveryAfterRollback(clamav, BACK).join(" "), /freshclam never goes back/);
  assert.match(recoveryAfterRollback(specOf(), BACK).join(" "), /If-Modified-Since/);
});

test("the recall that a LiveUpdate rollback asks for is written out, for the products that went back", () => {
  const spec = liveupdateSpec([
    { product: "Campus Tool", version: "1.0" },
    { product: "it's; rm -rf $HOME", version: "2" },
    { product: "Same", version: "1" },
    { product: "New", version: "1" },
  ]);
  const lines = recoveryAfterRollback(spec, {
    channel: "ring1",
    from: [
      { name: "campus tool 1.0 symalllanguages", version: 261125003 },
      { name: "it's; rm -rf $home 2 symalllanguages", version: 9 },
      { name: "same 1 symalllanguages", version: 5 },
      { name: "new 1 symalllanguages", version: 5 },
    ],
    to: [
      { name: "campus tool 1.0 symalllanguages", version: 261125001 },
      { name: "it's; rm -rf $home 2 symalllanguages", version: 7 },
      { name: "same 1 symalllanguages", version: 5 },
    ],
  });
  assert.deepEqual(
    lines.filter((line) => line.startsWith("ringfort recall ")),
    [
      "ringfort recall --key KEYFILE --into TREE --channel ring1 --product 'Campus Tool' --version 1.0 --language SymAllLanguages --from 261125002 --until 261125003 --to 261125001 --reason TEXT --publish",
      "ringfort recall --key KEYFILE --into TREE --channel ring1 --product 'it'\\''s; rm -rf $HOME' --version 2 --language SymAllLanguages --from 8 --until 9 --to 7 --reason TEXT --publish",
    ],
  );
});

test("where no product can be told, the way is; where there are very many, some", () => {
  assert.match(
    recoveryAfterRollback(liveupdateSpec([{ product: "A", version: "1" }]), BACK).join(" "),
    /recall --help/,
  );
  const products = Array.from({ length: 50 }, (_, at) => ({ product: `P${at}`, version: "1" }));
  const series = (version: number): RolledBack["from"] =>
    products.map(({ product }) => ({ name: `${product} 1 symalllanguages`.toLowerCase(), version }));
  const many = recoveryAfterRollback(liveupdateSpec(products), { ...BACK, from: series(2), to: series(1) });
  assert.equal(many.filter((line) => line.startsWith("ringfort recall ")).length, 20);
  assert.match(many.join(" "), /30 more/);
});
