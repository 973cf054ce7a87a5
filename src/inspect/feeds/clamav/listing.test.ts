import assert from "node:assert/strict";
import test from "node:test";
import { forgeCvd } from "../../../../test/fixtures/clamav-forge.ts";
import { NOW, TestQuarantine } from "../../../../test/fixtures/inspected.ts";
import type { QuarantinedFile } from "../../../wire/jobs.ts";
import type { Reading } from "../../feed-format.ts";
import { clamavFormat } from "./format.ts";
import { listDatabases } from "./listing.ts";

async function read(
  quarantine: TestQuarantine,
  files: readonly QuarantinedFile[],
  databases: string[],
  roots: string[] = [],
): Promise<Reading> {
  const feed = { format: "clamav", databases, cdiffs: 2 } as const;
  return clamavFormat.readFeed({
    feed,
    trust: { kind: "clamav", roots },
    now: NOW,
    files,
    quarantine: quarantine.reader,
  });
}

test("the first round asks for the header of each database", async () => {
  using quarantine = new TestQuarantine();
  const reading = await read(quarantine, [], ["main", "daily"]);
  assert.ok(reading.kind === "needs");
  assert.deepEqual(
    reading.files.map(({ path, list, first, optional }) => [path, list, first, optional]),
    [
      ["main.cvd", false, 512, false],
      ["daily.cvd", false, 512, false],
    ],
  );
  const again = await read(quarantine, [quarantine.lay("main.cvd", forgeCvd())], ["main", "daily"]);
  assert.deepEqual(again.kind === "needs" && again.files.map(({ path }) => path), ["daily.cvd"]);
});

test("headers become a listing, patches first and the database last", async () => {
  using quarantine = new TestQuarantine();
  const cvd = forgeCvd();
  // The second server knows no ranges and sent the whole file.
  const files = [quarantine.lay("main.cvd", cvd.subarray(0, 512)), quarantine.lay("daily.cvd", cvd)];
  const reading = await read(quarantine, files, ["main", "daily"]);
  assert.ok(reading.kind === "listing");
  assert.deepEqual(reading.findings, { signatures: [], malformed: null });
  assert.deepEqual(reading.listing.series, [
    { name: "main", version: 7 },
    { name: "daily", version: 7 },
  ]);
  assert.deepEqual(
    reading.listing.artifacts.map(({ path, series, version, optional, immutable, companion, inspect }) => [
      path,
      series,
      version,
      optional,
      immutable,
      companion,
      inspect,
    ]),
    ["main", "daily"].flatMap((database) => [
      [`${database}-6.cdiff`, null, 6, true, true, null, true],
      [`${database}-7.cdiff`, null, 7, true, true, null, true],
      [`${database}.cvd`, database, 7, false, false, null, true],
    ]),
  );
});

test("with roots, each file has its signature before it", () => {
  const { artifacts } = listDatabases([{ database: "daily", version: 3 }], 30, true);
  assert.deepEqual(
    artifacts.map(({ path, companion, optional, immutable, inspect }) => [
      path,
      companion,
      optional,
      immutable,
      inspect,
    ]),
    [
      ["daily-3.cvd.sign", null, true, true, false],
      ["daily-2.cdiff.sign", null, true, true, false],
      ["daily-2.cdiff", "daily-2.cdiff.sign", true, true, true],
      ["daily-3.cdiff.sign", null, true, true, false],
      ["daily-3.cdiff", "daily-3.cdiff.sign", true, true, true],
      ["daily.cvd", "daily-3.cvd.sign", false, false, true],
    ],
  );
});

test("no patch leads to the first version, and none is listed where none is wanted", () => {
  const paths = (version: number, cdiffs: number): readonly string[] =>
    listDatabases([{ database: "main", version }], cdiffs, false).artifacts.map(({ path }) => path);
  assert.deepEqual(paths(1, 30), ["main.cvd"]);
  assert.deepEqual(paths(2, 30), ["main-2.cdiff", "main.cvd"]);
  assert.deepEqual(paths(27_000, 0), ["main.cvd"]);
});

test("a header that cannot be read is a finding with its place, not an error", async () => {
  using quarantine = new TestQuarantine();
  const bad: Readonly<Record<string, QuarantinedFile>> = {
    page: quarantine.lay("main.cvd", Buffer.from("<html>".padEnd(700, " "))),
    empty: quarantine.lay("main.cvd", Buffer.alloc(0)),
    absent: { ...quarantine.lay("main.cvd", Buffer.alloc(0)), absent: true },
  };
  for (const [name, file] of Object.entries(bad)) {
    const reading = await read(quarantine, [file], ["main"]);
    assert.ok(reading.kind === "listing");
    assert.match(reading.findings.malformed ?? "", /^main\.cvd: /, name);
    assert.deepEqual(reading.listing.artifacts, []);
  }
});
