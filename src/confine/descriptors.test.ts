import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, fstatSync, readSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { needsKernelWalls } from "../../test/confinement/run.ts";
import { descriptorDoor, type Received } from "./descriptors.ts";

const door = descriptorDoor();
const skip = door === null ? "needs Linux on x86-64" : false;
const MOST = { bytes: 1_000, fds: 8 };
const PAYLOAD = Buffer.from('{"a":1}');

function must<T>(value: T | null): T {
  assert.ok(value !== null);
  return value;
}

function pairOf(t: TestContext): readonly [number, number] {
  const [ours, theirs] = must(door).pair();
  t.after(() => must(door).close(ours));
  t.after(() => must(door).close(theirs));
  must(door).patience(theirs, 2_000);
  return [ours, theirs];
}

/** What comes of bytes that are written as they are. */
function receivedOf(t: TestContext, ...pieces: readonly Uint8Array[]): Received | null {
  const [ours, theirs] = pairOf(t);
  for (const piece of pieces) writeSync(ours, piece);
  return must(door).receive(theirs, MOST);
}

function framed(payload: Uint8Array, length = payload.length): Uint8Array {
  const bytes = Buffer.alloc(4 + payload.length);
  bytes.writeUInt32BE(length, 0);
  bytes.set(payload, 4);
  return bytes;
}

const openFds = (fds: readonly number[]): readonly number[] =>
  fds.filter((fd) => {
    try {
      fstatSync(fd);
      return true;
    } catch {
      return false;
    }
  });

test("descriptors arrive in their order, are the same open things, and are inherited by nobody", { skip }, (t) => {
  const [ours, theirs] = pairOf(t);
  const [a, b] = pairOf(t);
  must(door).send(ours, PAYLOAD, [a, b]);
  const received = must(door).receive(theirs, MOST);
  assert.ok(received?.kind === "received");
  assert.deepEqual(Buffer.from(received.bytes), PAYLOAD);
  const [first = -1, second = -1] = received.fds;
  assert.equal(received.fds.length, 2);
  t.after(() => received.fds.forEach((fd) => closeSync(fd)));
  assert.equal(fstatSync(first).ino, fstatSync(a).ino);
  writeSync(first, "through");
  const read = Buffer.alloc(16);
  assert.equal(read.toString("latin1", 0, readSync(second, read)), "through");
  const child = spawn(process.execPath, ["-e", `require("fs").fstatSync(${first})`], { stdio: "ignore" });
  return once(child, "exit").then(([code]) => assert.notEqual(code, 0));
});

test("a message without descriptors, and one in two pieces", { skip }, (t) => {
  const bytes = framed(PAYLOAD);
  const received = receivedOf(t, bytes.subarray(0, 2), bytes.subarray(2));
  assert.deepEqual(received, { kind: "received", bytes: Buffer.from(PAYLOAD), fds: [] });
});

test("too many, too long, none, cut short, two at once: each is refused, and nothing stays open", { skip }, (t) => {
  const refusal = (why: string) => ({ kind: "refused", why });
  const [ours, theirs] = pairOf(t);
  const [one] = pairOf(t);
  const before = openFds(Array.from({ length: 256 }, (_, fd) => fd)).length;
  must(door).send(
    ours,
    PAYLOAD,
    Array.from({ length: MOST.fds + 1 }, () => one),
  );
  assert.deepEqual(must(door).receive(theirs, MOST), refusal("too-many-descriptors"));
  assert.equal(openFds(Array.from({ length: 256 }, (_, fd) => fd)).length, before);
  assert.deepEqual(receivedOf(t, framed(Buffer.alloc(MOST.bytes + 1))), refusal("too-long"));
  assert.deepEqual(receivedOf(t, framed(PAYLOAD, 0xffff_ffff)), refusal("too-long"));
  assert.deepEqual(receivedOf(t, framed(PAYLOAD), framed(PAYLOAD)), refusal("malformed"));

  const [near, far] = pairOf(t);
  writeSync(near, framed(PAYLOAD).subarray(0, 6));
  must(door).send(near, PAYLOAD, [one]);
  assert.deepEqual(must(door).receive(far, MOST), refusal("malformed"), "descriptors with a later byte");
  const [gone, here] = must(door).pair();
  must(door).close(gone);
  assert.deepEqual(must(door).receive(here, MOST), refusal("none"));
  must(door).close(here);
  const [cut, left] = must(door).pair();
  writeSync(cut, framed(PAYLOAD).subarray(0, 6));
  must(door).close(cut);
  assert.deepEqual(must(door).receive(left, MOST), refusal("malformed"));
  must(door).close(left);
});

test("who waits does so for a time, and a stirring is seen", { skip }, (t) => {
  const [ours, theirs] = pairOf(t);
  must(door).patience(theirs, 50);
  assert.equal(must(door).receive(theirs, MOST), null);
  assert.equal(must(door).isStirring(theirs), false);
  writeSync(ours, "x");
  assert.equal(must(door).isStirring(theirs), true);
  const [gone, here] = must(door).pair();
  must(door).close(gone);
  assert.equal(must(door).isStirring(here), true);
  must(door).close(here);
});

test("a socket is connected to by its path; one that is not there is a failure that may pass", { skip }, async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-door-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const place = path.join(folder, "a.sock");
  assert.throws(() => must(door).connect(place), { code: "worker.died", retry: "later" });
  assert.throws(() => must(door).connect(`/${"x".repeat(108)}`), { code: "worker.died" });
  const server = net.createServer().listen(place);
  t.after(() => server.close());
  await once(server, "listening");
  const fd = must(door).connect(place);
  const [connection] = (await once(server, "connection")) as [net.Socket];
  writeSync(fd, "hello");
  const [heard] = (await once(connection, "data")) as [Buffer];
  assert.equal(heard.toString(), "hello");
  connection.destroy();
  must(door).close(fd);
});

/** A process that takes up the tether on its descriptor 3, and then becomes another program that knows nothing of it. */
const BECOMES = `
  const { descriptorDoor } = await import(${JSON.stringify(new URL("descriptors.ts", import.meta.url).href)});
  descriptorDoor().dieBy(3);
  process.execve(process.execPath, [process.execPath, "-e", "console.log('ready'); setInterval(() => {}, 1000)"], {});`;

for (const [how, act] of [
  ["a byte", (fd: number) => void writeSync(fd, "x")],
  ["its closing", (fd: number) => must(door).close(fd)],
] as const)
  test(`a process dies by ${how} at the other end, also when it has become another program`, { skip }, async (t) => {
    const [ours, theirs] = must(door).pair();
    const quiet = "--disable-warning=ExperimentalWarning";
    const child = spawn(process.execPath, [quiet, "--input-type=module", "-e", BECOMES], {
      stdio: ["ignore", "pipe", "inherit", theirs],
    });
    t.after(() => child.kill("SIGKILL"));
    const [said] = (await once(must(child.stdout), "data")) as [Buffer];
    assert.equal(said.toString(), "ready\n");
    act(ours);
    const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
    assert.deepEqual([code, signal], [null, "SIGKILL"]);
    must(door).close(theirs);
    if (how === "a byte") must(door).close(ours);
  });

/**
 * In the place of a worker that was taken over: while a thread waits in a reading call on a local socket, the kernel signals nobody for it
 * (SOCKWQ_ASYNC_WAITDATA).
 */
const WAITS = `
  const { writeSync } = await import("node:fs");
  const { libc } = await import(${JSON.stringify(new URL("libc.ts", import.meta.url).href)});
  const call = (...args) => libc().syscall(...args).value ?? -1;
  const [READ, RECVFROM, DUP, DUP2, FCNTL] = [0, 45, 32, 33, 72];
  const fd = { none: () => 3, dup: () => call(DUP, 3), dup2: () => call(DUP2, 3, 50), fcntl: () => call(FCNTL, 3, 0, 50) };
  const [how, copied] = [process.argv[1], process.argv[2]];
  const tether = fd[copied]();
  writeSync(1, "ready");
  if (how === "read") call(READ, tether, Buffer.alloc(1), 1);
  else call(RECVFROM, tether, Buffer.alloc(1), 1, 2, 0, 0);
  setInterval(() => {}, 1000);`;
const WAITS_CONFINED = `
  const { descriptorDoor } = await import(${JSON.stringify(new URL("descriptors.ts", import.meta.url).href)});
  const { launch, probeKernel } = await import(${JSON.stringify(new URL("launch.ts", import.meta.url).href)});
  descriptorDoor().dieBy(3);
  const policy = { reads: ["/"], writes: [], sockets: "connect", descriptors: 4, tether: 3 };
  const script = ["--input-type=module-typescript", "-e", ${JSON.stringify(WAITS)}, process.argv[1], process.argv[2]];
  launch(policy, probeKernel().landlock, [process.execPath, "--disable-warning=ExperimentalWarning", ...script]);`;

for (const [how, copied] of [
  ["read", "none"],
  ["recvfrom", "none"],
  ["read", "dup"],
  ["read", "dup2"],
  ["read", "fcntl"],
] as const)
  test(`a worker that was taken over cannot wait its end out: ${how}, copied by ${copied}`, {
    skip: skip || needsKernelWalls(),
    timeout: 60_000,
  }, async (t) => {
    const [ours, theirs] = must(door).pair();
    t.after(() => must(door).close(theirs));
    const quiet = "--disable-warning=ExperimentalWarning";
    const child = spawn(process.execPath, [quiet, "--input-type=module", "-e", WAITS_CONFINED, how, copied], {
      stdio: ["pipe", "pipe", "inherit", theirs],
    });
    t.after(() => child.kill("SIGKILL"));
    await once(must(child.stdout), "data");
    // Time to be waiting, where it can.
    await new Promise((resolve) => setTimeout(resolve, 100));
    must(door).close(ours);
    const [, signal] = (await once(child, "exit")) as [number | null, string | null];
    assert.equal(signal, "SIGKILL");
  });

/** In the place of a worker that was taken over: it calls whatever might undo its tether, closes it, and goes on. */
const UNDOES = `
  const { libc } = await import(${JSON.stringify(new URL("libc.ts", import.meta.url).href)});
  const call = (...args) => "value" in libc().syscall(...args);
  const [FCNTL, IOCTL, DUP] = [72, 16, 32];
  const off = Buffer.alloc(4);
  const done = {
    F_SETFL: call(FCNTL, 3, 4, 2), F_SETOWN: call(FCNTL, 3, 8, 0), F_SETOWN_EX: call(FCNTL, 3, 15, Buffer.alloc(8)),
    F_SETSIG: call(FCNTL, 3, 10, 0), FIOASYNC: call(IOCTL, 3, 0x5452, off), FIOSETOWN: call(IOCTL, 3, 0x8901, off),
    F_SETFL_of_a_copy: call(FCNTL, libc().syscall(DUP, 3).value, 4, 2),
  };
  libc().syscall(3, 3);
  console.log(JSON.stringify(done));
  setInterval(() => {}, 1000);`;
const CONFINES = `
  const { descriptorDoor } = await import(${JSON.stringify(new URL("descriptors.ts", import.meta.url).href)});
  const { launch, probeKernel } = await import(${JSON.stringify(new URL("launch.ts", import.meta.url).href)});
  descriptorDoor().dieBy(3);
  const policy = { reads: ["/"], writes: [], sockets: "any", descriptors: 4, tether: 3 };
  const quiet = "--disable-warning=ExperimentalWarning";
  const script = ["--input-type=module-typescript", "-e", ${JSON.stringify(UNDOES)}];
  launch(policy, probeKernel().landlock, [process.execPath, quiet, ...script]);`;

test("a worker that was taken over cannot take it back: it dies all the same", {
  skip: skip || needsKernelWalls(),
}, async (t) => {
  const [ours, theirs] = must(door).pair();
  t.after(() => must(door).close(theirs));
  const quiet = "--disable-warning=ExperimentalWarning";
  const child = spawn(process.execPath, [quiet, "--input-type=module", "-e", CONFINES], {
    stdio: ["ignore", "pipe", "inherit", theirs],
  });
  t.after(() => child.kill("SIGKILL"));
  const [said] = (await once(must(child.stdout), "data")) as [Buffer];
  const done = JSON.parse(said.toString()) as Readonly<Record<string, boolean>>;
  // Answered as done, and not done: what follows shows it.
  const { F_SETFL: ignored, F_SETFL_of_a_copy: too, ...rest } = done;
  assert.deepEqual([ignored, too], [true, true]);
  assert.deepEqual(
    Object.entries(rest).filter(([, worked]) => worked),
    [],
  );
  // As systemd does, this process holds the other end's descriptor too: the worker's own close changed nothing.
  must(door).close(ours);
  const [, signal] = (await once(child, "exit")) as [number | null, string | null];
  assert.equal(signal, "SIGKILL");
});
