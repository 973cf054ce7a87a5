import assert from "node:assert/strict";
import { test } from "node:test";
import type { Progress } from "../wire/requests.ts";
import { progressLine, progressText } from "./progress-line.ts";
import type { Terminal } from "./terminal.ts";

const half: Progress = { kind: "progress", phase: "daily.cvd", done: 31e6, total: 62e6, unit: "bytes" };

function terminal(errIsTerminal: boolean): { readonly terminal: Terminal; readonly said: string[]; at: number } {
  const said: string[] = [];
  const state = { at: 0 };
  const made: Terminal = {
    out: () => assert.fail("progress is no result"),
    err: (text) => said.push(text),
    outIsTerminal: true,
    errIsTerminal,
    colour: true,
    columns: 80,
    now: () => state.at,
    minutesAhead: () => 0,
  };
  return Object.assign(state, { terminal: made, said });
}

test("bar, share, bytes, rate and time left", () => {
  const text = progressText(half, { at: 0, done: 0 }, 10_000, 100);
  assert.equal(text, "daily.cvd  [##########----------]   50%  31 MB of 62 MB  3.1 MB/s  10s left");
});

test("an unknown total has no bar, a young transfer no rate, steps no unit of bytes", () => {
  assert.equal(progressText({ ...half, total: null }, { at: 0, done: 0 }, 500, 80), "daily.cvd  31 MB");
  const steps: Progress = { kind: "progress", phase: "checking", done: 3, total: 4, unit: "files" };
  assert.equal(
    progressText(steps, { at: 0, done: 3 }, 500, 80),
    "checking  [###############-----]   75%  3 of 4 files",
  );
});

test("a line never fills the terminal, and a vendor's name cannot command it", () => {
  const evil: Progress = { ...half, phase: `${"long/".repeat(40)}\u001b[2Jx` };
  for (const columns of [10, 40, 80, 200]) {
    const text = progressText(evil, { at: 0, done: 0 }, 10_000, columns);
    assert.ok(text.length < columns, `${text.length} of ${columns}`);
    assert.ok(!text.includes("\u001b"));
  }
});

test("drawn at most ten times a second, over itself, and taken away at the end", () => {
  const stage = terminal(true);
  const line = progressLine(stage.terminal, false);
  for (stage.at = 0; stage.at < 1_000; stage.at += 10) line.show(half);
  assert.equal(stage.said.length, 10);
  assert.ok(stage.said.every((text) => text.startsWith("\r\u001b[K")));
  line.clear();
  assert.equal(stage.said.at(-1), "\r\u001b[K");
});

test("the rate goes on while the phase counts files, and begins anew with another piece of work", () => {
  const stage = terminal(true);
  const line = progressLine(stage.terminal, false);
  const show = (at: number, progress: Partial<Progress>): string => {
    stage.at = at;
    line.show({ ...half, ...progress });
    return stage.said.at(-1) ?? "";
  };
  show(0, { phase: "reading", done: 3, total: null, unit: "steps" });
  show(1_000, { phase: "fetching, 0 of 2 files", done: 0 });
  assert.match(show(3_000, { phase: "fetching, 1 of 2 files", done: 20e6 }), /10 MB\/s {2}4s left/);
  assert.doesNotMatch(show(4_000, { phase: "fetching, 0 of 1 files", done: 1e6 }), /left/);
});

test("the rate is that of the last seconds, so that a line that slows down is not promised its old pace", () => {
  const stage = terminal(true);
  const line = progressLine(stage.terminal, false);
  for (stage.at = 0; stage.at <= 60_000; stage.at += 500)
    line.show({ ...half, done: stage.at <= 10_000 ? stage.at * 1_000 : 10e6 + (stage.at - 10_000) * 100, total: 20e6 });
  assert.match(stage.said.at(-1) ?? "", /100 KB\/s {2}50s left/);
});

test("silent where there is no terminal, and where it was asked for", () => {
  for (const [errIsTerminal, silent] of [
    [false, false],
    [true, true],
  ] as const) {
    const stage = terminal(errIsTerminal);
    const line = progressLine(stage.terminal, silent);
    line.show(half);
    line.clear();
    assert.deepEqual(stage.said, []);
  }
});
