import assert from "node:assert/strict";
import { test } from "node:test";
import { artifactOf } from "../../test/fixtures/intake.ts";
import { Failure } from "../core/kernel/errors.ts";
import { FrameReader, messageFrame } from "./frame.ts";
import { isTooIntricate } from "./json-shape.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);

test("the largest listings pass, whatever their names are made of", () => {
  const artifacts = Array.from({ length: 100_000 }, (_, i) => artifactOf(`a/${i}`));
  assert.equal(isTooIntricate(bytes(JSON.stringify({ kind: "listing", listing: { artifacts, series: [] } }))), false);
  const odd = Array.from({ length: 20_000 }, (_, i) => ({ path: `"\\[{:"\\\\${"[{:".repeat(100)}${i}` }));
  assert.equal(isTooIntricate(bytes(JSON.stringify(odd))), false);
});

test("a message of nothing but arrays, objects or members is seen before it is parsed", () => {
  assert.equal(isTooIntricate(bytes(`[${"[],".repeat(1_200_000)}0]`)), true);
  assert.equal(isTooIntricate(bytes(`[${"{},".repeat(1_200_000)}0]`)), true);
  const members = Array.from({ length: 200_000 }, (_, i) => `"${i}":0`).join(",");
  assert.equal(isTooIntricate(bytes(`{${members}}`)), true);
  assert.equal(isTooIntricate(bytes(`[[],[${"0,".repeat(100)}0]]`)), false, "small ones may be anything");
});

test("a reader refuses it, and takes a message that comes byte by byte", () => {
  const frame = (text: string): Uint8Array => {
    const header = Buffer.from([1, 0, 0, 0, 0]);
    header.writeUInt32BE(Buffer.byteLength(text), 1);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  const heard: unknown[] = [];
  const reader = (): FrameReader => new FrameReader({ message: (value) => heard.push(value), data: () => {} });
  assert.throws(
    () => reader().push(frame(`[${"[],".repeat(1_200_000)}0]`)),
    (error) => error instanceof Failure && error.code === "worker.protocol",
  );
  const dripping = reader();
  const text = "xy\u00fc".repeat(20_000);
  for (const byte of messageFrame(text)) dripping.push(Uint8Array.of(byte));
  assert.deepEqual(heard, [text]);
});
