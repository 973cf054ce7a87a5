import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeDirectory, readDirectory, type Site } from "../fixtures/read-directory.ts";

// The attack: an index whose names leave the folder, hide what they are, or are two names for one file. Reading must
// neither repair nor drop them, or judging would never see them; judging must refuse the feed.

const digest = (letter: string): string => letter.repeat(64);

/** The same names in every kind of index that can carry them. */
function sites(
  ...names: readonly string[]
): readonly (readonly [kind: string, site: Site, list: Parameters<typeof readDirectory>[1]])[] {
  const escaped = (name: string): string =>
    name.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
  const sums = names.map((name, at) => `\\${digest("abcdef"[at % 6] ?? "a")}  ${escaped(name)}\n`).join("");
  const objects = names.map((name) => `${JSON.stringify({ name })}\n`).join("");
  // Dots too: written as they are, `..` is the link to the parent that every page has.
  const links = names.map((name) => `<a href="${encodeURIComponent(name).replaceAll(".", "%2E")}">x</a>`).join("");
  const facts = names.some((name) => name.includes("\n"))
    ? []
    : [
        [
          "mlsd",
          { "": { dialect: "mlsd" as const, page: names.map((name) => `type=file; ${name}\r\n`).join("") } },
          { kind: "listing", depth: 0 },
        ] as const,
      ];
  return [
    ["checksums", { SHA256SUMS: sums }, { kind: "checksums", file: "SHA256SUMS" }],
    ["names", { "": { dialect: "names", page: objects } }, { kind: "listing", depth: 0 }],
    ["html", { "": { dialect: "html", page: links } }, { kind: "listing", depth: 0 }],
    ...facts,
  ];
}

test("names that escape, hide or confuse come through as they are, and refuse the feed", async () => {
  const names = [
    "../x",
    "a/../../x",
    "/etc/passwd",
    "..",
    "a//b",
    "a\u0000b",
    "a\nb",
    "a\u001b[2Jb",
    "cvd\u202etxt",
    "a\\b",
    "C:x",
    "CON",
    "a.",
    "a ",
    "e\u0301",
  ];
  for (const name of names) {
    for (const [kind, site, list] of sites("good", name)) {
      const read = await readDirectory(site, list);
      assert.deepEqual(
        read.listing.artifacts.map(({ path }) => path).filter((path) => path !== "SHA256SUMS"),
        ["good", name],
        `${kind}: ${JSON.stringify(name)}`,
      );
      assert.equal(await judgeDirectory(site, list), "feed.unsafe-name", `${kind}: ${JSON.stringify(name)}`);
    }
  }
});

test("names that one file system would take for one file refuse the feed", async () => {
  for (const [one, other] of [
    ["a.zip", "A.zip"],
    ["ﬁle", "file"],
    ["a", "a/b"],
  ]) {
    for (const [kind, site, list] of sites(one ?? "", other ?? ""))
      assert.equal(await judgeDirectory(site, list), "feed.name-collision", `${kind}: ${one} and ${other}`);
  }
});

test("one name with two digests refuses the feed", async () => {
  const site = { SHA256SUMS: `${digest("a")}  x\n${digest("b")}  ./x\n` };
  assert.equal(await judgeDirectory(site, { kind: "checksums", file: "SHA256SUMS" }), "feed.duplicate-name");
});

test("a folder whose name escapes is not asked for, and refuses the feed", async () => {
  for (const name of ["..", "../..", "a/../..", "/etc", "a/b", "a\u0000"]) {
    const site = { "": { dialect: "names", page: `${JSON.stringify({ name, dir: true })}\n` } } as const;
    const read = await readDirectory(site, { kind: "listing", depth: 3 });
    assert.deepEqual(read.rounds, [[""]], name);
    if (name !== "a/b")
      assert.equal(await judgeDirectory(site, { kind: "listing", depth: 3 }), "feed.unsafe-name", name);
  }
});

test("folders that hold each other end at the depth", async () => {
  const page = { dialect: "names", page: `{"name":"a","dir":true}\n{"name":"f"}\n` } as const;
  const site: Site = { "": page, "a/": page, "a/a/": page, "a/a/a/": page };
  const read = await readDirectory(site, { kind: "listing", depth: 3 });
  assert.deepEqual(read.rounds, [[""], ["a/"], ["a/a/"], ["a/a/a/"]]);
});
