import assert from "node:assert/strict";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { MemoryLedger } from "../../test/contract/twins/ledger.ts";
import { NOW } from "../../test/fixtures/intake.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { Ledger } from "../core/ports.ts";
import { type EventLog, openEventLog } from "./event-log.ts";

interface Opened {
  readonly log: EventLog;
  readonly ledger: MemoryLedger;
  /** The names of the events that were echoed. */
  readonly echoed: string[];
  readonly bugs: unknown[];
}

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-events-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function open(t: TestContext, file: string, recordEvent?: Ledger["recordEvent"]): Opened {
  const ledger = new MemoryLedger();
  if (recordEvent !== undefined) ledger.recordEvent = recordEvent;
  const [echoed, bugs]: [string[], unknown[]] = [[], []];
  const echo = (line: string): void => void echoed.push((JSON.parse(line) as { readonly event: string }).event);
  const log = openEventLog({ file, ledger, clock: { now: () => NOW }, echo, onBug: (error) => bugs.push(error) });
  t.after(() => log.close());
  return { log, ledger, echoed, bugs };
}

test("an event is a line in the file, an echo and a row in the ledger, in order", async (t) => {
  const file = path.join(folderOf(t), "events.log");
  const { log, ledger, echoed } = open(t, file);
  for (const name of ["a.one", "a.two"]) log.emit(name, { n: 1 });
  await log.settle();
  assert.deepEqual(echoed, ["a.one", "a.two"]);
  assert.equal(readFileSync(file, "utf8").split("\n")[1], '{"at":"2026-11-01T00:00:00Z","event":"a.two","n":1}');
  assert.deepEqual(
    (await ledger.events(10)).map(({ name }) => name),
    ["a.two", "a.one"],
  );
});

test("a full disk stops nothing: the event is echoed, and that it had no room is said once", async (t) => {
  if (!existsSync("/dev/full")) return t.skip("needs /dev/full, which Linux has");
  const file = path.join(folderOf(t), "events.log");
  symlinkSync("/dev/full", file);
  let full = true;
  const rows: string[] = [];
  const { log, echoed, bugs } = open(t, file, async ({ name }) => {
    if (full) throw new Failure("store.full", "no room", { retry: "later" });
    rows.push(name);
  });
  for (const name of ["a.one", "a.two"]) log.emit(name, {});
  await log.settle();
  full = false;
  log.emit("a.three", {});
  await log.settle();
  full = true;
  log.emit("a.four", {});
  await log.settle();
  assert.deepEqual(bugs, []);
  assert.deepEqual(rows, ["a.three"]);
  const failed = "log.failed";
  assert.deepEqual(
    echoed.toSorted(),
    ["a.four", "a.one", "a.three", "a.two", failed, failed, failed],
    "file, ledger, ledger",
  );
});

test("what is no failure of the world is a bug, and told as one", async (t) => {
  const { log, bugs } = open(t, path.join(folderOf(t), "events.log"), async () => {
    throw new TypeError("a bug");
  });
  log.emit("a.one", {});
  await log.settle();
  assert.ok(bugs[0] instanceof TypeError);
});

test("a full log is put aside; where it cannot be, it goes on, and no other file is touched", async (t) => {
  const folder = folderOf(t);
  const file = path.join(folder, "events.log");
  writeFileSync(file, "x".repeat(16 * 1024 * 1024 + 1));
  // Nothing can be opened under this name, as on a disk without room for another file.
  symlinkSync("/nonexistent/folder/x", `${file}.new`);
  const { log, echoed } = open(t, file);
  log.emit("a.one", {});
  const other = openSync(path.join(folder, "other"), "a");
  log.emit("a.two", {});
  closeSync(other);
  await log.settle();
  assert.equal(readFileSync(path.join(folder, "other"), "utf8"), "");
  assert.equal(readFileSync(file, "utf8").split("\n").length, 3);
  rmSync(`${file}.new`);
  log.emit("a.three", {});
  await log.settle();
  assert.match(readFileSync(file, "utf8"), /^\{[^\n]*a\.three[^\n]*\n$/);
  assert.deepEqual(readdirSync(folder).toSorted(), ["events.log", "events.log.1", "other"]);
  assert.deepEqual(echoed, ["a.one", "a.two", "a.three"]);
});
