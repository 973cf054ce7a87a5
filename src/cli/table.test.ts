import assert from "node:assert/strict";
import { test } from "node:test";
import { facts, table } from "./table.ts";
import type { Paint } from "./terminal.ts";
import { distance, localTime } from "./time-text.ts";

const plain: Paint = (text) => text;
const marked: Paint = (text, tone) => (tone === "plain" ? text : `<${tone}>${text}</>`);

test("columns stand under their headings, numbers to the right, nothing trails", () => {
  const rows = [
    ["a", 5, "x"],
    ["longer", 12_345, null],
  ] as const;
  assert.equal(
    table(["NAME", "COUNT", "NOTE"], rows, plain),
    "NAME    COUNT  NOTE\na           5  x\nlonger  12345  -\n",
  );
});

test("colour takes no room", () => {
  const rows = [
    [{ text: "a", tone: "bad" }, "x"],
    ["bbb", "y"],
  ] as const;
  assert.equal(table(["N", "M"], rows, marked), "<strong>N</>    <strong>M</>\n<bad>a</>    x\nbbb  y\n");
});

test("text from outside cannot command the terminal or break a line", () => {
  const shown = table(["A"], [["\u001b]0;title\u0007\nnext"]], plain) + facts([["b", "\u202egpj.exe"]], plain);
  for (const bad of ["\u001b", "\u0007", "\u202e"]) assert.ok(!shown.includes(bad));
  assert.equal(shown.split("\n").length, 4);
});

test("local time carries its distance from UTC, either side", () => {
  const at = Date.UTC(2026, 10, 23, 16, 40);
  assert.equal(localTime(at, { minutesAhead: () => 60 }), "2026-11-23T17:40:00+01:00");
  assert.equal(localTime(at, { minutesAhead: () => -210 }), "2026-11-23T13:10:00-03:30");
  assert.equal(localTime(at, { minutesAhead: () => 0 }), "2026-11-23T16:40:00+00:00");
});

test("distances in time", () => {
  assert.equal(distance(1_000_000, 1_000_400), "now");
  assert.equal(distance(0, 59_000), "59s ago");
  assert.equal(distance(0, 185_000), "3m ago");
  assert.equal(distance(2 * 3_600_000 + 5 * 60_000, 0), "in 2h 5m");
});
