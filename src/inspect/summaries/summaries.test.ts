import assert from "node:assert/strict";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { run } from "../../../test/fixtures/daemon.ts";
import { diceOf } from "../../../test/fixtures/dice.ts";
import { needs, needsProgram, needsSharedData, sharedData } from "../../../test/fixtures/needs.ts";
import { type ContentSummary, contentSummary, type SummaryKind } from "../../core/model/content-summary.ts";
import { summarize } from "./summarize.ts";

async function summaryOf(
  kind: SummaryKind,
  name: string,
  bytes: Uint8Array,
  expandedBytes = 64 * 1024 * 1024,
): Promise<ContentSummary> {
  const folder = await mkdtemp(path.join(tmpdir(), "summaries-"));
  try {
    await writeFile(path.join(folder, "f"), bytes);
    const handle = await open(path.join(folder, "f"));
    const summary = await summarize(kind, { handle, start: 0, end: bytes.length }, name, { expandedBytes });
    await handle.close();
    return contentSummary.parse(summary);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** A tar archive of plain files and folders. */
function tarOf(files: Readonly<Record<string, string>>): Buffer {
  const blocks: Buffer[] = [];
  for (const [name, content] of Object.entries(files)) {
    const head = Buffer.alloc(512);
    head.write(name, 0);
    head.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
    head.write(name.endsWith("/") ? "5" : "0", 156);
    const body = Buffer.alloc(Math.ceil(content.length / 512) * 512);
    body.write(content);
    blocks.push(head, body);
  }
  return Buffer.concat([...blocks, Buffer.alloc(1_024)]);
}

function cvdOf(files: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat([Buffer.alloc(512, " "), gzipSync(tarOf(files))]);
}

const RULES = `# a comment with sid:1; in it
alert tcp any any -> any any (msg:"one"; sid:2000001; rev:3;)
#alert udp any any -> any any (msg:"off"; sid:2000002; rev:1;)
drop ip any any -> any any (msg:"long"; \\
  content:"x"; sid:2000003; rev:9;)
alert tcp any any -> any any (msg:"of a preprocessor"; gid:3; sid:7;)
alert broken line without anything
`;

test("signatures of a database are counted by type, a line each", async () => {
  const bytes = cvdOf({
    "daily.ndb": "# made\na:0:*:00\nb:0:*:01\n",
    "daily.hdb": "x",
    "daily.info": "ClamAV-VDB:\nx\n",
    COPYING: "text\n",
  });
  const { groups, items, fault } = await summaryOf("clamav", "daily.cvd", bytes);
  assert.deepEqual(Object.fromEntries(groups), { ndb: 2, hdb: 1 });
  assert.deepEqual([items, fault], [[], null]);
});

test("rules are read by sid, with action, revision and text; one that is commented out is off", async () => {
  const { groups, items } = await summaryOf("suricata", "a.rules", Buffer.from(RULES));
  assert.deepEqual(Object.fromEntries(groups), { alert: 2, off: 1, drop: 1 });
  assert.deepEqual(
    items.map(([name, group, value]) => [name, group, value.replace(/ \(.*/, "")]),
    [
      ["2000001", "alert", "alert rev 3"],
      ["2000002", "off", "off rev 1"],
      ["2000003", "drop", "drop rev 9"],
      ["3:7", "alert", "alert rev none"],
    ],
  );
  const packed = gzipSync(tarOf({ "rules/": "", "rules/a.rules": RULES, "rules/classification.config": RULES }));
  assert.deepEqual((await summaryOf("suricata", "emerging.rules.tar.gz", packed)).items, items);
});

test("a rule that was changed under its old revision is another", async () => {
  const value = async (text: string): Promise<string> =>
    (await summaryOf("suricata", "a.rules", Buffer.from(text))).items[0]?.[2] ?? "";
  const rule = 'alert tcp any any -> any any (msg:"one"; sid:1; rev:3;)\n';
  assert.notEqual(await value(rule), await value(rule.replace("one", "two")));
  assert.equal(await value(rule), await value(rule.replace(" -> ", "  ->  ")));
});

test("packages are read by name and architecture; two versions of one stand together", async () => {
  const text = [
    "Package: a\nVersion: 1.0-1\nArchitecture: amd64\nDescription: x\n Version: 9\n",
    "Package: a\nVersion: 1.1-1\nArchitecture: amd64\n",
    "Package: b\r\nVersion: 2\r\nArchitecture: all\r\n",
    "Package: nothing\n",
  ].join("\n");
  const { groups, items } = await summaryOf("debian", "dists/x/Packages.gz", gzipSync(text));
  assert.deepEqual(Object.fromEntries(groups), { amd64: 2, all: 1 });
  assert.deepEqual(items, [
    ["a:amd64", "amd64", "1.0-1, 1.1-1"],
    ["b:all", "all", "2"],
  ]);
});

test("a bomb ends at its cap, a cut or damaged file says so, and what was read until then stands", async () => {
  const bomb = await summaryOf("debian", "Packages.gz", gzipSync(Buffer.alloc(8_000_000)), 1_000_000);
  assert.ok(bomb.fault !== null);
  const whole = cvdOf({ "daily.ndb": "a\n".repeat(5_000) });
  assert.ok((await summaryOf("clamav", "daily.cvd", whole.subarray(0, whole.length - 40))).fault !== null);
  assert.ok((await summaryOf("suricata", "a.rules", Buffer.from("x".repeat(70_000)))).fault !== null);
  const many = Array.from({ length: 300 }, (_, at) => [`m.t${at}`, "a\n"]);
  const wide = await summaryOf("clamav", "daily.cvd", cvdOf(Object.fromEntries(many)));
  assert.deepEqual([wide.groups.length, wide.fault !== null], [256, true]);
});

test("whatever the bytes are, the answer is a summary", async () => {
  const dice = diceOf(5);
  const seeds: readonly (readonly [SummaryKind, string, Buffer])[] = [
    ["clamav", "daily.cvd", cvdOf({ "daily.ndb": "a\nb\n", "daily.hdb": "c\n" })],
    ["clamav", "daily.cld", Buffer.concat([Buffer.alloc(512), tarOf({ "daily.ndb": "a\nb\n" })])],
    ["suricata", "a.rules", Buffer.from(RULES)],
    ["debian", "Packages", Buffer.from("Package: a\nVersion: 1\n\n")],
  ];
  for (let turn = 0; turn < 200; turn += 1) {
    const [kind, name, bytes] = dice.pick(seeds);
    const mutated = Buffer.from(bytes);
    for (let hit = dice.number(6); hit >= 0; hit -= 1) mutated[dice.number(mutated.length)] = dice.number(256);
    await summaryOf(kind, name, mutated.subarray(0, dice.number(mutated.length + 1)));
  }
});

test("the vendor's own counts agree", {
  skip: needs(needsProgram("sigtool", "clamav"), needsSharedData("clamav", "test-6.cvd")),
}, async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "unpacked-"));
  t.after(() => rm(folder, { recursive: true }));
  await run("sigtool", [`--unpack=${sharedData("clamav", "test-6.cvd")}`], { cwd: folder });
  const { groups } = await summaryOf("clamav", "test.cvd", await readFile(sharedData("clamav", "test-6.cvd")));
  for (const [type, count] of groups) {
    const lines = (await readFile(path.join(folder, `test.${type}`), "utf8")).split("\n");
    assert.equal(count, lines.filter((line) => line !== "" && !line.startsWith("#")).length, type);
  }
  assert.ok(groups.length > 10);
});

test("a real rule set is read whole", { skip: needsSharedData("suricata", "emerging.rules.tar.gz") }, async () => {
  const bytes = await readFile(sharedData("suricata", "emerging.rules.tar.gz"));
  const { groups, items, fault } = await summaryOf("suricata", "emerging.rules.tar.gz", bytes);
  assert.equal(fault, null);
  assert.ok(items.length > 10_000, JSON.stringify(Object.fromEntries(groups)));
});
