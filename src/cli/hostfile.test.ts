import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, beforeEach, test } from "node:test";
import * as z from "zod";
import { answers, spec } from "../../test/fixtures/daemon-answers.ts";
import { scriptedDaemon } from "../../test/fixtures/scripted-daemon.ts";
import { type Ran, type RunOptions, run } from "../../test/fixtures/scripted-terminal.ts";
import { type HostFile, hostFile } from "../core/model/host-file.ts";
import { newX509Key, trustInKey, type X509KeyFile } from "../formats/signatures/key-file.ts";
import type { Probed } from "./context.ts";

const KEY_A = `RW${"A".repeat(54)}`;
const KEY_B = `RW${"B".repeat(54)}`;
const HQ = "name=HQ,type=http,address=http://10.0.0.5:8082/,subnet=10.0.0.0/8,order=10";
const SPARE = "name=spare,type=share,address=/mnt/updates/";

const daemon = await scriptedDaemon();
const folder = await mkdtemp(path.join(tmpdir(), "ringfort-hostfile-"));
const place = path.join(folder, "h.json");
after(async () => {
  await daemon.close();
  await rm(folder, { recursive: true, force: true });
});

function cli(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return run(["--socket", daemon.socket, "hostfile", ...args], { cwd: folder, ...options });
}

const edit = (...args: readonly string[]): Promise<Ran> => cli(["edit", "h.json", ...args]);
const held = async (): Promise<HostFile> => hostFile.parse(JSON.parse(await readFile(place, "utf8")));

/** Every failed command says so with this exit code, and leaves the file as it was. */
async function unchanged(exit: number, ran: Promise<Ran>): Promise<Ran> {
  const before = await readFile(place, "utf8");
  const done = await ran;
  assert.equal(done.exit, exit, done.err);
  assert.equal(await readFile(place, "utf8"), before);
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.endsWith(".new")),
    [],
  );
  return done;
}

beforeEach(async () => {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  const made = await edit("--new", "--deployment", "campus", "--channel", "staging", "--add", HQ, SPARE);
  assert.equal(made.exit, 0, made.err);
});

test("edit: mirrors are added, changed, renamed and taken out, and nothing else is touched", async () => {
  assert.deepEqual(
    (await held()).hosts.map(({ name, type, order }) => [name, type, order]),
    [
      ["HQ", "http", 10],
      ["spare", "share", 100],
    ],
  );
  assert.equal((await edit("--set", "name=HQ,rename=Main,subnet=,order=7")).exit, 0);
  assert.deepEqual((await held()).hosts[0], { name: "Main", type: "http", address: "http://10.0.0.5:8082/", order: 7 });
  assert.equal((await edit("--remove", "Main", "--channel", "production")).exit, 0);
  const { hosts, channel, deployment } = await held();
  assert.deepEqual([hosts.map(({ name }) => name), channel, deployment], [["spare"], "production", "campus"]);
});

test("edit: what has changed is said, and a file that stays the same is not written", async () => {
  const { out } = await edit("--set", "name=HQ,order=11", "--json");
  assert.deepEqual(z.looseObject({ changes: z.unknown() }).parse(JSON.parse(out)).changes, [
    { what: "host HQ: order", from: "10", to: "11" },
  ]);
  const before = await stat(place);
  assert.equal((await edit("--set", "name=HQ,order=11")).exit, 0);
  assert.equal((await stat(place)).ino, before.ino);
});

test("edit: flags that make no host file are a usage error, and leave the file", async () => {
  for (const flags of [
    [],
    ["--add", "type=http,address=http://h/"],
    ["--add", "name=x,tpye=http,address=http://h/"],
    ["--add", "name=x,type=gopher,address=http://h/"],
    ["--add", "name=x,name=y"],
    ["--add", "nonsense"],
    ["--set", "name=nobody,order=1"],
    ["--set", "name=HQ,order=many"],
    ["--remove", "nobody"],
    ["--channel", "No Channel"],
    ["--drop-key", KEY_A],
    ["--new", "--deployment", "d", "--channel", "staging"],
  ])
    await unchanged(2, edit(...flags));
});

test("edit: a file that would be wrong is not written", async () => {
  for (const fields of [
    "name=HQ,address=ftp://10.0.0.5/",
    "name=HQ,mask=255.0.255.0,subnet=10.0.0.0",
    "name=HQ,address=http://10.0.0.5",
    "name=HQ,rename=spare",
    "name=HQ,address=http://ann:hunter2@10.0.0.5/",
  ]) {
    const { err, out } = await unchanged(1, edit("--set", fields));
    assert.match(err, /\(config\.invalid\)/);
    assert.ok(!(err + out).includes("hunter2"));
  }
});

test("a password is never taken, only the name of the file that holds it", async () => {
  const { err } = await unchanged(2, edit("--set", "name=HQ,password=hunter2"));
  assert.ok(!err.includes("hunter2"));
  assert.equal((await edit("--set", "name=HQ,login=ann,password-file=/etc/ringfort/password")).exit, 0);
  const { out } = await cli(["show", "h.json"]);
  assert.match(out, /password-in-clear/);
  assert.match(out, /\/etc\/ringfort\/password/);
});

test("a login that somebody wrote into an address is not repeated by any command", async () => {
  const file = {
    ...(await held()),
    hosts: [{ name: "x", type: "http", address: "http://ann:hunter2@10.0.0.5/?hunter2" }],
  };
  await writeFile(place, JSON.stringify(file));
  const probe = async (): Promise<Probed> => assert.fail("a faulty entry is not asked");
  for (const args of [
    ["show", "h.json"],
    ["check", "h.json"],
    ["export", "h.json", "--as", "agent"],
    ["export", "h.json", "--as", "freshclam"],
    ["edit", "h.json", "--add", HQ],
    ["edit", "h.json", "--remove", "x"],
  ]) {
    await writeFile(place, JSON.stringify(file));
    for (const more of [[], ["--json"]]) {
      const { out, err } = await cli([...args, ...more], { probe });
      assert.ok(!(out + err).includes("hunter2"), args.join(" "));
    }
  }
});

test("edit replaces the file behind a link, and keeps its mode", async () => {
  await symlink("h.json", path.join(folder, "link.json"));
  await chmod(place, 0o666);
  assert.equal((await cli(["edit", "link.json", "--remove", "spare"])).exit, 0);
  assert.equal((await held()).hosts.length, 1);
  assert.equal((await stat(place)).mode & 0o777, 0o666);
});

test("somebody else writes the file while it is edited: later, and theirs stands", async () => {
  const theirs = JSON.stringify({ ...(await held()), deployment: "theirs" });
  daemon.follow(() => {
    writeFileSync(place, theirs);
    return [
      { kind: "result", value: { ...answers.status, channels: [{ channel: "staging", url: "http://192.0.2.7/" }] } },
    ];
  });
  assert.equal((await edit("--from-daemon")).exit, 4);
  assert.equal(await readFile(place, "utf8"), theirs);
});

test("a new file that cannot be written: store.io, and the old file stands", async () => {
  const beside = `${place}.${process.pid}.new`;
  await mkdir(beside);
  const before = await readFile(place, "utf8");
  const { exit, err } = await edit("--remove", "spare");
  assert.equal(exit, 1);
  assert.match(err, /store\.io/);
  assert.equal(await readFile(place, "utf8"), before);
});

test("a file that is not one: where, and what was meant", async () => {
  const text = JSON.stringify(await held(), null, 2);
  const codeAt = async (written: string, code: string, where: RegExp): Promise<void> => {
    await writeFile(place, written);
    const { exit, err } = await unchanged(1, cli(["show", "h.json"]));
    assert.equal(exit, 1);
    assert.ok(err.includes(`(${code})`), err);
    assert.match(err, where);
  };
  await codeAt(text.replace('"deployment"', '"deploymnet"'), "config.invalid", /h\.json:3:3: .*`deployment`/);
  await codeAt(text.replace('"http"', '"htp"'), "config.invalid", /h\.json:8:15: hosts\[0\]\.type/);
  await codeAt(text.replace('"channel": "staging",', '"channel": "staging", "channel": "x",'), "config.invalid", /:4:/);
  await codeAt(text.slice(0, 40), "config.invalid", /h\.json:/);
  await codeAt(
    "format: ringfort-host-file-1\ndeployment: d\nchannel: staging\nhosts: []\n",
    "config.invalid",
    /not JSON/,
  );
  await rm(place);
  const { exit, err } = await cli(["show", "h.json"]);
  assert.equal(exit, 1);
  assert.match(err, /config\.unreadable/);
});

test("--from-daemon and --trust-source: what the daemon says is taken over", async () => {
  const status = answers.status;
  const served = { channel: "staging", url: "http://192.0.2.7:8081/", ftp: "ftp://192.0.2.7:21/" };
  daemon.follow((request) =>
    request.verb === "status"
      ? [{ kind: "result", value: { ...status, channels: [served] } }]
      : [{ kind: "result", value: { ...answers["source-show"], spec: minisigned } }],
  );
  const minisigned = {
    ...spec,
    feed: { format: "directory", list: { kind: "checksums", file: "SHA256SUMS" } },
    trust: { kind: "minisign", keys: [KEY_A], threshold: 1 },
  };
  assert.equal((await edit("--from-daemon", "--trust-source", "tools")).exit, 0);
  const after = await held();
  assert.deepEqual(after.hosts.slice(2), [
    { name: "staging at 192.0.2.7:8081", type: "http", address: "http://192.0.2.7:8081/", order: 100 },
    { name: "staging at 192.0.2.7 by FTP", type: "ftp", address: "ftp://192.0.2.7:21/", order: 100 },
  ]);
  assert.deepEqual(after.trust.minisign, [KEY_A]);
  assert.equal((await edit("--from-daemon")).exit, 0);
  assert.deepEqual(await held(), after);
  await unchanged(1, edit("--from-daemon", "--channel", "lab"));
  daemon.follow(() => [{ kind: "result", value: answers["source-show"] }]);
  await unchanged(2, edit("--trust-source", "clamav"));
});

test("--trust-source takes several: whom they all believe stands in the file, and no policy becomes another's", async () => {
  const trusted = (key: X509KeyFile, more: object = {}): object => ({
    ...answers["source-show"],
    spec: {
      ...spec,
      feed: { format: "liveupdate", index: { kind: "full" } },
      trust: { ...trustInKey(key), ...more },
    },
  });
  const newKey = (name: string): X509KeyFile =>
    newX509Key({ name, now: Date.UTC(2026, 10, 23), randomBytes: (count) => Buffer.alloc(count, name) });
  const [vendor, own] = [newKey("vendor"), newKey("own")];
  let policy = {};
  daemon.follow((request) => [
    {
      kind: "result",
      value: "source" in request && request.source === "own" ? trusted(own, policy) : trusted(vendor),
    },
  ]);
  assert.equal((await edit("--trust-source", "vendor", "own")).exit, 0);
  const both = (await held()).trust.liveupdate;
  assert.deepEqual(both?.signers, [vendor.certificate, own.certificate]);
  assert.deepEqual(
    both?.anchors.map(({ certificate }) => certificate),
    [vendor.root, own.root],
  );
  policy = { profile: "legacy-sha1" };
  await unchanged(2, edit("--trust-source", "vendor", "own"));
  policy = { innerGuard: "where-present" };
  await unchanged(2, edit("--trust-source", "own", "vendor"));
  assert.equal((await edit("--trust-source", "vendor")).exit, 0);
  assert.deepEqual((await held()).trust.liveupdate, trustInKey(vendor), "what is named is what is believed");
});

test("keys come from the command line or from their files, once each, and can be dropped", async () => {
  await writeFile(path.join(folder, "b.pub"), `untrusted comment: b\n${KEY_B}\n`);
  assert.equal((await edit("--recall-key", KEY_A, "b.pub", KEY_A, "--minisign-key", "b.pub")).exit, 0);
  assert.deepEqual((await held()).trust, { minisign: [KEY_B], recall: [KEY_A, KEY_B] });
  assert.equal((await edit("--drop-key", "b.pub")).exit, 0);
  assert.deepEqual((await held()).trust, { minisign: [], recall: [KEY_A] });
  await writeFile(path.join(folder, "none.pub"), "no key\n");
  for (const key of ["none.pub", "absent.pub"]) await unchanged(1, edit("--recall-key", key));
});

test("show --for: whom that client asks, in order", async () => {
  assert.equal((await edit("--add", "name=first,type=http,address=http://10.9.0.5/,order=1")).exit, 0);
  const asked = async (address: string): Promise<unknown> =>
    z
      .looseObject({ asked: z.unknown() })
      .parse(JSON.parse((await cli(["show", "h.json", "--for", address, "--json"])).out)).asked;
  assert.deepEqual(await asked("10.1.2.3"), ["HQ", "first", "spare"]);
  assert.deepEqual(await asked("192.0.2.1"), ["first", "spare"]);
});

test("check: 0 all right, 1 one does not answer, 3 one serves another channel", async () => {
  const answer = (channel: string): Probed => ({
    kind: "answered",
    bytes: Buffer.from(JSON.stringify({ ringfort: 1, channel })),
  });
  const bytes = (text: string): Probed => ({ kind: "answered", bytes: Buffer.from(text) });
  const none: Probed = { kind: "failed", code: "upstream.unreachable", detail: "10.0.0.5" };
  const cases: readonly (readonly [exit: number, HQ: Probed, spare: Probed, results: readonly string[]])[] = [
    [0, answer("staging"), answer("staging"), ["right", "right"]],
    [0, bytes('{"ringfort":1,"channel":"staging","more":[1]}\n'), answer("staging"), ["right", "right"]],
    [1, none, answer("staging"), ["no-answer", "right"]],
    [1, bytes("<html>"), answer("staging"), ["no-channel", "right"]],
    [1, bytes('{"ringfort":2,"channel":"staging"}'), answer("staging"), ["no-channel", "right"]],
    [1, bytes('{"ringfort":1,"channel":"\\u001b[31mstaging"}'), answer("staging"), ["no-channel", "right"]],
    [3, answer("production"), answer("staging"), ["another-channel", "right"]],
    [3, none, answer("production"), ["no-answer", "another-channel"]],
  ];
  for (const [exit, hq, spare, results] of cases) {
    const ran = await cli(["check", "h.json", "--json"], { probe: async ({ name }) => (name === "HQ" ? hq : spare) });
    const { hosts } = z
      .looseObject({ hosts: z.array(z.looseObject({ result: z.string() })) })
      .parse(JSON.parse(ran.out));
    assert.deepEqual([ran.exit, hosts.map(({ result }) => result)], [exit, results]);
  }
  const table = await cli(["check", "h.json"], { probe: async () => answer("production") });
  assert.match(table.out, /ANOTHER CHANNEL/);
  await edit("--remove", "HQ", "spare");
  assert.equal((await cli(["check", "h.json"])).exit, 1);
});

test("check asks few at once, and each once", async () => {
  const many = Array.from({ length: 40 }, (_, at) => `name=m${at},type=http,address=http://10.0.1.${at}/`);
  assert.equal((await edit("--remove", "HQ", "spare", "--add", ...many)).exit, 0);
  let now = 0;
  let most = 0;
  const asked: string[] = [];
  const probe = async ({ name }: { readonly name: string }): Promise<Probed> => {
    most = Math.max(most, ++now);
    asked.push(name);
    await new Promise((resolve) => setTimeout(resolve, 2));
    now -= 1;
    return { kind: "answered", bytes: Buffer.from('{"ringfort":1,"channel":"staging"}') };
  };
  assert.equal((await cli(["check", "h.json"], { probe })).exit, 0);
  assert.deepEqual(asked.toSorted(), many.map((_, at) => `m${at}`).toSorted());
  assert.ok(most > 1 && most <= 8, String(most));
});

test("export: printed or written, never over a file, notes beside it", async () => {
  const printed = await cli(["export", "h.json", "--as", "freshclam", "--mount", "/clamav/", "--for", "10.1.2.3"]);
  assert.match(printed.out, /^DatabaseMirror http:\/\/10\.0\.0\.5:8082\/clamav\n/);
  assert.match(printed.err, /^note: .*\n(?:note: .*\n)*$/);
  assert.equal((await cli(["export", "h.json", "--as", "agent", "--out", "agent.json"])).exit, 0);
  assert.deepEqual(hostFile.parse(JSON.parse(await readFile(path.join(folder, "agent.json"), "utf8"))), await held());
  const before = await readFile(path.join(folder, "agent.json"), "utf8");
  assert.equal((await cli(["export", "h.json", "--as", "agent", "--out", "agent.json"])).exit, 2);
  assert.equal(await readFile(path.join(folder, "agent.json"), "utf8"), before);
  for (const args of [
    ["--as", "hst"],
    ["--as", "liveupdt-hst"],
    ["--as", "apt"],
    ["--as", "freshclam", "--mount", "clamav"],
    ["--as", "freshclam", "--mount", "/../"],
    ["--as", "suricata-update", "--path", "/rules"],
  ])
    assert.equal((await cli(["export", "h.json", ...args])).exit, 2, args.join(" "));
  const nobody = await cli(["export", "h.json", "--as", "freshclam"]);
  assert.equal(nobody.exit, 1);
  assert.match(nobody.err, /another subnet \(--for\): HQ/);
});
