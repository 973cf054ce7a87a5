import assert from "node:assert/strict";
import { test } from "node:test";
import type { FolderEntry } from "../folder-entry.ts";
import { readFtpList } from "./ftp-list.ts";

function read(text: string): readonly FolderEntry[] {
  const entries: FolderEntry[] = [];
  assert.equal(
    readFtpList(text, (entry) => {
      entries.push(entry);
      return null;
    }),
    null,
  );
  return entries;
}

test("the form of ls -l", () => {
  const text = [
    "total 1234",
    "drwxr-xr-x    2 ftp      ftp          4096 Nov 01 10:00 .",
    "drwxr-xr-x    2 ftp      ftp          4096 Nov 01 10:00 ..",
    "drwxr-xr-x    2 1000     1000         4096 Nov  1  2025 old",
    "-rw-r--r--    1 ftp      ftp         12345 Nov 01 10:00 daily.cvd",
    "-rw-r--r--+   1 ftp      ftp             0 Nov 01 10:00  leading and  double",
    "-rw-r--r--    1 owner         7 Nov 01 10:00 no group",
    "-rw-r--r-- 1 ftp ftp 8 2026-11-01 10:00 long-iso",
    "lrwxrwxrwx    1 ftp      ftp             9 Nov 01 10:00 link -> ../../etc",
    "prw-r--r--    1 ftp      ftp             0 Nov 01 10:00 pipe",
    "brw-rw----    1 root     disk       8,   0 Nov 01 10:00 sda",
    "",
  ].join("\r\n");
  assert.deepEqual(read(text), [
    { name: "old", folder: true, size: null },
    { name: "daily.cvd", folder: false, size: 12_345 },
    { name: " leading and  double", folder: false, size: 0 },
    { name: "no group", folder: false, size: 7 },
    { name: "long-iso", folder: false, size: 8 },
  ]);
});

test("the form of DOS", () => {
  const text = [
    "11-01-26  10:00AM       <DIR>          old",
    "11-01-2026  10:00PM                12345 daily 1.cvd",
    "11-01-26  10:00AM       <JUNCTION>     link",
    "11-01-26  22:00                 1  x",
  ].join("\r\n");
  assert.deepEqual(read(text), [
    { name: "old", folder: true, size: null },
    { name: "daily 1.cvd", folder: false, size: 12_345 },
    { name: " x", folder: false, size: 1 },
  ]);
});

test("any other form stops the listing, with its place", () => {
  for (const line of [
    "nonsense",
    "-rw-r--r--",
    "-rw-r--r-- 1 ftp ftp x Nov 01 10:00 y",
    "-rw-r--r-- 1 ftp ftp 1 Nov 01 10:00",
    "226 Transfer complete",
  ]) {
    assert.match(readFtpList(`total 0\r\n${line}\r\n`, () => null) ?? "", /^line 2: /, line);
  }
});

test("lines made for a backtracking pattern cost no more than their length", () => {
  const started = performance.now();
  for (const line of [
    `-rw-r--r-- 1 ${" a".repeat(2_000)}`,
    `-rw-r--r-- 1${" 1".repeat(2_000)}`,
    `-rw-r--r-- 1 a b 1${" ".repeat(4_000)}`,
    `11-01-26 10:00${" ".repeat(4_000)}`,
  ]) {
    for (let times = 0; times < 200; times += 1) readFtpList(line, () => null);
  }
  assert.ok(performance.now() - started < 1_000);
});
