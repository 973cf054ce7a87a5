import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryLedger } from "../../test/contract/twins/ledger.ts";
import { config } from "../core/config.ts";
import { Failure } from "../core/kernel/errors.ts";
import { MINUTE, SECOND } from "../core/kernel/instant.ts";
import type { ClientReport, Sighting, SightingResult } from "../core/model/client-sighting.ts";
import type { Sightings } from "../core/ports.ts";
import type { SightingBatch } from "../wire/sightings.ts";
import { SightingBook } from "./sighting-book.ts";

const START = 1_795_442_400_000;
const CLIENTS = config.parse({ data: "/d", channels: { staging: { listen: "127.0.0.1:0" } } }).clients;

function bookOf(record: Sightings["record"], clients = CLIENTS) {
  const clock = { at: START, now: () => clock.at };
  const events: string[] = [];
  const log: Sightings = Object.assign(new MemoryLedger().sightings, { record });
  const emit = (name: string, fields: object): void => void events.push(`${name} ${JSON.stringify(fields)}`);
  const book = new SightingBook({ log, clock, events: { emit }, config: clients, onBug: assert.ifError });
  return { book, clock, events };
}

function batchOf(at: number, results: readonly SightingResult[], lost = 0): SightingBatch {
  return {
    kind: "sightings",
    clients: [["10.0.0.1", "apt"]],
    files: [["s", 1, "/s/a", null]],
    seen: results.map((result) => [at, 0, 0, "http", result, 1]),
    reports: [[at, 0, "heartbeat", "ok", "", ""]],
    lost,
  };
}

test("what clients took is written at once, what they only asked after half a minute", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const written: [string, number][] = [];
  const note = async (sightings: readonly Sighting[], reports: readonly ClientReport[]) => {
    for (const { result } of sightings) written.push([result, clock.at]);
    for (const { about } of reports) written.push([about, clock.at]);
    return 0;
  };
  const { book, clock } = bookOf(note);
  await book.start();
  assert.ok(book.take("staging", batchOf(clock.at, ["unchanged", "whole", "partial"])));
  for (let second = 0; second < 40; second += 1) {
    clock.at += SECOND;
    t.mock.timers.tick(SECOND);
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  }
  await book.stop();
  assert.deepEqual(written, [
    ["whole", START + SECOND],
    ["partial", START + SECOND],
    ["heartbeat", START + SECOND],
    ["unchanged", START + 30 * SECOND],
  ]);
});

test("the last sightings are written when it stops, and what cannot be is counted", async () => {
  const written: string[] = [];
  const { book } = bookOf(async (sightings) => {
    written.push(...sightings.map(({ result }) => result));
    return 0;
  });
  await book.start();
  book.take("staging", batchOf(START, ["unchanged", "missing"]));
  await book.stop();
  assert.deepEqual(written, ["unchanged", "missing"]);
});

test("a full disk loses sightings and says so once a minute; the book goes on", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { book, clock, events } = bookOf(() => Promise.reject(new Failure("store.full", "no room")));
  await book.start();
  for (let second = 0; second < 90; second += 1) {
    book.take("staging", batchOf(clock.at, ["whole"], 1));
    clock.at += SECOND;
    t.mock.timers.tick(SECOND);
    for (let turn = 0; turn < 3; turn += 1) await new Promise(setImmediate);
  }
  await book.stop();
  assert.equal(events.length, 2);
  assert.match(events[0] ?? "", /^clients\.lost \{"sightings":3\}$/);
});

test("a server that invents more than any server sees is not listened to", async () => {
  let rows = 0;
  const { book, clock } = bookOf(async (sightings, reports) => {
    rows += sightings.length + reports.length;
    return 0;
  });
  await book.start();
  const many = Array.from({ length: 4_000 }, () => "whole" as const);
  for (let batch = 0; batch < 50; batch += 1) assert.ok(book.take("staging", batchOf(clock.at, many)));
  for (let batch = 0; batch < 50; batch += 1) {
    clock.at += MINUTE;
    book.take("staging", batchOf(clock.at, many));
  }
  await book.stop();
  assert.equal(rows, 100_000);
  assert.ok(!book.take("staging", { ...batchOf(START, ["whole"]), clients: [] }));
});

test("where clients are not to be recorded nothing is, and what was is removed", async () => {
  const { book } = bookOf(() => assert.fail("recorded"), { ...CLIENTS, record: false });
  await book.start();
  assert.ok(book.take("staging", batchOf(START, ["whole"])));
  await book.stop();
});
