import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as z from "zod";

/** The documents say what is there, and all of it. */
const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

function read(file: string): string {
  return readFileSync(path.join(repository, file), "utf8");
}

/** The files below a folder that end so, with paths from the repository's root. */
function filesBelow(folder: string, ending: string): readonly string[] {
  return readdirSync(path.join(repository, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending))
    .map((file) => path.posix.join(folder, file.split(path.sep).join("/")))
    .toSorted();
}

const documents = [
  ...readdirSync(repository).filter((file) => file.endsWith(".md")),
  ...filesBelow("docs", ".md"),
] as readonly string[];

/** Code stands for itself: a link in it is an example. */
function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, "").replace(/`[^`\n]*`/g, "");
}

interface Link {
  readonly from: string;
  readonly target: string;
  readonly fragment: string | null;
}

/** The links of a document to files of the repository. */
function linksOf(document: string): readonly Link[] {
  return [...withoutCode(read(document)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = "", fragment] = target.split("#");
      const resolved = file === "" ? document : path.posix.join(path.posix.dirname(document), file);
      return { from: document, target: resolved, fragment: fragment ?? null };
    });
}

/** As the usual renderers make an anchor of a heading. */
function anchorsOf(document: string): readonly string[] {
  return [...read(document).matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}

test("links between documents lead somewhere", () => {
  const broken = documents.flatMap(linksOf).filter(({ target, fragment }) => {
    if (!existsSync(path.join(repository, target))) return true;
    return fragment !== null && !anchorsOf(target).includes(fragment);
  });
  assert.deepEqual(broken, []);
});

test("every document is reached from the README", () => {
  const reached = new Set(["README.md"]);
  for (const document of reached)
    for (const { target } of linksOf(document)) if (documents.includes(target)) reached.add(target);
  assert.deepEqual(
    documents.filter((document) => !reached.has(document)),
    [],
  );
});

test("the threat model names every attack test, and no test that is not there", () => {
  const model = read("docs/threat-model.md");
  const named = linksOf("docs/threat-model.md")
    .map(({ target }) => target)
    .filter((target) => target.endsWith(".test.ts"));
  assert.ok(named.length > 0);
  assert.deepEqual(
    named.filter((file) => !existsSync(path.join(repository, file))),
    [],
  );
  assert.deepEqual(
    filesBelow("test/attacks", ".test.ts").filter((file) => !named.includes(file)),
    [],
    "docs/threat-model.md does not name these",
  );
  for (const row of model.matchAll(/^\| (?!threat |attacker |---)[^|]+\|[^|]+\|([^|]+)\|$/gm))
    if (row.index > model.indexOf("## Threats, defences, tests"))
      assert.match(row[1] ?? "", /\.test\.ts\)/, `a threat without a test: ${row[0]}`);
});

/**
 * The names that the source emits. A name may be chosen between two; it is always a text that stands there. A server has
 * no events of its own: what is emitted there is a socket's.
 */
function emittedEvents(): ReadonlySet<string> {
  const names = new Set<string>();
  const sources = filesBelow("src", ".ts").filter((name) => !name.endsWith(".test.ts") && !name.includes("src/serve/"));
  for (const file of sources) {
    for (const call of read(file).matchAll(/\.emit\(([^{]*)\{/g)) {
      const found = [...(call[1] ?? "").matchAll(/"([^"]+)"/g)].map(([, name = ""]) => name);
      assert.ok(found.length > 0, `${file}: an event whose name does not stand there: ${call[0]}`);
      for (const name of found) names.add(name);
    }
  }
  return names;
}

test("the page of events has every event that is emitted, and no other", () => {
  const documented = [...read("docs/reference/events.md").matchAll(/^\| `([a-z.-]+)` \|/gm)].map(
    ([, name = ""]) => name,
  );
  assert.deepEqual(documented.toSorted(), [...emittedEvents()].toSorted());
});

const versions = z.record(z.string(), z.string());
const manifest = z
  .object({
    scripts: versions,
    dependencies: versions,
    devDependencies: versions,
    optionalDependencies: versions,
  })
  .parse(JSON.parse(read("package.json")));
const dependencies = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };

test("every dependency has its paragraph, with the version that is used", () => {
  const trust = read("docs/trust.md");
  const paragraphs = new Map(
    trust
      .split(/^### /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf("\n")), part]),
  );
  assert.deepEqual([...paragraphs.keys()].toSorted(), Object.keys(dependencies).toSorted());
  for (const [name, version] of Object.entries(dependencies))
    assert.ok(paragraphs.get(name)?.includes(`*${version}`), `docs/trust.md: ${name} is at ${version}`);
});

test("every npm command in the documents is one that there is", () => {
  for (const document of documents)
    for (const [whole, name = ""] of read(document).matchAll(/npm run (?:--silent )?([a-z][a-z:-]*)/g))
      assert.ok(name in manifest.scripts, `${document}: ${whole}`);
});

test("every decision is listed, under its own title's number", () => {
  const listed = linksOf("docs/adr/README.md").map(({ target }) => target);
  const records = filesBelow("docs/adr", ".md").filter((file) => !file.endsWith("README.md"));
  assert.deepEqual(
    listed.filter((target) => target.startsWith("docs/adr/")),
    records,
  );
  for (const record of records) {
    const number = path.basename(record).slice(0, 4);
    assert.match(read(record), new RegExp(`^# ${number}: .+\n\nStatus: (?:accepted|replaced by \\d{4})`));
    for (const section of ["Context", "Decision", "Consequences"])
      assert.ok(anchorsOf(record).includes(section.toLowerCase()), `${record} has no section ${section}`);
  }
});
