import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseUnit, valuesOf } from "../units/unit-file.ts";
import {
  type Act,
  actKey,
  type Film,
  type FilmHead,
  FilmRecorder,
  filmText,
  MOST_ACTS,
  readFilm,
  uniteFilms,
} from "./film.ts";
import { fewest } from "./generalise.ts";
import { FromTheProgram, judgeTrial } from "./judge-trial.ts";
import { asUser, profileOf } from "./profile.ts";
import { type UnitWish, unitOfProfile } from "./unit-of-profile.ts";

const HEAD: FilmHead = { film: 1, at: 0, method: "trace", interval: null, command: "/usr/sbin/d", uid: 0, gid: 0 };
const BY = { pid: 7, uid: 0, program: "/usr/sbin/d" };
const WISH: UnitWish = {
  command: null,
  user: null,
  peers: [],
  topFolders: ["etc", "srv", "usr", "var"],
  dropIn: false,
};

type Told = Act | readonly [Act, string];
function film(...told: readonly Told[]): Film {
  const acts = told.map((each) => {
    const [did, failed] = "act" in each ? [each, null] : each;
    return { at: 1, by: BY, failed, did, times: 1 };
  });
  return { heads: [HEAD], acts, left: 0, unread: 0, broken: 0 };
}
const file = (act: "read" | "write" | "make" | "remove" | "look" | "execute", path: string, folder = false): Act => ({
  act,
  path,
  folder,
});
const bind = (port: number, protocol: "tcp" | "udp" = "tcp"): Act => ({
  act: "bind",
  family: "AF_INET",
  protocol,
  address: "0.0.0.0",
  port,
});
const word = (act: "socket" | "call" | "right" | "namespace", name: string): Act => ({ act, name, with: "" });
const values = (needs: readonly { readonly value: string }[]): readonly string[] => needs.map(({ value }) => value);

function unitOf(one: Film, wish: Partial<UnitWish> = {}): (name: string) => readonly string[] {
  const entries = parseUnit({ file: "u", text: unitOfProfile(profileOf(one), { ...WISH, ...wish }, "made") });
  assert.ok(!("code" in entries), JSON.stringify(entries));
  return (name) => valuesOf(entries, name);
}

test("files become places: libraries their folder, configuration file by file, what is made the folder, what is random none", () => {
  const profile = profileOf(
    film(
      file("execute", "/usr/sbin/d"),
      file("read", "/usr/lib/x86_64-linux-gnu/libc.so.6"),
      file("read", "/usr/lib/x86_64-linux-gnu/libz.so.1"),
      file("read", "/etc/d/d.conf"),
      file("look", "/etc/d", false),
      file("read", "/etc/d/sites", true),
      file("read", "/etc/d/sites/one"),
      file("read", "/srv/www/a"),
      file("read", "/srv/www/sub/b"),
      file("make", "/var/log/d/error.log"),
      file("make", "/var/lib/d/tmp/x9f3a"),
      file("remove", "/var/lib/d/tmp/x9f3a"),
      file("make", "/tmp/d.Xk2f"),
      file("make", "/run/d.pid"),
      file("make", "/run/d/socket"),
      file("read", "/proc/7/status"),
      file("read", "/proc/sys/kernel/ngroups_max"),
      file("write", "/dev/null"),
      file("read", "/dev/kvm"),
      file("read", "/etc"),
      [file("read", "/etc/shadow"), "EACCES"],
      [file("read", "/etc/gone"), "ENOENT"],
    ),
  );
  assert.deepEqual(values(profile.reads), ["/etc/d", "/srv/www", "/usr/lib/x86_64-linux-gnu", "/usr/sbin/d"]);
  assert.deepEqual(values(profile.writes), ["/var/lib/d/tmp", "/var/log/d"]);
  assert.deepEqual(values(profile.scratch), ["/tmp", "/run"]);
  assert.deepEqual(values(profile.runtime), ["d"]);
  assert.deepEqual(values(profile.devices), ["/dev/kvm"]);
  assert.deepEqual(values(profile.kernel), ["/proc/sys/kernel/ngroups_max"]);
  assert.ok(profile.doubts.some((doubt) => doubt.includes("refused already")));
});

test("a folder that was only looked at is not given with all that lies in it, where something in it is", () => {
  const told = profileOf(
    film(file("look", "/srv/app", true), file("read", "/srv/app/in/data"), file("look", "/srv/empty", true)),
  );
  assert.deepEqual(values(told.reads), ["/srv/app/in", "/srv/empty"]);
});

test("nobody is given a folder of many, and siblings become their folder only where that is nobody else's", () => {
  assert.deepEqual(fewest(["/srv/www/a", "/srv/www/b", "/srv/www/c"]), ["/srv/www"]);
  assert.deepEqual(fewest(["/var/lib/a", "/var/lib/b", "/var/lib/c"]), ["/var/lib/a", "/var/lib/b", "/var/lib/c"]);
  assert.deepEqual(fewest(["/home/ann/a", "/home/ann/b", "/home/ann/c"]).length, 3);
  assert.deepEqual(fewest(["/srv", "/srv/www"]), ["/srv"]);
  const told = profileOf(film(file("make", "/var/log/d.log"), file("make", "/etc/d.conf")));
  assert.deepEqual(values(told.writes), ["/etc/d.conf", "/var/log/d.log"]);
});

test("a unit gives what was seen and nothing more, and each line says why", () => {
  const one = film(
    file("execute", "/usr/sbin/d"),
    file("make", "/var/log/d/x"),
    word("socket", "AF_INET"),
    bind(80),
    bind(53, "udp"),
    word("right", "CAP_NET_BIND_SERVICE"),
    word("call", "setuid"),
    word("namespace", "ns"),
  );
  const text = unitOfProfile(profileOf(one), WISH, "made");
  assert.match(text, /# d: make \/var\/log\/d\/x\nBindPaths=\/var\/log\/d\n/);
  const unit = unitOf(one);
  assert.deepEqual(unit("SocketBindDeny"), ["any"]);
  assert.deepEqual(unit("SocketBindAllow"), ["tcp:80", "udp:53"]);
  assert.deepEqual(unit("CapabilityBoundingSet"), ["CAP_NET_BIND_SERVICE"]);
  assert.deepEqual(unit("RestrictNamespaces"), ["mnt"]);
  assert.deepEqual(unit("RestrictAddressFamilies"), ["AF_INET"]);
  assert.deepEqual(unit("SystemCallFilter"), [
    "@system-service",
    "~@privileged @resources @keyring io_uring_setup",
    "setuid",
    "~connect",
  ]);
  assert.deepEqual(unit("ReadWritePaths"), ["/var/log/d"]);
  assert.ok(unit("TemporaryFileSystem").some((value) => value.includes("/etc:ro") && value.includes("/usr:ro")));
  const silent = unitOf(film(file("execute", "/usr/sbin/d")));
  assert.deepEqual(silent("RestrictAddressFamilies"), ["none"]);
  assert.deepEqual(silent("PrivateNetwork"), ["yes"]);
  assert.deepEqual(silent("IPAddressDeny"), ["any"]);
});

test("ports that are chosen from a range become the range, others stay", () => {
  const one = film(
    word("socket", "AF_INET"),
    bind(21),
    ...[40_009, 40_000, 40_004, 8_080, 50_000].map((port) => bind(port)),
  );
  assert.deepEqual(unitOf(one)("SocketBindAllow"), ["tcp:21", "tcp:8080", "tcp:40000-40009", "tcp:50000"]);
});

test("as a user of its own it needs nothing for becoming one, and keeps the right to its low port", () => {
  const one = film(
    word("right", "CAP_SETUID"),
    word("right", "CAP_NET_BIND_SERVICE"),
    word("call", "setuid"),
    word("socket", "AF_INET"),
    bind(80),
  );
  const text = unitOfProfile(asUser(profileOf(one)), { ...WISH, user: "www-data" }, "made");
  const entries = parseUnit({ file: "u", text });
  assert.ok(!("code" in entries));
  assert.deepEqual(valuesOf(entries, "User"), ["www-data"]);
  assert.deepEqual(valuesOf(entries, "AmbientCapabilities"), ["CAP_NET_BIND_SERVICE"]);
  assert.ok(!valuesOf(entries, "SystemCallFilter").includes("setuid"));
});

test("a name that somebody made does not become a line of the unit", () => {
  const names = new Set(parsedNames(unitOfProfile(profileOf(film(file("make", "/srv/plain/x"))), WISH, "made")));
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1 }), (name) => {
      const path = `/srv/${name.replaceAll("\0", "").replaceAll("/", "")}/x\nExecStart=/bin/evil\\`;
      const text = unitOfProfile(profileOf(film(file("make", path), file("read", `${path}\r[Service]`))), WISH, "made");
      for (const each of parsedNames(text)) assert.ok(names.has(each) || each.startsWith("BindReadOnlyPaths"), each);
      assert.ok(!text.split("\n").some((line) => /^ExecStart=(?!\/usr\/sbin\/d$)/.test(line)));
    }),
    { numRuns: 15 },
  );
});

function parsedNames(text: string): readonly string[] {
  const entries = parseUnit({ file: "u", text });
  assert.ok(!("code" in entries), JSON.stringify(entries));
  return entries.map(({ section, name }) => `${name} of ${section}`);
}

test("a film is read back as it was written; half a last line is a recording that was broken off", () => {
  const one = film(file("read", '/a\n"\\x5c'), [bind(80), "EACCES"]);
  const text = filmText(one, 9);
  assert.deepEqual(readFilm(text), one);
  const cut = readFilm(text.slice(0, text.indexOf('{"end"') + 5));
  assert.ok(typeof cut !== "string" && cut.broken === 1 && cut.acts.length === 2);
  assert.equal(typeof readFilm("{}\n{}\n"), "string");
  assert.equal(typeof readFilm(text.replace('"act":"read"', '"act":"eat"')), "string");
  assert.equal(typeof readFilm(`${text}${text}`), "string");
});

test("films are united: each act once, its times together", () => {
  const a = film(file("read", "/a"), file("read", "/b"));
  const both = uniteFilms([a, film(file("read", "/b"), file("read", "/c"))]);
  assert.deepEqual(
    both.acts.map(({ did, times }) => ["path" in did ? did.path : "", times]),
    [
      ["/a", 1],
      ["/b", 2],
      ["/c", 1],
    ],
  );
  assert.equal(both.heads.length, 2);
});

test("a recorder keeps each act once, and leaves room for what goes well when strangers make failures", () => {
  const recorder = new FilmRecorder();
  for (let index = 0; index < MOST_ACTS; index += 1) recorder.note(1, BY, file("look", `/${index}`), "ENOENT");
  assert.ok(recorder.note(2, BY, file("read", "/good"), null) !== null);
  assert.equal(recorder.note(2, BY, file("read", "/good"), null), null);
  const end = recorder.end(3, 0);
  assert.equal(end.left, MOST_ACTS / 2);
  assert.equal(end.times.at(-1), 2);
  assert.ok(recorder.note(2, BY, file("read", `/${"x".repeat(20_000)}`), null) === null, "longer than any path");
});

test("a trial: what a film does not have is new, what was taken away is said, what always failed is not", () => {
  const seen = film(file("read", "/a"), [file("read", "/b"), "ENOENT"], file("make", "/tmp/x"));
  const trial = film(
    [file("read", "/a"), "EACCES"],
    [file("read", "/b"), "EACCES"],
    [file("read", "/etc/shadow"), "ENOENT"],
    [file("read", "/nowhere"), "ENOENT"],
    [bind(81), "EPERM"],
    file("read", "/c"),
  );
  const told = judgeTrial(seen, trial, (path) => path === "/etc/shadow");
  assert.deepEqual(
    told.map(({ line, why }) => ["path" in line.did ? line.did.path : "bind", why]),
    [
      ["/a", "taken"],
      ["/etc/shadow", "hidden"],
      ["bind", "new"],
    ],
  );
  const gate = new FromTheProgram("/usr/sbin/d");
  assert.equal(gate.takes({ did: file("read", "/setup"), failed: null }), false);
  assert.equal(gate.takes({ did: file("execute", "/usr/sbin/d"), failed: "EACCES" }), false);
  assert.equal(gate.takes({ did: file("execute", "/usr/sbin/d"), failed: null }), true);
  assert.equal(gate.takes({ did: file("read", "/a"), failed: null }), true);
  assert.notEqual(actKey({ by: BY, failed: null, did: bind(1) }), actKey({ by: BY, failed: "EPERM", did: bind(1) }));
});
