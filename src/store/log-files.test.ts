import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { diceOf } from "../../test/fixtures/dice.ts";
import type { Failure } from "../core/kernel/errors.ts";
import { DAY, HOUR, SECOND } from "../core/kernel/instant.ts";
import { LogFiles, type LogPolicy } from "./log-files.ts";

const START = Date.UTC(2026, 10, 25, 21, 30);
const HEADER = "#Fields: cs-uri-stem\n";
const POLICY: LogPolicy = { size: 10_000, every: DAY, files: 1_000, age: 90 * DAY, total: 2 ** 30, compress: false };

function logsIn(t: TestContext, more: Partial<LogPolicy> = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-logs-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const clock = { at: START };
  const troubles: string[] = [];
  const open = (): LogFiles =>
    new LogFiles({
      folder,
      policy: { ...POLICY, ...more },
      now: () => clock.at,
      onTrouble: (log: string, { code }: Failure) => troubles.push(`${log} ${code}`),
      onBug: assert.ifError,
    });
  return { folder, clock, troubles, open };
}

/** What a log says, all its files in the order in which they were written, without the headers. */
function linesOf(folder: string, log = "staging.access.log"): readonly string[] {
  const files = readdirSync(folder).filter((file) => file.startsWith(log));
  const order = (file: string): string =>
    file === log ? "~" : file.replace(/Z(\.|$)/, "Z-1$1").replace(/-(\d)(?=\.|$)/, "-0$1");
  const texts = files
    .toSorted((a, b) => (order(a) < order(b) ? -1 : 1))
    .map((file) => {
      const bytes = readFileSync(path.join(folder, file));
      const text = (file.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
      assert.ok(text.startsWith("#") || file === log, `${file} begins with its header`);
      return text;
    });
  return texts
    .join("")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** Lines in pieces that end anywhere. */
async function* pieces(lines: readonly string[], clock?: { at: number }): AsyncGenerator<Buffer> {
  const roll = diceOf(7);
  const text = Buffer.from(HEADER + lines.map((line) => `${line}\n`).join(""));
  for (let at = 0; at < text.length; ) {
    const next = at + 1 + roll.number(5_000);
    yield text.subarray(at, next);
    at = next;
    if (clock !== undefined) clock.at += SECOND;
  }
}

const numbered = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from }, (_, at) => `/line/${from + at}`);

test("put aside by size, no line is lost, split or out of order, and every file has a header", async (t) => {
  const { folder, clock, open } = logsIn(t);
  const logs = open();
  const lines = numbered(0, 20_000);
  logs.read("staging", () => HEADER, pieces(lines, clock));
  logs.read("staging.ftp", () => HEADER, pieces(["/of/ftp"]));
  await logs.close();
  assert.deepEqual(linesOf(folder), lines);
  assert.deepEqual(linesOf(folder, "staging.ftp.access.log"), ["/of/ftp"]);
  const sizes = readdirSync(folder).map((file) => statSync(path.join(folder, file)).size);
  assert.ok(sizes.length > 20 && Math.max(...sizes) < 10_100, String(sizes));
});

test("put aside at midnight, and not before", async (t) => {
  const { folder, clock, open } = logsIn(t, { size: 1e9 });
  const logs = open();
  logs.read(
    "staging",
    () => HEADER,
    (async function* () {
      yield Buffer.from(`${HEADER}/monday\n/mon`);
      clock.at = START + HOUR;
      yield Buffer.from("day/late\n");
      clock.at = START + 3 * HOUR;
      yield Buffer.from("/tuesday\n");
      yield Buffer.from("/tuesday/too\n");
    })(),
  );
  await logs.close();
  const aside = readdirSync(folder).find((file) => file !== "staging.access.log") ?? "";
  assert.equal(aside, "staging.access.log.20261126T003000Z");
  assert.equal(readFileSync(path.join(folder, aside), "latin1"), `${HEADER}/monday\n/monday/late\n`);
  assert.deepEqual(linesOf(folder), ["/monday", "/monday/late", "/tuesday", "/tuesday/too"]);
});

test("what was put aside is compressed, and the oldest goes: by number, by age, by the sum of all", async (t) => {
  for (const keeping of [{ files: 3 }, { total: 25_000 }, { age: 4 * SECOND }]) {
    const { folder, clock, open } = logsIn(t, { compress: true, size: 5_000, ...keeping });
    writeFileSync(path.join(folder, "events.log"), "x".repeat(100));
    const logs = open();
    const lines = numbered(0, 30_000);
    logs.read("staging", () => HEADER, pieces(lines, clock));
    await logs.close();
    const asides = readdirSync(folder).filter((file) => file.startsWith("staging.access.log."));
    assert.ok(asides.length >= 1 && asides.every((file) => file.endsWith(".gz")), String(asides));
    if ("files" in keeping) assert.equal(asides.length, 3);
    const bytes = readdirSync(folder).reduce((sum, file) => sum + statSync(path.join(folder, file)).size, 0);
    if ("total" in keeping) assert.ok(bytes <= 25_000, String(bytes));
    const left = linesOf(folder);
    assert.deepEqual(left, lines.slice(lines.length - left.length), "what is left is the newest, without a gap");
    assert.ok(readdirSync(folder).includes("events.log"));
  }
});

test("what another program has put aside is begun anew, and no line is lost", async (t) => {
  const { folder, clock, open } = logsIn(t);
  const logs = open();
  const file = path.join(folder, "staging.access.log");
  logs.read(
    "staging",
    () => HEADER,
    (async function* () {
      yield Buffer.from("/one\n");
      await Promise.resolve();
      renameSync(file, `${file}.1`);
      clock.at += 2 * SECOND;
      yield Buffer.from("/two\n");
    })(),
  );
  await logs.close();
  assert.equal(readFileSync(`${file}.1`, "latin1"), "/one\n");
  assert.equal(readFileSync(file, "latin1"), `${HEADER}/two\n`);
});

test("a file that cannot be written loses lines, counts them, and is written again when it can be", async (t) => {
  const { folder, troubles, open } = logsIn(t);
  const file = path.join(folder, "staging.access.log");
  mkdirSync(file);
  const logs = open();
  logs.read(
    "staging",
    () => HEADER,
    (async function* () {
      yield Buffer.from("/one\n/two\n");
      yield Buffer.from("/three\n");
      rmdirSync(file);
      yield Buffer.from("/four\n");
    })(),
  );
  await logs.close();
  assert.deepEqual(troubles, ["staging.access.log store.io"]);
  assert.equal(readFileSync(file, "latin1"), "/four\n#Remark: 3 lines lost\n");
});
