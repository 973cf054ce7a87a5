import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import type { Machine } from "../../src/core/setup/suggest.ts";
import { run as runHere } from "../fixtures/daemon.ts";
import { needsProgram } from "../fixtures/needs.ts";
import { type RunOptions, run } from "../fixtures/scripted-terminal.ts";

const MAIN = path.resolve(import.meta.dirname, "../../src/main/ringfort.ts");
const MACHINE: Machine = {
  interfaces: [
    { name: "eth0", addresses: ["192.0.2.7/24"], hasDefaultRoute: true },
    { name: "eth1", addresses: ["10.20.0.10/16", "10.20.0.20/16"], hasDefaultRoute: false },
  ],
  resolvers: ["10.0.0.53", "127.0.0.53"],
};
const FLAGS: readonly string[] = (
  "--outside eth0 --inside eth1 --staging-address 10.20.0.10:80 " +
  "--production-address 10.20.0.20:80 --staging-clients 10.20.1.0/24"
).split(" ");

/** The root of a host that has the package and nothing else. */
function emptyRoot(t: TestContext): string {
  const root = mkdtempSync(path.join(tmpdir(), "ringfort-setup-"));
  t.after(() => rmSync(root, { recursive: true }));
  const units = path.join(root, "usr/lib/systemd/system");
  mkdirSync(units, { recursive: true });
  writeFileSync(path.join(units, "ringfort.service"), "[Service]\nExecStart=/bin/true\n");
  return root;
}

function filesIn(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name).slice(root.length))
    .filter((name) => name.startsWith("/etc"))
    .toSorted();
}

const configOf = (root: string): string => readFileSync(path.join(root, "etc/ringfort/ringfort.yaml"), "utf8");

test("flags alone make configuration, sockets, packet filter and settings; a second run finds all of it as it is", async (t) => {
  const root = emptyRoot(t);
  const first = await run(["--json", "setup", "--yes", "--root", root, ...FLAGS]);
  assert.equal(first.exit, 0, first.out + first.err);
  assert.deepEqual(filesIn(root), [
    "/etc/ringfort/network/ringfort-firewalls.json",
    "/etc/ringfort/network/ringfort.nft",
    "/etc/ringfort/ringfort.yaml",
    "/etc/sysctl.d/60-ringfort.conf",
    "/etc/systemd/system/ringfort-listen-production-http.socket",
    "/etc/systemd/system/ringfort-listen-staging-http.socket",
  ]);
  assert.equal(statSync(path.join(root, "etc/ringfort/ringfort.yaml")).mode & 0o777, 0o640);
  const valid = await run(["config", "check", path.join(root, "etc/ringfort/ringfort.yaml")]);
  assert.equal(valid.exit, 0, valid.err);
  const checked = await run([
    "--config",
    path.join(root, "etc/ringfort/ringfort.yaml"),
    "harden",
    "sockets",
    "--check",
    path.join(root, "etc/systemd/system"),
  ]);
  assert.equal(checked.exit, 0, checked.out);

  const before = configOf(root);
  const again = await run(["--json", "setup", "--yes", "--change", "--root", root]);
  assert.equal(again.exit, 0, again.out);
  const { files } = JSON.parse(again.out) as { readonly files: readonly { readonly state: string }[] };
  assert.ok(files.length === 6 && files.every(({ state }) => state === "same"));
  assert.equal(configOf(root), before);
});

test("an image's service, its sockets and its timers start with it, nothing is started now, and the source waits in a file", async (t) => {
  const root = emptyRoot(t);
  writeFileSync(path.join(root, "usr/lib/systemd/system/ringfort-audit.timer"), "[Timer]\n");
  const asked: (readonly string[])[] = [];
  const host = {
    systemdRuns: () => true,
    systemctl: async (args: readonly string[]) => {
      asked.push(args);
      return true;
    },
  };
  const source = ["--source", "clamav", "--format", "clamav", "--address", "https://database.clamav.net/"];
  const { exit, out } = await run(["--json", "setup", "--yes", "--root", root, ...FLAGS, ...source], { host });
  assert.equal(exit, 0, out);
  const sockets = ["ringfort-listen-staging-http.socket", "ringfort-listen-production-http.socket"];
  assert.deepEqual(asked, [[`--root=${root}`, "enable", "ringfort.service", ...sockets, "ringfort-audit.timer"]]);
  const said = JSON.parse(out) as { readonly service: string; readonly source: { readonly state: string } };
  assert.deepEqual([said.service, said.source.state], ["enabled", "later"]);
  const kept = readFileSync(path.join(root, "etc/ringfort/first-source-clamav.yaml"), "utf8");
  assert.match(kept, /database\.clamav\.net/);
  assert.match(readFileSync(path.join(root, "etc/ringfort/network/ringfort.nft"), "utf8"), /source clamav/);
});

test("a configuration is never written over unless that is said; then the old one is kept, and what setup did not ask for stays", async (t) => {
  const root = emptyRoot(t);
  await run(["setup", "--yes", "--root", root, ...FLAGS]);
  const file = path.join(root, "etc/ringfort/ringfort.yaml");
  writeFileSync(file, `${configOf(root)}# a remark of mine\nlimits:\n  connections: 77\n`);
  const mine = configOf(root);
  const change = ["setup", "--yes", "--root", root, "--staging-address", "10.20.0.11:80", "--inside", "eth2"];
  const refused = await run(["--json", ...change]);
  assert.equal(refused.exit, 3);
  assert.equal((JSON.parse(refused.out) as { error: { code: string } }).error.code, "setup.already-there");
  assert.equal(configOf(root), mine);

  assert.equal((await run([...change, "--change"])).exit, 0);
  const kept = filesIn(root).filter((name) => name.includes(".before-"));
  assert.equal(kept.length, 1);
  assert.equal(readFileSync(path.join(root, kept[0] ?? ""), "utf8"), mine);
  assert.match(configOf(root), /# a remark of mine\nlimits:\n  connections: 77\n/);
  assert.match(configOf(root), /listen: 10\.20\.0\.11:80/);
  assert.doesNotMatch(configOf(root), /eth1/);
});

test("a listener that is gone takes its socket unit with it; one that somebody wrote by hand stays", async (t) => {
  const root = emptyRoot(t);
  await run(["setup", "--yes", "--root", root, "--ftp", ...FLAGS]);
  const units = path.join(root, "etc/systemd/system");
  writeFileSync(path.join(units, "ringfort-listen-extra.socket"), "[Socket]\nListenStream=1\n");
  const file = path.join(root, "etc/ringfort/ringfort.yaml");
  writeFileSync(file, configOf(root).replace(/ {4}ftp:\n {6}listen: 10\.20\.0\.10:21\n(?: {6,}.*\n)+/, ""));
  assert.equal((await run(["setup", "--yes", "--change", "--root", root])).exit, 0);
  assert.deepEqual(
    readdirSync(units).filter((name) => name.endsWith(".socket")),
    [
      "ringfort-listen-extra.socket",
      "ringfort-listen-production-ftp.socket",
      "ringfort-listen-production-http.socket",
      "ringfort-listen-production-pasv.socket",
      "ringfort-listen-staging-http.socket",
    ],
  );
});

test("an answer is judged where it is given, by the configuration's schema and with those before it", async (t) => {
  const root = emptyRoot(t);
  const cases = [
    ["--outside", "eth0/1"],
    ["--outside", "eth1", "--inside", "eth1"],
    ["--staging-address", "10.20.0.10"],
    ["--staging-address", "10.20.0.10:80", "--production-address", "10.20.0.10:80"],
    ["--staging-clients", "10.20.0.0/33"],
    ["--outside", "eth0", "--inside", "none"],
    ["--resolvers", "dns.example"],
    ["--source", "files", "--format", "directory"],
    ["--format", "clamav"],
  ];
  for (const wrong of cases) {
    const rest = wrong.includes("--inside") ? ["--staging-address", "10.20.0.10:80", ...wrong] : wrong;
    const { exit, out } = await run(["setup", "--yes", "--root", root, ...rest]);
    assert.equal(exit, 2, `${wrong.join(" ")}: ${out}`);
  }
  assert.deepEqual(filesIn(root), []);
  const elsewhere = await run(["setup", "--yes", "--dry-run", "--inside", "eth7"], {
    host: { machine: async () => MACHINE },
  });
  assert.equal(elsewhere.exit, 2, "an interface that this machine has not");
});

test("a dry run shows every text and writes nothing", async (t) => {
  const root = emptyRoot(t);
  const { exit, out } = await run(["--json", "setup", "--dry-run", "--root", root, ...FLAGS]);
  assert.equal(exit, 0, out);
  const { files } = JSON.parse(out) as { readonly files: readonly { readonly text: string; readonly state: string }[] };
  assert.ok(files.length === 6 && files.every(({ text, state }) => text !== "" && state === "new"));
  assert.deepEqual(filesIn(root), []);
});

test("what cannot be written whole is not written at all", async (t) => {
  const root = emptyRoot(t);
  await run(["setup", "--yes", "--root", root, ...FLAGS]);
  const before = filesIn(root).map((name) => [name, readFileSync(path.join(root, name), "utf8")]);
  // The last file's place is taken by a folder: all the others are ready by then.
  const change = ["--json", "setup", "--yes", "--change", "--root", root, "--staging-address", "10.20.0.99:80"];
  const taken = path.join(root, "etc/ringfort/ringfort.yaml.before-20261123T164000Z");
  mkdirSync(taken);
  const { exit, out } = await run(change);
  assert.equal(exit, 1, out);
  rmSync(taken, { recursive: true });
  assert.deepEqual(
    filesIn(root).map((name) => [name, readFileSync(path.join(root, name), "utf8")]),
    before,
  );
  assert.equal((await run(change)).exit, 0);
});

test("the interview offers what the machine has, asks again after a wrong answer, and writes only what was agreed to", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-setup-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "ringfort.yaml");
  const host = { machine: async () => MACHINE };
  const talk = (answers: string[], says: boolean, more: RunOptions = {}): ReturnType<typeof run> =>
    run(["--config", file, "setup"], { isTerminal: true, colour: false, host, answers, says, ...more });
  const typed = ["", "eth0", "eth1", "", "", "10.20.1.0/33", "10.20.1.0/24", "", "none", "", "none"];

  const refused = await talk([...typed], false);
  assert.equal(refused.exit, 1);
  assert.equal(readdirSync(folder).length, 0, "nothing was agreed to");
  const left = await talk(typed.slice(0, 3), true);
  assert.equal(left.exit, 1);
  assert.equal(readdirSync(folder).length, 0, "whoever leaves in the middle leaves nothing");

  const { exit, err } = await talk([...typed], true);
  assert.equal(exit, 0, err);
  assert.match(err, /\[eth0\].*\n?.*\[eth1\]/);
  assert.match(err, /host\.outside/, "eth0 was given twice, and refused at once");
  const shown = await run(["--json", "--config", file, "config", "show"]);
  const { config } = JSON.parse(shown.out) as { readonly config: Record<string, Record<string, unknown>> };
  assert.deepEqual(
    [config["host"]?.["outside"], config["host"]?.["inside"], config["host"]?.["resolvers"]],
    ["eth0", "eth1", ["10.0.0.53"]],
  );
  const { staging } = config["channels"] as unknown as Record<string, Record<string, unknown>>;
  assert.deepEqual([staging?.["listen"], staging?.["allow"]], ["10.20.0.10:80", ["10.20.1.0/24"]]);
  const again = await talk(["", "", "", "", "", "", "", "", ""], true);
  assert.equal(again.exit, 0, again.err);
  assert.match(again.err, /\[10\.20\.1\.0\/24\]/, "what is there is offered");
});

test("answers out of a pipe are refused, with the way that goes", async () => {
  const { exit, out } = await run(["--json", "setup"]);
  assert.equal(exit, 2);
  assert.match((JSON.parse(out) as { error: { detail: string } }).error.detail, /--yes/);
});

test("on a terminal of its own the interview reads what is typed, and Ctrl-C leaves nothing behind", {
  skip: needsProgram("python3", "python3"),
}, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-setup-"));
  t.after(() => rmSync(folder, { recursive: true }));
  /** Types an answer at each prompt; the first prompt that has none left gets Ctrl-C. */
  const script = `
import os, pty, re, signal, sys
signal.alarm(60)
answers = sys.argv[1].split("|"); command = sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0: os.execvp(command[0], command)
seen = b""
while True:
    try: piece = os.read(terminal, 65536)
    except OSError: break
    if not piece: break
    seen += piece
    # The prompt is followed by a blank, and by where the cursor is to go.
    if re.sub(rb"\\x1b\\[[0-9;]*[A-Za-z]", b"", seen).endswith((b"]: ", b"N] ")):
        os.write(terminal, (answers.pop(0) + "\\r").encode() if answers else b"\\x03")
        seen = b""
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`;
  const command = [process.execPath, MAIN, "--config", path.join(folder, "ringfort.yaml"), "setup"];
  const type = async (answers: string): Promise<number | null> =>
    (await runHere("python3", ["-c", script, answers, ...command])).code;
  assert.equal(await type("none|none"), 1);
  assert.deepEqual(readdirSync(folder), []);
  assert.equal(await type("none|none|127.0.0.1:9081|127.0.0.1:9082|none|none|none|none|none|y"), 0);
  assert.match(readFileSync(path.join(folder, "ringfort.yaml"), "utf8"), /127\.0\.0\.1:9082/);
});
