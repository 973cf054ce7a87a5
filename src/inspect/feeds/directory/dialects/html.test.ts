import assert from "node:assert/strict";
import { test } from "node:test";
import type { FolderEntry } from "../folder-entry.ts";
import { readHtml } from "./html.ts";

function read(page: string): readonly string[] {
  const entries: FolderEntry[] = [];
  const fault = readHtml(page, (entry) => {
    entries.push(entry);
    return null;
  });
  assert.equal(fault, null);
  return entries.map(({ name, folder }) => (folder ? `${name}/` : name));
}

const link = (href: string): readonly string[] => read(`<a href="${href}">x</a>`);

test("nginx", () => {
  const page = `<html>\r
<head><title>Index of /pub/</title></head>\r
<body>\r
<h1>Index of /pub/</h1><hr><pre><a href="../">../</a>\r
<a href="old/">old/</a>                    01-Nov-2026 10:00                   -\r
<a href="a%20b%26c.zip">a b&amp;c.zip</a>            01-Nov-2026 10:00               12345\r
<a href="%D1%84.txt">ф.txt</a>                 01-Nov-2026 10:00                   1\r
</pre><hr></body>\r
</html>\r
`;
  assert.deepEqual(read(page), ["old/", "a b&c.zip", "ф.txt"]);
});

test("Apache, with icons, sort orders, an absolute parent and a footer", () => {
  const page = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<html><head><title>Index of /pub/av</title></head><body><h1>Index of /pub/av</h1>
<table><tr><th valign="top"><img src="/icons/blank.gif" alt="[ICO]"></th><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
<tr><td valign="top"><img src="/icons/back.gif" alt="[PARENTDIR]"></td><td><a href="/pub/">Parent Directory</a></td></tr>
<tr><td valign="top"><a href="daily.cvd"><img src="/icons/unknown.gif" alt="[   ]"></a></td><td><a href="daily.cvd">daily.cvd</a></td><td align="right">2026-11-01 10:00  </td><td align="right"> 60M</td></tr>
<tr><td valign="top"><a href="old/"><img src="/icons/folder.gif" alt="[DIR]"></a></td><td><a href="old/">old/</a></td></tr>
</table><address>Apache/2.4 <a href="http://example.org/">host</a> <a href="mailto:a@example.org">mail</a></address></body></html>`;
  assert.deepEqual(read(page), ["daily.cvd", "old/"]);
});

test("lighttpd: links built by its script are no links", () => {
  const page = `<html><head><title>Index of /pub/</title><style type="text/css">a { }</style></head><body><h2>Index of /pub/</h2>
<table><tbody><tr class="d"><td class="n"><a href="../">..</a>/</td></tr>
<tr><td class="n"><a href="x.zip">x.zip</a></td><td class="s">1.1K</td></tr></tbody></table>
<script type="text/javascript">
// <!--
row.innerHTML = "<a href=\\"#\\" class=\\"sortheader\\"><a href='evil'>" + "<\\/a>";
// -->
</script></body></html>`;
  assert.deepEqual(read(page), ["x.zip"]);
});

test("Python's http.server", () => {
  const page = `<!DOCTYPE HTML>
<html lang="en"><head><meta charset="utf-8"><title>Directory listing for /pub/</title></head><body><h1>Directory listing for /pub/</h1><hr><ul>
<li><a href="a%27b.zip">a&#x27;b.zip</a></li>
<li><a href="old/">old/</a></li>
<li><a href="link%40">link@@</a></li>
</ul><hr></body></html>`;
  assert.deepEqual(read(page), ["a'b.zip", "old/", "link@"]);
});

test("IIS: absolute paths in capitals", () => {
  const page = `<html><head><title>host.example - /pub/a b/</title></head><body><H1>host.example - /pub/a b/</H1><hr>
<pre><A HREF="/pub/">[To Parent Directory]</A><br><br> 11/1/2026 10:00 AM        12345 <A HREF="/pub/a%20b/x.zip">x.zip</A><br> 11/1/2026 10:00 AM        &lt;dir&gt; <A HREF="/pub/a%20b/old/">old</A><br></pre><hr></body></html>`;
  assert.deepEqual(read(page), ["x.zip", "old/"]);
});

test("only direct children: no other hosts, schemes, parents, queries, fragments, grandchildren", () => {
  for (const href of [
    "",
    "/",
    ".",
    "./",
    "..",
    "../",
    "../x",
    "./../x",
    "a/b",
    "a/../b",
    "//host/x",
    "http://host/x",
    "javascript:alert(1)",
    "x?y",
    "x#y",
    "#",
    "?C=N",
    "/x",
    "/pub/x",
  ]) {
    assert.deepEqual(link(href), [], href);
  }
  assert.deepEqual(link("./x"), ["x"]);
  assert.deepEqual(link(" x \n"), ["x"]);
});

test("names that escape or confuse come out as they are, for judging to refuse", () => {
  assert.deepEqual(link("..%2F..%2Fetc%2Fpasswd"), ["../../etc/passwd"]);
  assert.deepEqual(link("%2e%2e"), [".."]);
  assert.deepEqual(link("a%00b"), ["a\u0000b"]);
  assert.deepEqual(link("a%0Ab"), ["a\nb"]);
  assert.deepEqual(link("a%2F"), ["a/"]);
  assert.deepEqual(link("a\\b"), ["a\\b"]);
  assert.deepEqual(link("%252e%252e"), ["%2e%2e"]);
});

test("attributes: bare, in single quotes, in any order, the first href", () => {
  assert.deepEqual(read("<a href=x>x</a>"), ["x"]);
  assert.deepEqual(read("<a class='b' title=\">\" HREF = 'x' href='y'>x</a>"), ["x"]);
  assert.deepEqual(read("<a name><a/href=x><abbr href=y><area href=z>"), ["x"]);
  assert.deepEqual(read("a < b <!-- <a href=x> --> <1 </a href=z>"), []);
});

test("character references in links are undone once", () => {
  assert.deepEqual(link("a&amp;b"), ["a&b"]);
  assert.deepEqual(link("a&#38;amp;b"), ["a&amp;b"]);
  assert.deepEqual(link("a&#x41;&#65;&bogus;&#x110000;"), []);
  assert.deepEqual(link("a&#x41;&#65;&nbsp;"), ["aAA&nbsp;"]);
});

test("what cannot be told stops the page", () => {
  const fault = (page: string): string | null => readHtml(page, () => null);
  assert.match(fault(`<a href="100%.txt">x</a>`) ?? "", /percent/);
  assert.match(fault(`<a href="%ff">x</a>`) ?? "", /percent/);
  assert.match(fault(`<a href="\ufffd">x</a>`) ?? "", /percent/);
  assert.match(fault(`<a href="x`) ?? "", /does not end/);
  assert.match(fault(`<a href=x`) ?? "", /does not end/);
  assert.match(fault("<!-- ") ?? "", /does not end/);
  assert.match(fault("<script> ") ?? "", /does not end/);
  assert.match(fault(`<a href="${"x".repeat(5_000)}">`) ?? "", /longer/);
  assert.equal(
    readHtml("<a href=x>", () => "enough"),
    "enough",
  );
});
