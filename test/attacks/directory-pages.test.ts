import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { pathFault } from "../../src/core/kernel/safe-path.ts";
import type { ListingDialect } from "../../src/wire/jobs.ts";
import { readDirectory } from "../fixtures/read-directory.ts";

// The attack: a page made to make its reader slow, large or wrong. Each of these costs a naive reader the square of its
// length; here each must end in the time that an honest page of its length takes.

const MEBIBYTE = 1024 * 1024;

const bombs: Readonly<Record<string, string>> = {
  "one huge attribute": `<a href="${"x".repeat(4 * MEBIBYTE)}">`,
  "one huge attribute of no interest": `<a title="${"x".repeat(4 * MEBIBYTE)}" href=x>`,
  "a tag of a million attributes": `<a ${"b ".repeat(MEBIBYTE)}>`,
  "a tag of a million values": `<a ${"b=c ".repeat(MEBIBYTE)}>`,
  "only openings": "<".repeat(4 * MEBIBYTE),
  "only opened links": "<a ".repeat(MEBIBYTE),
  "only opened comments": "<!--".repeat(MEBIBYTE),
  "only opened scripts": "<script>".repeat(MEBIBYTE / 2),
  "only ended scripts within a script": `<script>${"</".repeat(MEBIBYTE)}`,
  "only opened quotes": `<a href="`.repeat(MEBIBYTE / 2),
  "quotes that never match": `<a href='"'"'"`.repeat(MEBIBYTE / 4),
  "one huge name": `<${"a".repeat(4 * MEBIBYTE)}>`,
  "only ampersands": `<a href="${"&".repeat(4_000)}">`.repeat(500),
  "only percents": `<a href="${"%25".repeat(1_300)}">`.repeat(500),
  "space and no end": `<a${" ".repeat(4 * MEBIBYTE)}`,
  "slashes in a title": `<title>${"/".repeat(4 * MEBIBYTE)}</title>${`<a href="/${"/".repeat(4_000)}">`.repeat(200)}`,
};

test("no page takes longer than its length", async () => {
  for (const [name, page] of Object.entries(bombs)) {
    const started = performance.now();
    await readDirectory({ "": { dialect: "html", page } }, { kind: "listing", depth: 0 });
    assert.ok(performance.now() - started < 2_000, name);
  }
});

test("a page that breaks off within a tag is malformed: its last names may be missing", async () => {
  for (const page of [`<a href="x">x</a><a href="y`, `<a href="x">x</a><a href=y`, `<a href=x>x</a><!-- more`]) {
    const { findings } = await readDirectory({ "": { dialect: "html", page } }, { kind: "listing", depth: 0 });
    assert.match(findings.malformed ?? "", /does not end/);
  }
});

test("garbage in any dialect never throws, and never asks for a way out of the feed", async () => {
  const pieces = fc.constantFrom(
    "<a href=",
    "<a href='..%2f",
    "<title>",
    "/",
    "../",
    '"',
    "'",
    ">",
    "<!--",
    "-->",
    "type=dir; ..",
    "type=file;size=1; ",
    "-rw-r--r-- 1 a b 5 Nov 01 10:00 ",
    "drwxr-xr-x 1 a b 5 Nov 01 10:00 ..",
    '{"name":"..","dir":true}',
    '{"name":"',
    "\r\n",
    "\n",
    "%00",
    "%zz",
    "&#0;",
  );
  const page = fc
    .array(fc.oneof(pieces, fc.string({ unit: "binary", maxLength: 6 })), { maxLength: 12 })
    .map((parts) => parts.join(""));
  const dialect = fc.constantFrom<ListingDialect>("html", "mlsd", "ftp-list", "names");
  await fc.assert(
    fc.asyncProperty(page, dialect, async (text, kind) => {
      const site = new Proxy({}, { get: () => ({ dialect: kind, page: text }) });
      const { rounds } = await readDirectory(site, { kind: "listing", depth: 1 });
      for (const path of rounds.flat()) if (path !== "") assert.equal(pathFault(path.slice(0, -1)), null);
    }),
    { numRuns: 60 },
  );
});
