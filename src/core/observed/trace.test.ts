import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Act } from "./film.ts";
import { pathText } from "./path-text.ts";
import { type Seen, TraceReader } from "./trace.ts";
import { MOST_TRACE_LINE, parseTraceLine } from "./trace-line.ts";

const hex = (text: string | Uint8Array): string =>
  Array.from(Buffer.from(text), (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
const FIRST = { uid: 0, program: "/usr/sbin/daemon", cwd: "/srv" };

function acts(...lines: readonly string[]): readonly Seen[] {
  const seen: Seen[] = [];
  const reader = new TraceReader(FIRST, new Map([[7, FIRST]]), (each) => seen.push(each));
  for (const [index, line] of lines.entries())
    reader.line(/^\d+ /.test(line) ? line : `7 179566450${index % 10}.276900 ${line}`);
  assert.equal(reader.unread, 0);
  return seen;
}

const did = (...lines: readonly string[]): readonly Act[] => acts(...lines).map((each) => each.did);

test("a name of any bytes is that name and nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 255 }), (name) => {
      if (name.includes(0) || name.includes(0x2f)) return;
      const [one, ...more] = did(
        `openat(AT_FDCWD<${hex("/tmp")}>, "${hex(name)}", O_RDONLY|O_CLOEXEC) = -1 EACCES (Permission denied)`,
      );
      const text = pathText(name);
      // These two are no names.
      if (text === "." || text === "..") return;
      assert.deepEqual([one, ...more], [{ act: "read", path: `/tmp/${text}`, folder: false }]);
    }),
  );
});

test("two names never become one text", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ maxLength: 8 }), (a, b) => {
      assert.equal(pathText(a) === pathText(b), Buffer.compare(a, b) === 0);
    }),
  );
  assert.equal(pathText(Buffer.from("é\\")), "é\\x5c");
  assert.equal(pathText(Uint8Array.of(0xff, 0x41)), "\\xffA");
});

test("what is no line of a trace is counted, and never taken for one", () => {
  const reader = new TraceReader(FIRST, new Map(), () => assert.fail("nothing was done"));
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (line) => reader.line(line)),
    { numRuns: 25 },
  );
  assert.ok(reader.unread > 0);
  for (const line of [
    'open("/etc/passwd", O_RDONLY) = 3',
    `7 1.276900 open("${hex("/x")}", O_RDONLY`,
    `7 1.276900 open("${hex("/x")}"), O_RDONLY) = 3`,
    '7 1.276900 open("/etc/passwd", O_RDONLY)',
    "7 1.276900 open()() = 3",
    `7 1.276900 open("${hex("/x").repeat(MOST_TRACE_LINE)}", O_RDONLY) = 3`,
  ])
    assert.equal(parseTraceLine(line), null, line.slice(0, 80));
  // In clear text, as another strace may write it, a name is no name: it could hold anything.
  assert.deepEqual(did('open("/etc/passwd", O_RDONLY) = 3'), []);
});

test("files: how they are opened, where the kernel found them, and what failed", () => {
  const found = `3<${hex("/usr/lib/x.so")}>`;
  assert.deepEqual(did(`openat(AT_FDCWD<${hex("/")}>, "${hex("/lib/x.so")}", O_RDONLY|O_CLOEXEC) = ${found}`), [
    { act: "read", path: "/lib/x.so", folder: false },
    { act: "read", path: "/usr/lib/x.so", folder: false },
  ]);
  const log = `open("${hex("../var/./log//a")}", O_WRONLY|O_CREAT|O_APPEND, 0644) = 4<${hex("/var/log/a")}>`;
  assert.deepEqual(did(log), [{ act: "make", path: "/var/log/a", folder: false }]);
  assert.deepEqual(did(`openat(5<${hex("/etc")}>, "${hex("d")}", O_RDONLY|O_DIRECTORY) = 6<${hex("/etc/d")}>`), [
    { act: "read", path: "/etc/d", folder: true },
  ]);
  assert.deepEqual(did(`rename("${hex("a")}", "${hex("/b")}") = 0`), [
    { act: "remove", path: "/srv/a", folder: false },
    { act: "make", path: "/b", folder: false },
  ]);
  assert.deepEqual(
    did(`newfstatat(9<${hex("/etc")}>, "", {st_mode=S_IFREG|0755, st_size=49, ...}, AT_EMPTY_PATH) = 0`),
    [],
  );
  const [failed] = acts(`unlink("${hex("/x")}") = -1 EROFS (Read-only file system)`);
  assert.equal(failed?.failed, "EROFS");
});

test("who does it: children, users, working folders, programs; also in halves and before the parent's answer", () => {
  const seen = acts(
    `chdir("${hex("/home")}") = 0`,
    "7 1.000000 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD <unfinished ...>",
    `8 1.000001 unlink("${hex("early")}") = 0`,
    "7 1.000002 <... clone resumed>, child_tidptr=0x7f3ddfce3a10) = 8",
    "8 1.000003 setgroups(0, []) = 0",
    "8 1.000004 setuid(33) = 0",
    `8 1.000005 execve("${hex("/bin/true")}", [...], 0x7ffc82a1db60 /* 42 vars */) = 0`,
    `8 1.000006 mkdir("${hex("x")}", 0777) = -1 EEXIST (File exists)`,
    "7 1.000007 kill(8, SIGTERM) = 0",
    "8 1.000008 +++ exited with 0 +++",
    `8 1.000009 open("${hex("after")}", O_RDONLY) = ?`,
  );
  assert.deepEqual(
    seen.map(({ by, did: act }) => [
      by.pid,
      by.uid,
      by.program,
      act.act,
      "path" in act ? act.path : "name" in act ? act.name : "",
    ]),
    [
      [7, 0, "/usr/sbin/daemon", "look", "/home"],
      [8, 0, "/usr/sbin/daemon", "remove", "/home/early"],
      [8, 0, "/usr/sbin/daemon", "call", "setgroups"],
      [8, 0, "/usr/sbin/daemon", "right", "CAP_SETGID"],
      [8, 0, "/usr/sbin/daemon", "call", "setuid"],
      [8, 0, "/usr/sbin/daemon", "right", "CAP_SETUID"],
      [8, 33, "/usr/sbin/daemon", "execute", "/bin/true"],
      [8, 33, "/bin/true", "make", "/home/x"],
      [7, 0, "/usr/sbin/daemon", "right", "CAP_KILL"],
    ],
  );
});

test("the network: families, binds, connections, datagrams, local sockets", () => {
  const held = `3<${hex("socket:[1]")}>`;
  const udp = `6<${hex("socket:[2]")}>`;
  assert.deepEqual(
    did(
      `socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_IP) = ${held}`,
      `bind(${held}, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("${hex("0.0.0.0")}")}, 16) = 0`,
      `connect(${held}, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "${hex("2001:db8::1")}", &sin6_addr), sin6_scope_id=0}, 28) = -1 EINPROGRESS (Operation now in progress)`,
      `socket(AF_INET6, SOCK_DGRAM, IPPROTO_IP) = ${udp}`,
      `sendto(${udp}, ""..., 1, 0, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("${hex("10.0.0.1")}")}, 16) = 1`,
      `connect(7<${hex("socket:[3]")}>, {sa_family=AF_UNIX, sun_path=@"${hex("a\n")}"}, 7) = 0`,
    ),
    [
      { act: "socket", name: "AF_INET", with: "SOCK_STREAM" },
      { act: "bind", family: "AF_INET", protocol: "tcp", address: "0.0.0.0", port: 80 },
      { act: "right", name: "CAP_NET_BIND_SERVICE", with: "port 80" },
      { act: "connect", family: "AF_INET6", protocol: "tcp", address: "2001:db8::1", port: 443 },
      { act: "socket", name: "AF_INET6", with: "SOCK_DGRAM" },
      { act: "connect", family: "AF_INET", protocol: "udp", address: "10.0.0.1", port: 53 },
      { act: "connect", family: "AF_UNIX", protocol: "other", address: "@a\n", port: null },
    ],
  );
});

test("memory that is written and run, name spaces, and what root needs for them", () => {
  assert.deepEqual(
    did(
      "mmap(NULL, 4096, PROT_READ|PROT_WRITE|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f00",
      "mmap(NULL, 4096, PROT_READ|PROT_EXEC, MAP_PRIVATE, 3, 0) = 0x7f00",
      "unshare(CLONE_NEWNS|CLONE_NEWNET) = 0",
    ),
    [
      { act: "call", name: "mprotect", with: "PROT_EXEC" },
      { act: "namespace", name: "ns", with: "unshare" },
      { act: "namespace", name: "net", with: "unshare" },
      { act: "right", name: "CAP_SYS_ADMIN", with: "unshare, name spaces" },
    ],
  );
});
