import assert from "node:assert/strict";
import { test } from "node:test";
import { ARCH_X64, planFilter } from "./call-rules.ts";
import { planKeeperFilter } from "./keeper-rules.ts";
import { LEAST_ABI, pathRule, rulesetOf } from "./landlock.ts";
import type { KernelPolicy } from "./policy.ts";
import { assemble, decide, type FilterPlan } from "./seccomp.ts";
import { type Syscall, X64 } from "./syscalls.ts";

const key = { fourth: 0x0123_4567_89ab_cdefn, fifth: 0xfedc_ba98_7654_3210n };
const PID = 4_711;

function filterOf(policy: Partial<KernelPolicy> = {}) {
  const whole = { reads: [], writes: [], sockets: "none", descriptors: 3, ...policy } as const;
  return asking(planFilter(whole, PID, key));
}

function asking(plan: FilterPlan) {
  const program = assemble(plan);
  return (call: Syscall | number, ...args: readonly (number | bigint)[]) =>
    decide(program, {
      arch: ARCH_X64,
      number: typeof call === "number" ? call : X64[call],
      args: args.map((arg) => BigInt(arg)),
    });
}

test("the command is begun by who knows the key, and by nobody else", () => {
  const asks = filterOf();
  assert.equal(asks("execve", 1, 2, 3, key.fourth, key.fifth), "allow");
  for (const wrong of [
    [key.fourth, 0n],
    [0n, key.fifth],
    [key.fourth ^ 1n, key.fifth],
    [key.fourth ^ (1n << 63n), key.fifth],
    [key.fourth, key.fifth ^ (1n << 32n)],
  ] as const)
    assert.equal(asks("execve", 1, 2, 3, ...wrong), "EPERM", wrong.join(" "));
});

test("another machine's numbers end the process, x32's are refused, the unknown is refused", () => {
  const program = assemble(planFilter({ reads: [], writes: [], sockets: "any", descriptors: 3 }, PID, key));
  // AUDIT_ARCH_I386: there 11 is execve, here munmap.
  assert.equal(decide(program, { arch: 0x4000_0003, number: 11 }), "kill");
  const asks = filterOf({ sockets: "any" });
  assert.equal(asks(0x4000_0000), "EPERM");
  assert.equal(asks(9_999), "EPERM");
  assert.equal(asks("clone3"), "ENOSYS");
  assert.equal(asks("openat2"), "ENOSYS");
});

test("threads are made, processes and namespaces are not", () => {
  const asks = filterOf({ sockets: "any", writes: ["/x"] });
  // What glibc's pthread_create asks for.
  assert.equal(asks("clone", 0x3d_0f00), "allow");
  for (const flags of [17, 0, 0x1000_0000 | 0x3d_0f00, 0x2_0000 | 0x3d_0f00, 0x4000_0000 | 0x3d_0f00, 0x4111])
    assert.equal(asks("clone", flags), "EPERM", flags.toString(16));
});

test("who writes nothing opens nothing for writing, and cuts nothing short", () => {
  const [reads, writes] = [filterOf(), filterOf({ writes: ["/x"] })];
  // O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_DIRECTORY.
  assert.equal(reads("openat", -100, 0, 0o2_000_000 | 0o400_000 | 0o200_000), "allow");
  for (const flags of [0o1, 0o2, 0o3, 0o100, 0o1_000, 0o20_200_000]) {
    assert.equal(reads("openat", -100, 0, flags), "EPERM", flags.toString(8));
    assert.equal(reads("open", 0, flags), "EPERM", flags.toString(8));
    if (flags !== 0o1_000) assert.equal(writes("openat", -100, 0, flags), "allow", flags.toString(8));
  }
  for (const call of ["ftruncate", "rename", "unlink", "pwrite64"] as const) {
    assert.equal(reads(call), "EPERM", call);
    assert.equal(writes(call), "allow", call);
  }
});

test("sockets are made by who connects, of its kinds, and taken by who accepts", () => {
  const [none, accepts, connects, any] = (["none", "accept", "connect", "any"] as const).map((sockets) =>
    filterOf({ sockets }),
  );
  assert.ok(none !== undefined && accepts !== undefined && connects !== undefined && any !== undefined);
  const stream = 1 | 0o2_000_000 | 0o4_000;
  for (const asks of [none, accepts]) {
    assert.equal(asks("socket", 2, stream, 0), "EPERM");
    for (const call of ["connect", "bind", "sendto", "recvmsg"] as const) assert.equal(asks(call), "EPERM", call);
  }
  assert.deepEqual([none("accept4"), accepts("accept4"), connects("accept4")], ["EPERM", "allow", "EPERM"]);
  assert.deepEqual(
    [connects("socket", 2, stream), connects("socket", 10, 2), connects("connect")],
    Array(3).fill("allow"),
  );
  for (const [family, type] of [
    [1, 1],
    [2, 3],
    [16, 3],
    [17, 3],
    [40, 1],
    [2 + 2 ** 32, 1],
  ] as const)
    assert.equal(connects("socket", family, type), "EPERM", `${family} ${type}`);
  assert.deepEqual(
    [connects("bind"), connects("listen"), any("bind"), any("listen")],
    ["EPERM", "EPERM", "allow", "allow"],
  );
  const back = filterOf({ sockets: "call-back" });
  assert.deepEqual(
    [
      back("socket", 2, 1),
      back("connect"),
      back("accept4"),
      back("socket", 1, 1),
      back("socket", 2, 2),
      back("sendmsg"),
    ],
    ["allow", "allow", "allow", "EPERM", "EPERM", "EPERM"],
  );
  assert.deepEqual([any("socket", 1, 1), any("socket", 1, 2), any("socket", 2, 2)], ["allow", "EPERM", "EPERM"]);
});

test("it signals itself and nobody else, and no option attaches a program to a socket", () => {
  const asks = filterOf({ sockets: "accept" });
  assert.deepEqual(
    [asks("kill", PID), asks("tgkill", PID, 7, 6), asks("kill", 1), asks("kill", -1), asks("kill", 0)],
    ["allow", "allow", "EPERM", "EPERM", "EPERM"],
  );
  // TCP_NODELAY, SO_LINGER; SO_ATTACH_FILTER, SO_ATTACH_BPF, TCP_ULP.
  assert.deepEqual([asks("setsockopt", 9, 6, 1), asks("setsockopt", 9, 1, 13)], ["allow", "allow"]);
  for (const [level, option] of [
    [1, 26],
    [1, 50],
    [6, 31],
    [0, 1],
  ] as const)
    assert.equal(asks("setsockopt", 9, level, option), "EPERM");
  // IPV6_V6ONLY, which comes before an IPv6 socket is bound: by who makes sockets alone.
  const ofSix = (["accept", "call-back", "any"] as const).map((sockets) =>
    filterOf({ sockets })("setsockopt", 9, 41, 26),
  );
  assert.deepEqual(ofSix, ["EPERM", "allow", "allow"]);
});

test("of each version of Landlock all that it can refuse is refused", () => {
  const words = (abi: number, sockets: KernelPolicy["sockets"]) => {
    const bytes = Buffer.from(rulesetOf(abi, sockets));
    return Array.from({ length: bytes.length / 8 }, (_, index) => bytes.readBigUInt64LE(8 * index));
  };
  assert.deepEqual(words(LEAST_ABI, "none"), [0x3fffn]);
  assert.deepEqual(words(3, "none"), [0x7fffn]);
  assert.deepEqual(words(4, "connect"), [0x7fffn, 1n]);
  assert.deepEqual(words(7, "accept"), [0xffffn, 3n, 3n]);
  assert.deepEqual(words(6, "any"), [0xffffn, 0n, 3n]);
  const rule = Buffer.from(pathRule(7, "read", false, 9));
  assert.deepEqual([rule.length, rule.readBigUInt64LE(), rule.readInt32LE(8)], [12, 4n, 9]);
  assert.equal(Buffer.from(pathRule(7, "read", true, 9)).readBigUInt64LE(), 12n);
  // A kernel refuses a rule that names a right it does not know.
  const folder = [LEAST_ABI, 3].map((abi) => Buffer.from(pathRule(abi, "write", true, 9)).readBigUInt64LE());
  assert.deepEqual(folder, [0x1aen, 0x41aen]);
});

test("a file is cut short only by who opens it for writing, which every Landlock looks at", () => {
  const [O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC] = [0, 1, 2, 0o100, 0o1_000];
  const writer = filterOf({ sockets: "none", writes: ["/own"] });
  const keeper = asking(planKeeperFilter(4_242));
  for (const asks of [writer, keeper]) {
    for (const flags of [O_RDONLY, O_WRONLY | O_TRUNC, O_RDWR | O_CREAT | O_TRUNC, O_WRONLY | O_CREAT])
      assert.deepEqual([asks("openat", 0, 0, flags), asks("open", 0, flags)], ["allow", "allow"]);
    assert.deepEqual(
      [asks("openat", 0, 0, O_RDONLY | O_TRUNC), asks("open", 0, O_RDONLY | O_TRUNC)],
      ["EPERM", "EPERM"],
    );
  }
});

test("what ends a process when its keeper says so can't be taken back by it", () => {
  const asks = filterOf({ sockets: "any" });
  const [F_SETFL, F_SETOWN, F_SETSIG, F_SETOWN_EX, FIOASYNC, FIOSETOWN] = [4, 8, 10, 15, 0x5452, 0x8901];
  // Answered as done: Node sets its standard streams' flags back when it ends, and would abort at a "no".
  assert.equal(asks("fcntl", 9, F_SETFL, 0), "ignore");
  for (const command of [F_SETOWN, F_SETSIG, F_SETOWN_EX]) assert.equal(asks("fcntl", 9, command, 0), "EPERM");
  for (const request of [FIOASYNC, FIOSETOWN]) assert.equal(asks("ioctl", 9, request, 0), "EPERM");
  assert.equal(asks("fcntl", 9, 3), "allow");
});

test("nobody waits at what ends a process, nor at a copy of it", () => {
  const asks = filterOf({ sockets: "any", descriptors: 9, tether: 8 });
  // Whoever waits in a reading call is not signalled (SOCKWQ_ASYNC_WAITDATA); the kernel takes the low half for the descriptor.
  for (const fd of [8, 8n + (1n << 32n)]) {
    for (const call of ["read", "readv", "dup", "dup2", "dup3"] as const) assert.equal(asks(call, fd), "ignore", call);
    for (const copy of [0, 1_030]) assert.equal(asks("fcntl", fd, copy), "ignore");
  }
  for (const call of ["read", "readv", "dup", "dup2", "dup3"] as const) assert.equal(asks(call, 7), "allow", call);
  assert.deepEqual([asks("fcntl", 7, 0), asks("fcntl", 7, 4), asks("fcntl", 7, 10)], ["allow", "ignore", "EPERM"]);
  // Sent to itself over a local socket it would come back as another number.
  assert.deepEqual([asks("sendmsg", 7), asks("recvmsg", 7), asks("sendmmsg", 7)], ["EPERM", "EPERM", "EPERM"]);
  const connects = filterOf({ sockets: "connect", descriptors: 9, tether: 8 });
  assert.deepEqual(
    [connects("recvfrom", 8), connects("recvmsg", 8), connects("recvmsg", 7)],
    ["ignore", "ignore", "allow"],
  );
  assert.equal(filterOf({ sockets: "any", descriptors: 9 })("read", 8), "allow");
});

test("a keeper behind its wall signals one process at a time, never a group or everybody", () => {
  const program = assemble(planKeeperFilter(PID));
  const asks = (pid: bigint) => decide(program, { arch: ARCH_X64, number: X64.kill, args: [pid, 15n] });
  assert.deepEqual([asks(0n), asks(-1n), asks(-5n), asks(5n)], ["ignore", "EPERM", "EPERM", "allow"]);
});
