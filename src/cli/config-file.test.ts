import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { config } from "../core/config.ts";
import { Failure } from "../core/kernel/errors.ts";
import { loadConfig } from "./config-file.ts";
import { InvalidFile } from "./file-issues.ts";

const folder = await mkdtemp(path.join(tmpdir(), "ringfort-config-"));
after(() => rm(folder, { recursive: true, force: true }));

const GOOD = "data: ./store\nchannels:\n  staging: { listen: 127.0.0.1:8081 }\n";
const place = { env: {}, cwd: folder };

/** The faults of a file, as "line:column path message". */
async function faults(text: string | Uint8Array): Promise<readonly string[]> {
  await writeFile(path.join(folder, "broken.yaml"), text);
  try {
    await loadConfig("broken.yaml", place);
  } catch (error) {
    if (error instanceof InvalidFile && error.code === "config.invalid")
      return error.issues.map((issue) => `${issue.line}:${issue.column} ${issue.path} ${issue.message}`);
    throw error;
  }
  return [];
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  return error instanceof Failure ? error.code : String(error);
}

test("the data folder is taken from the file's folder, not from where one stands", async () => {
  await writeFile(path.join(folder, "good.yaml"), GOOD);
  const loaded = await loadConfig(path.join(folder, "good.yaml"), { env: {}, cwd: "/" });
  assert.equal(loaded.config.data, path.join(folder, "store"));
  assert.equal(loaded.file, path.join(folder, "good.yaml"));
  assert.equal(loaded.config.session.idle, 10_000);
});

test("asked for, then the environment, then the working folder, then the defaults", async () => {
  const cwd = await mkdtemp(path.join(folder, "cwd-"));
  const env = { RINGFORT_CONFIG: "env.yaml" };
  assert.equal((await loadConfig(null, { env: {}, cwd })).config.data, path.join(cwd, "ringfort-data"));
  for (const name of ["ringfort.yaml", "env.yaml", "asked.yaml"]) await writeFile(path.join(cwd, name), GOOD);
  assert.equal((await loadConfig(null, { env: {}, cwd })).file, path.join(cwd, "ringfort.yaml"));
  assert.equal((await loadConfig(null, { env, cwd })).file, path.join(cwd, "env.yaml"));
  assert.equal((await loadConfig("asked.yaml", { env, cwd })).file, path.join(cwd, "asked.yaml"));
  assert.equal((await loadConfig(null, { env: { RINGFORT_CONFIG: "" }, cwd })).file, path.join(cwd, "ringfort.yaml"));
});

test("a file that is named and not there is a failure, never the next one in the row", async () => {
  assert.equal(await codeOf(loadConfig("absent.yaml", place)), "config.unreadable");
  assert.equal(
    await codeOf(loadConfig(null, { env: { RINGFORT_CONFIG: "/absent" }, cwd: folder })),
    "config.unreadable",
  );
  assert.equal(await codeOf(loadConfig(".", place)), "config.unreadable");
});

test("all faults at once, each with its line, column, path and the nearest right name", async () => {
  const text = `data: 5
chanels: {}
channels:
  staging:
    listen: 127.0.0.1
    lissten: 127.0.0.1:1
  9a: { listen: "127.0.0.1:1" }
session:
  idle: soon
  most: -1
fetch: { lanes: 0.5 }
`;
  assert.deepEqual(await faults(text), [
    "1:7 data must be text, but 5 is written",
    "2:1 chanels unknown key `chanels`: did you mean `channels`?",
    "5:13 channels.staging.listen an address to listen on is ADDRESS:PORT, for example 10.20.0.10:80 or [fd00::10]:80",
    "6:5 channels.staging.lissten unknown key `lissten`: did you mean `listen`?",
    "7:3 channels.9a a channel's name is 1 to 63 of a-z, 0-9 and -, and begins with a letter",
    '9:9 session.idle "soon" is no length of time; write for example "90s", "4h" or "1d 12h"',
    "10:9 session.most must be at least 0, but -1 is written",
    "11:17 fetch.lanes must be a whole number, but 0.5 is written",
  ]);
});

test("what is missing is named where it should stand; what no key is near to lists the keys", async () => {
  assert.deepEqual(await faults("data: x\n"), ["1:1 channels is missing"]);
  assert.deepEqual(await faults("data: x\nchannels: { a: { listen: 'localhost:1' } }\nfetch: { bananas: 1 }\n"), [
    "3:10 fetch.bananas unknown key `bananas`; known here: lanes",
  ]);
  assert.deepEqual(await faults(`${GOOD}limits:\n`), ["4:1 limits must be a map, but nothing is written"]);
  assert.deepEqual(await faults("- data\n"), ["1:1  must be a map, but a list is written"]);
});

test("two channels on one address are one fault, at the second", async () => {
  const text = `data: x
channels:
  staging: { listen: 127.0.0.1:1 }
  production: { listen: 127.0.0.1:1 }
`;
  assert.deepEqual(await faults(text), [
    "4:25 channels.production.listen 127.0.0.1:1 is the address of channel staging; each channel has one of its own",
  ]);
});

test("broken YAML: a key twice, a tab, an unknown tag, two documents, a dangling alias, nothing, an open bracket", async () => {
  assert.deepEqual(await faults("data: x\ndata: y\n"), ["2:1  this key stands twice in one map"]);
  assert.deepEqual(await faults("channels:\n\tstaging: {}\n"), [
    "2:1  a tab indents this line; YAML is indented with spaces",
  ]);
  assert.deepEqual(await faults("data: !path x\n"), ["1:7  Unresolved tag: !path"]);
  assert.deepEqual(await faults(`${GOOD}---\ndata: y\n`), [
    "4:1  a second document begins here; the file must hold one",
  ]);
  assert.deepEqual(await faults("data: *here\n"), ["1:7  this alias names no anchor before it"]);
  assert.deepEqual(await faults(""), ["1:1  the file is empty"]);
  assert.deepEqual(await faults("# only words\n"), ["1:1  the file is empty"]);
  assert.equal((await faults("data: [x\n")).length > 0, true);
});

test("binary bytes, too many bytes and a heap of aliases end in a named failure, quickly", async () => {
  assert.equal(await codeOf(faults(new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0xff, 0xfe]))), "config.unreadable");
  assert.equal(await codeOf(faults("#".repeat(1024 * 1024 + 1))), "config.unreadable");
  assert.deepEqual(await faults("#".repeat(1024 * 1024)), ["1:1  the file is empty"]);
  assert.equal(await codeOf(loadConfig("/dev/zero", place)), "config.unreadable");
  assert.equal((await faults("\u0000\u0001\u0002: [")).length > 0, true);
  const laughs = ["a0: &a0 [lol]"];
  for (let at = 1; at < 12; at += 1)
    laughs.push(`a${at}: &a${at} [${Array.from({ length: 10 }, () => `*a${at - 1}`).join(", ")}]`);
  assert.deepEqual(await faults(`${laughs.join("\n")}\n`), ["1:1  its aliases stand for too much"]);
});

test("a key that would reach the prototype is a key like any other", async () => {
  const [first] = await faults(`${GOOD}__proto__: { polluted: 1 }\n`);
  assert.match(first ?? "", /^4:1 __proto__ unknown key/);
  assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
});

test("words from the file cannot command the terminal", async () => {
  const [first] = await faults(`${GOOD}"\\e[2Jx": 1\n`);
  assert.ok(first !== undefined && !first.includes("\u001b"));
});

test("the sample is valid, and writes every default as it is", async () => {
  const sample = fileURLToPath(new URL("../../ringfort.example.yaml", import.meta.url));
  const loaded = await loadConfig(sample, place);
  const { channels } = loaded.config;
  const bare = config.parse({ data: "x", channels });
  assert.deepEqual({ ...loaded.config, data: "" }, { ...bare, data: "" });
});
