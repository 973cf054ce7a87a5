import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { parse } from "yaml";
import * as z from "zod";
import { sourceSpec } from "../../src/core/model/source.ts";
import { type Request, type Results, results } from "../../src/wire/requests.ts";
import { answers, refusedRun, spec } from "../fixtures/daemon-answers.ts";
import { needsProgram } from "../fixtures/needs.ts";
import { scriptedDaemon } from "../fixtures/scripted-daemon.ts";
import { type Ran, type RunOptions, run } from "../fixtures/scripted-terminal.ts";

// The command line against a control server that speaks the real frames from a script. What a person sees is held in
// test/e2e/golden/: UPDATE_GOLDEN=1 writes it anew, and the difference is read before it is kept.
const daemon = await scriptedDaemon();
const folder = await mkdtemp(path.join(tmpdir(), "ringfort-cli-"));
after(async () => {
  await daemon.close();
  await rm(folder, { recursive: true, force: true });
});

const answerAll = (request: Request): readonly unknown[] => [{ kind: "result", value: answers[request.verb] }];
const refused = { kind: "refused", code: "promotion.unsigned-source", detail: "tools trusts nothing" } as const;
const failed = { kind: "failed", code: "upstream.unreachable", detail: "198.51.100.7:443", retry: "later" } as const;

function ask(words: string, options: RunOptions = {}): Promise<Ran> {
  return run(["--socket", daemon.socket, ...words.split(" ")], { cwd: folder, ...options });
}

async function golden(name: string, ran: Ran): Promise<void> {
  const seen = `exit ${ran.exit}\n--- out\n${ran.out}--- err\n${ran.err}`
    .replaceAll(folder, "FOLDER")
    .replaceAll("\u001b", "␛")
    .replaceAll("\r", "␍");
  const file = new URL(`golden/${name}.txt`, import.meta.url);
  if (process.env["UPDATE_GOLDEN"] === "1") await writeFile(file, seen);
  assert.equal(seen, await readFile(file, "utf8"));
}

const errorDocument = z.strictObject({
  error: z.strictObject({
    kind: z.enum(["refused", "failed", "usage"]),
    code: z.string(),
    detail: z.string(),
    issues: z.array(z.looseObject({ line: z.int() })).optional(),
  }),
});
const allDocument = z.strictObject({
  sources: z.array(z.looseObject({ source: z.string(), error: z.looseObject({}).optional() })),
});

const COMMANDS: readonly (readonly [name: string, words: string])[] = [
  ["source-add", "source add clamav --format clamav --address https://database.clamav.net/"],
  ["source-list", "source list"],
  ["source-show", "source show clamav"],
  ["source-remove", "source remove clamav --force"],
  ["sync", "sync clamav"],
  ["channels", "channels"],
  ["revisions", "revisions clamav"],
  ["diff", "diff clamav production 8"],
  ["promote", "promote clamav"],
  ["rollback", "rollback clamav --channel production --revision 7"],
  ["status", "status"],
  ["metrics", "metrics"],
  ["clients", "clients --source clamav --revision 8"],
  ["canaries", "canaries clamav"],
  ["store-check", "store check"],
  ["gc", "gc"],
  ["export", "export production --to /srv/trees/production"],
  ["log-runs", "log"],
  ["log-moves", "log --moves"],
  ["log-events", "log --events --source clamav --limit 5"],
];

for (const [name, words] of COMMANDS) {
  test(`ringfort ${words}: what a person reads`, async () => {
    daemon.follow(answerAll);
    await golden(name, await ask(words));
  });

  test(`ringfort ${words} --json: one document, the promised one, and nothing else`, async () => {
    daemon.follow(answerAll);
    const { out, err } = await ask(`${words} --json`);
    const verb = daemon.asked.at(-1)?.verb ?? "status";
    assert.deepEqual(results[verb].parse(JSON.parse(out)), answers[verb]);
    assert.equal(err, "");
  });
}

test("ringfort trace: one content's story, by its digest or of a file; bad input names what is wrong", async () => {
  daemon.follow(answerAll);
  const file = path.join(folder, "daily.cvd");
  await writeFile(file, "some bytes");
  const digest = createHash("sha256").update("some bytes").digest("hex");
  await golden("trace", await ask(`trace ${digest}`));
  const { out } = await ask("trace --file daily.cvd --json");
  assert.ok(daemon.asked.some((one) => one.verb === "trace" && one.sha256 === digest));
  const { list, ...told } = results.trace.parse(JSON.parse(out));
  assert.deepEqual([told, list], [answers.trace, answers.clients.clients]);
  for (const words of ["trace", "trace abc", `trace ${digest} --file daily.cvd`, "trace --file not-there"])
    assert.equal((await ask(words)).exit, 2, words);
});

test("ringfort exposure clamav 8: the counts, and who they are; all of them as CSV", async () => {
  daemon.follow(answerAll);
  await golden("exposure", await ask("exposure clamav 8"));
  await golden("exposure-csv", await ask("exposure clamav 8 --csv"));
  const { out } = await ask("exposure clamav 8 --json");
  const { list, ...counts } = results.exposure.parse(JSON.parse(out));
  assert.deepEqual([counts, list], [answers.exposure, answers.clients.clients]);
});

test("on a terminal: colour for the unsigned and the refused, progress that goes away again", async () => {
  daemon.follow((request) => [
    { kind: "progress", phase: "daily.cvd", done: 31e6, total: 62e6, unit: "bytes" },
    ...answerAll(request),
  ]);
  await golden("on-a-terminal", await ask("source list", { isTerminal: true }));
  const plain = await ask("source list", { isTerminal: true, colour: false });
  assert.ok(!plain.out.includes("\u001b"));
});

test("--silent says nothing but errors", async () => {
  daemon.follow(answerAll);
  assert.deepEqual(await ask("sync clamav --silent", { isTerminal: true }), { exit: 0, out: "", err: "" });
  daemon.follow(() => [failed]);
  const ran = await ask("sync clamav --silent");
  assert.equal(ran.exit, 4);
  assert.match(ran.err, /upstream\.unreachable/);
});

test("a refusal: 3, what, why and what next; the same as a document", async () => {
  daemon.follow(() => [refused]);
  await golden("refused", await ask("promote tools"));
  const { exit, out, err } = await ask("promote tools --json");
  assert.deepEqual([exit, err, JSON.parse(out)], [3, "", { error: refused }]);
});

test("a run that is recorded as refused exits as refused, with the vendor's words made harmless", async () => {
  const value: Results["sync"] = { run: refusedRun, channel: null };
  daemon.follow(() => [{ kind: "result", value }]);
  await golden("sync-refused", await ask("sync tools"));
});

test("failures: 1 for good, 4 for later", async () => {
  daemon.follow(() => [failed]);
  assert.equal((await ask("sync clamav")).exit, 4);
  daemon.follow(() => [{ ...failed, code: "source.unknown", detail: 'no source "x"', retry: "never" }]);
  await golden("failed", await ask("revisions x"));
});

test("no daemon: 4, and how to start one; an answer of another shape: 1, and which versions", async () => {
  const { exit, err } = await run(["--socket", path.join(folder, "none.sock"), "status"], { cwd: folder });
  assert.equal(exit, 4);
  assert.match(err, /^failed: .*\(daemon\.unreachable\)[\s\S]*next: start it \(npm run ringfortd/);
  daemon.follow(() => [{ kind: "result", value: { hello: 1 } }]);
  const strange = await ask("status --json");
  assert.equal(strange.exit, 1);
  assert.match(strange.out, /"code": "worker\.protocol"[\s\S]*another version/);
});

test("sync --all goes on past a bad day, and exits with the worst of them", async () => {
  daemon.follow((request) => (request.verb === "sync" && request.source === "tools" ? [refused] : answerAll(request)));
  await golden("sync-all", await ask("sync --all"));
  const { exit, out } = await ask("sync --all --json");
  assert.equal(exit, 3);
  const { sources } = allDocument.parse(JSON.parse(out));
  assert.deepEqual(
    sources.map(({ source, error }) => [source, error !== undefined]),
    [
      ["clamav", false],
      ["tools", true],
    ],
  );
});

test("a store that is damaged fails the check, one that was repaired does not", async () => {
  daemon.follow(answerAll);
  assert.equal((await ask("store check")).exit, 1);
  const damaged = answers["store-check"].damaged.map((one) => ({ ...one, repaired: true }));
  daemon.follow(() => [{ kind: "result", value: { ...answers["store-check"], damaged } }]);
  assert.equal((await ask("store check --repair")).exit, 0);
  assert.deepEqual(daemon.asked.at(-1), { verb: "store-check", repair: true, by: "ann" });
});

test("what is asked: numbers, channels, the channel after the first, who asks", async () => {
  daemon.follow(answerAll);
  await writeFile(
    path.join(folder, "three.yaml"),
    "data: x\nchannels:\n  lab: { listen: 127.0.0.1:1 }\n  ring1: { listen: 127.0.0.1:2 }\n  all: { listen: 127.0.0.1:3 }\n",
  );
  const asked = async (words: string): Promise<unknown> => {
    assert.equal((await ask(words)).exit, 0, words);
    return daemon.asked.at(-1);
  };
  const promote = { verb: "promote", source: "a", revision: null, reason: "", by: "ann" };
  assert.deepEqual(await asked("promote a"), { ...promote, channel: "production" });
  assert.deepEqual(await asked("promote a --config three.yaml"), { ...promote, channel: "ring1" });
  assert.deepEqual(await asked("promote a --to all --revision 7 --reason tested"), {
    ...promote,
    channel: "all",
    revision: 7,
    reason: "tested",
  });
  assert.deepEqual(await asked("diff a staging 8"), { verb: "diff", source: "a", from: "staging", to: 8 });
  const plan = answers.gc.plan;
  const wish = { verb: "gc", source: null, by: "ann" } as const;
  assert.deepEqual(await asked("gc"), { ...wish, plan: null });
  // Without a fingerprint of its own, yes is to what the preview just has shown: two questions, the second names it.
  assert.deepEqual(await asked("gc --yes"), { ...wish, plan });
  assert.deepEqual(await asked(`gc --source clamav --yes --plan ${plan}`), { ...wish, source: "clamav", plan });
  assert.deepEqual(await asked("source remove a"), { verb: "source-remove", source: "a", force: false, by: "ann" });
  assert.deepEqual(await asked("log --moves --limit 3"), { verb: "log", what: "moves", source: null, limit: 3 });
});

test("a description goes out as YAML and comes back the same", async () => {
  daemon.follow(answerAll);
  const { out } = await ask("source show clamav --yaml");
  assert.deepEqual(sourceSpec.parse(parse(out)), spec);
  await writeFile(path.join(folder, "clamav.yaml"), out);
  assert.equal((await ask("source change clamav --from clamav.yaml")).exit, 0);
  assert.deepEqual(daemon.asked.at(-1), { verb: "source-change", spec, by: "ann" });
  assert.equal((await ask("source add other --from clamav.yaml")).exit, 2);
  assert.equal((await ask("source add clamav --from clamav.yaml --format clamav")).exit, 2);
  await writeFile(path.join(folder, "bad.yaml"), "name: clamav\nfeed: { format: clamv }\ntrsut: { kind: clamav }\n");
  await golden("source-invalid", await ask("source add clamav --from bad.yaml"));
});

test("the configuration: checked, shown, and every fault named; as a document too", async () => {
  await writeFile(path.join(folder, "ok.yaml"), "data: store\nchannels:\n  staging: { listen: 127.0.0.1:1 }\n");
  await writeFile(
    path.join(folder, "no.yaml"),
    "data: store\nchanels:\n  staging: { listen: 127.0.0.1:1 }\nfetch: { lanes: many }\n",
  );
  await golden("config-check", await ask("config check ok.yaml"));
  await golden("config-show", await ask("config show --config ok.yaml"));
  await golden("config-invalid", await ask("config check no.yaml"));
  const { exit, out } = await ask("config check no.yaml --json");
  const { error } = errorDocument.parse(JSON.parse(out));
  assert.deepEqual([exit, error.code, error.issues?.map(({ line }) => line)], [1, "config.invalid", [1, 2, 4]]);
});

test("a watch looks again until it is stopped, and does not go with --json", async () => {
  daemon.follow(answerAll);
  const before = daemon.asked.length;
  const { out } = await ask("status --watch", { watches: 2 });
  assert.equal(daemon.asked.length - before, 3);
  assert.equal(out.match(/^ringfort: /gm)?.length, 3);
  assert.equal((await ask("status --watch --json")).exit, 2);
});

const WRONG: readonly (readonly [words: string, says: RegExp])[] = [
  ["statsu", /unknown command 'statsu'[\s\S]*Did you mean status\?/],
  ["source ad", /unknown command 'ad'[\s\S]*Did you mean add\?/],
  ["sync clamav --slient", /unknown option '--slient'[\s\S]*Did you mean --silent\?/],
  ["diff clamav 1", /missing required argument 'to'/],
  ["diff clamav 0 1", /"0" is no revision/],
  ["diff clamav Staging 1", /neither a revision's number nor a channel's name/],
  ["rollback clamav", /required option '--channel <channel>' not specified/],
  ["sync", /name one source, or say --all/],
  ["sync clamav --all", /name one source, or say --all/],
  ["log --runs --moves", /exclude each other/],
  ["log --limit 0", /--limit is 1 to 10000/],
  ["version too much", /too many arguments/],
  ["completion tcsh", /Allowed choices are bash, zsh, fish/],
];

test("a wrong command line: 2, nothing is asked, the nearest right word; as a document too", async () => {
  const before = daemon.asked.length;
  for (const [words, says] of WRONG) {
    const { exit, out, err } = await ask(words);
    assert.deepEqual([words, exit, out], [words, 2, ""]);
    assert.match(err, says);
    const document = await ask(`${words} --json`);
    const { error } = errorDocument.parse(JSON.parse(document.out));
    assert.deepEqual([document.exit, document.err, error.kind], [2, "", "usage"]);
    assert.match(error.detail, says);
  }
  assert.equal((await ask("source")).exit, 2);
  assert.equal(daemon.asked.length, before);
});

test("help and version are no errors", async () => {
  for (const words of ["--help", "help promote", "source add --help"]) {
    const { exit, out, err } = await run(words.split(" "));
    assert.deepEqual([exit, err], [0, ""]);
    assert.match(out, /Examples:/);
  }
  assert.deepEqual(await run(["version"]), { exit: 0, out: "ringfort 0.1.0\n", err: "" });
});

test("bash completes commands and options from its script", { skip: needsProgram("bash", "bash") }, async () => {
  const { out } = await run(["completion", "bash"]);
  const script = `${out}
complete_at() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ringfort; echo "\${COMPREPLY[*]}"; }
complete_at ringfort so
complete_at ringfort source re
complete_at ringfort --json promote --re
complete_at ringfort source add n --mini`;
  const { stdout } = await promisify(execFile)("bash", ["-c", script]);
  assert.equal(stdout, "source\nremove\n--revision --reason\n--minisign-key\n");
});

test("the program itself: exit codes and streams as a shell sees them", async () => {
  const program = fileURLToPath(new URL("../../src/main/ringfort.ts", import.meta.url));
  const start = (...args: readonly string[]): Promise<Ran> =>
    new Promise((resolve) => {
      const child = execFile(process.execPath, [program, ...args], { cwd: folder }, (_, out, err) => {
        resolve({ exit: child.exitCode ?? -1, out, err });
      });
    });
  daemon.follow(answerAll);
  const [good, wrong, absent] = await Promise.all([
    start("--socket", daemon.socket, "channels", "--json"),
    start("chanels"),
    start("status", "--json"),
  ]);
  assert.deepEqual([good.exit, good.err, JSON.parse(good.out)], [0, "", answers.channels]);
  assert.deepEqual([wrong.exit, wrong.out], [2, ""]);
  assert.equal(absent.exit, 4);
  assert.match(absent.out, /daemon\.unreachable/);
});

test("on a terminal a collection is shown and asked about; only a yes removes it, and exactly what was shown", async () => {
  daemon.follow(answerAll);
  const plan = answers.gc.plan;
  const no = await ask("gc", { isTerminal: true, says: false });
  assert.equal(no.exit, 0);
  assert.deepEqual(daemon.asked.at(-1), { verb: "gc", source: null, plan: null, by: "ann" });
  assert.ok(no.err.includes("would go") && !no.out.includes("would go"));
  assert.equal((await ask("gc", { isTerminal: true, says: true })).exit, 0);
  assert.deepEqual(daemon.asked.at(-1), { verb: "gc", source: null, plan, by: "ann" });
  // A script is not asked, and a fingerprint without a yes is a mistake.
  assert.equal((await ask("gc --json", { isTerminal: true, says: true })).exit, 0);
  assert.deepEqual(daemon.asked.at(-1), { verb: "gc", source: null, plan: null, by: "ann" });
  assert.equal((await ask(`gc --plan ${plan}`)).exit, 2);
  assert.equal((await ask("gc --yes --plan 12ab")).exit, 2);
});
