import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { FoundDirectory } from "../../../core/publish/channel-view.ts";
import { listingPage, MOST_ROWS } from "./listing-page.ts";
import { encodePath, requestTarget } from "./request-path.ts";

test("targets are decoded once, as real clients send them", () => {
  const table: readonly (readonly [string, string | null])[] = [
    ["/a/g%2b%2b_12.deb", "/a/g++_12.deb"],
    ["/a/g++_12.deb", "/a/g++_12.deb"],
    ["/a/b%20c", "/a/b c"],
    ["/%C3%BC", "/ü"],
    ["/\u00c3\u00bc", null],
    ["/a?x=/../y", "/a"],
    ["http://mirror:80/a/b?c", "/a/b"],
    ["HTTP://mirror", "/"],
    ["http://mirror?x", "/"],
    ["/%252e%252e/a", "/%2e%2e/a"],
    ["//a", "//a"],
    ["/a/../b", "/a/../b"],
    ["/a;b=c", "/a;b=c"],
    ["*", null],
    ["", null],
    ["a", null],
    ["ftp://mirror/a", null],
    ["/a%2fb", null],
    ["/a%2Fb", null],
    ["/a%5cb", null],
    ["/a\\b", null],
    ["/a%00", null],
    ["/a%0d%0aX: y", null],
    ["/%c0%ae%c0%ae/a", null],
    ["/%e0%80%af", null],
    ["/%ed%a0%80", null],
    ["/%ff", null],
    ["/%zz", null],
    ["/%", null],
    ["/%u002e", null],
    [`/${"a".repeat(9_000)}`, null],
  ];
  for (const [target, path] of table) assert.equal(requestTarget(target).path, path, target);
  assert.deepEqual(requestTarget("/a%20b?c?d"), { stem: "/a%20b", query: "c?d", path: "/a b" });
});

test("what is encoded for a link is decoded to the same", () => {
  const name = fc
    .string({ unit: "grapheme", minLength: 1 })
    .filter((text) => text.isWellFormed() && !/[/\\\p{Cc}]/u.test(text));
  fc.assert(
    fc.property(fc.array(name, { maxLength: 4 }), (names) => {
      const path = `/${names.join("/")}`;
      assert.equal(requestTarget(encodePath(path)).path, path);
    }),
  );
});

function page(path: string, names: readonly string[]): string {
  const rows = names.map((name) => ({ name, file: { size: 5, lastModified: 0 } }));
  const directory: FoundDirectory = { kind: "directory", path, owner: null, rows: () => rows };
  return [...listingPage(directory)].join("");
}

test("a page shows names and never runs them", () => {
  const html = page("/a&b/", ["<script>alert(1)</script>", '"onmouseover="x', "javascript:x", "a b+c.deb"]);
  assert.ok(!html.includes("<script") && !html.includes('"onmouseover'));
  assert.ok(
    html.includes('href="./a%20b%2Bc.deb"') && html.includes('href="./javascript%3Ax"') && html.includes('href="../"'),
  );
  assert.ok(!page("/", []).includes("../"));
});

test("a page is bounded, and made in pieces", () => {
  const names = Array.from({ length: MOST_ROWS + 5 }, (_, i) => `n${i}`);
  const html = page("/a/", names);
  assert.ok(html.includes(`>n${MOST_ROWS - 1}<`) && !html.includes(`>n${MOST_ROWS}<`) && html.includes("More than"));
});
