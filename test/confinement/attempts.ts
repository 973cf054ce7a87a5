// What somebody tries who has taken a process over: arbitrary JavaScript, and system calls past Node. It runs inside a
// confined role, as text handed to Node (`run.ts`), and so imports nothing of ours. It prints one JSON line.
import childProcess from "node:child_process";
import cluster from "node:cluster";
import { pbkdf2, randomBytes } from "node:crypto";
import dgram from "node:dgram";
import dns from "node:dns";
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import path from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import v8 from "node:v8";
import { gzipSync } from "node:zlib";

/** What the harness has laid out for the attacker, and what his role may do. */
interface Scene {
  /** A folder that nobody was allowed anything in: `secret`, `ledger.sqlite`, `evil.mjs`, `evil.cjs`, `control.sock`. */
  readonly outside: string;
  /** A folder that the role may read, with `file` and a link `way-out` to the secret; "" where it reads its program alone. */
  readonly inside: string;
  /** A folder that the role may write, or "". */
  readonly own: string;
  readonly program: string;
  /** A process of the same user, and its parent. */
  readonly victim: number;
  readonly port: number;
  /** A local socket that the role is there to speak to, or "". */
  readonly api: string;
  readonly network: "none" | "connect" | "listen" | "listen-and-call-back" | "listen-and-connect" | "keeper";
  /** A worker behind its own walls, as the keeper starts one; else empty. */
  readonly starts: readonly string[];
  /** A listener that was inherited, or 0. */
  readonly listener: number;
  readonly raw: boolean;
}

const scene = JSON.parse(process.argv[1] ?? "{}") as Scene;
/** A folder to plant things in, which is not the attacker's: what he reads, or else anything. */
const inside = scene.inside === "" ? scene.outside : scene.inside;
const isOneOf = (...networks: readonly Scene["network"][]): boolean => networks.includes(scene.network);
/** The keeper starts processes that make sockets: walls add up, so it may itself. What it may not is looked for as in all others. */
const keeps = isOneOf("keeper");
const connects = keeps || isOneOf("connect", "listen-and-call-back", "listen-and-connect");
const binds = keeps || isOneOf("listen-and-call-back", "listen-and-connect");
const at = (name: string): string => path.join(scene.outside, name);
/** What is an answer of the walls, and no accident. */
// EXDEV: Landlock, of a link or a move between folders that do not have the same rights; all of the scene is on one file system.
const REFUSALS = new Set(["EPERM", "EACCES", "EXDEV", "ENOSYS", "ERR_ACCESS_DENIED", "ERR_DLOPEN_DISABLED"]);
const results: { readonly name: string; readonly kind: string; readonly answer: string; readonly refused: boolean }[] =
  [];

async function attempt(kind: string, name: string, work: () => unknown): Promise<void> {
  let answer = "succeeded";
  try {
    await work();
  } catch (error) {
    const { code: own = "", info } = error as NodeJS.ErrnoException & { readonly info?: { readonly code: string } };
    // What the os module throws carries the system's word inside.
    const code = info?.code ?? own;
    const text = `${code} ${(error as Error).message}`;
    // SQLite says of every file that the kernel keeps from it that it cannot open it.
    answer = /unable to open database|not authorized/.test(text) ? "EACCES" : code === "" ? text.trim() : code;
    if (answer === "ERR_DLOPEN_FAILED" && /Permission denied|cannot open/.test(text)) answer = "EACCES";
  }
  results.push({ name, kind, answer, refused: REFUSALS.has(answer) });
}

const event = (emitter: NodeJS.EventEmitter, good: string): Promise<void> =>
  new Promise((resolve, reject) => {
    emitter.once(good, () => resolve());
    emitter.once("error", reject);
    setTimeout(() => reject(new Error("nothing happened")), 3_000).unref();
  });
/** A refused `listen` under Node's flags is thrown where nobody can catch it. */
let uncaught: ((error: Error) => void) | null = null;
process.on("uncaughtException", (error) => uncaught?.(error));
const orUncaught = (work: Promise<void>): Promise<void> =>
  Promise.race([
    work,
    new Promise<void>((_, reject) => {
      uncaught = reject;
    }),
  ]);

async function readings(): Promise<void> {
  const files = [
    at("secret"),
    at("ledger.sqlite"),
    "/etc/passwd",
    "/etc/shadow",
    ...(keeps ? [] : ["/proc/self/environ"]),
    "/proc/1/environ",
  ];
  const places = [...files, `/proc/${scene.victim}/environ`, `/proc/${scene.victim}/maps`, `/proc/${scene.victim}/mem`];
  for (const file of places)
    await attempt("read", `readFile ${path.basename(path.dirname(file))}/${path.basename(file)}`, () =>
      fs.readFileSync(file),
    );
  await attempt("read", "readdir /", () => fs.readdirSync("/"));
  await attempt("read", "readdir outside", () => fs.readdirSync(scene.outside));
  await attempt("read", "through ../", () => fs.readFileSync(`${inside}/../${path.basename(scene.outside)}/secret`));
  await attempt("read", "stream", () => event(fs.createReadStream(at("secret")), "data"));
  await attempt("read", "open for a copy", () => fs.copyFileSync(at("secret"), path.join(inside, "copy")));
  // Node's flags follow a link that leads out of an allowed folder: the kernel alone refuses it.
  await attempt("symlink", "a link in an allowed folder", () => fs.readFileSync(path.join(inside, "way-out")));
  if (scene.own !== "")
    await attempt("symlink", "a link in its own folder", () => fs.readFileSync(path.join(scene.own, "way-out")));
}

async function writings(): Promise<void> {
  await attempt("write", "a file outside", () => fs.writeFileSync(at("new"), "x"));
  await attempt("write", "over a file outside", () => fs.writeFileSync(at("secret"), "x"));
  await attempt("write", "append", () => fs.appendFileSync(at("ledger.sqlite"), "x"));
  await attempt("write", "into the program", () => fs.writeFileSync(path.join(scene.program, "planted.ts"), "x"));
  await attempt("write", "into what it reads", () => fs.writeFileSync(path.join(inside, "planted"), "x"));
  await attempt("write", "truncate", () => fs.truncateSync(at("secret")));
  await attempt("write", "rename", () => fs.renameSync(at("secret"), at("moved")));
  await attempt("write", "unlink", () => fs.unlinkSync(at("secret")));
  await attempt("write", "mkdir", () => fs.mkdirSync(at("folder")));
  await attempt("write", "mkdtemp", () => fs.mkdtempSync("/tmp/ringfort-attack-"));
  await attempt("write", "chmod", () => fs.chmodSync(at("secret"), 0o777));
  await attempt("write", "utimes", () => fs.utimesSync(at("secret"), 1, 1));
  await attempt("symlink", "symlink", () => fs.symlinkSync(at("secret"), path.join(inside, "link")));
  if (scene.own !== "")
    await attempt("symlink", "hard link of a secret into its own folder", () =>
      fs.linkSync(at("secret"), path.join(scene.own, "hard")),
    );
  await attempt("symlink", "hard link", () => fs.linkSync(at("secret"), path.join(inside, "hard")));
  await attempt("write", "a heap snapshot", () => v8.writeHeapSnapshot(at("heap")));
  await attempt("/proc", "oom_score_adj", () => fs.writeFileSync("/proc/self/oom_score_adj", "0"));
  await attempt("/proc", "memory of its own", () => fs.openSync("/proc/self/mem", "r+"));
}

async function executions(): Promise<void> {
  const ran = (result: { readonly error?: Error | undefined }): void => {
    if (result.error !== undefined) throw result.error;
  };
  await attempt("execute", "a shell", () => ran(childProcess.spawnSync("/bin/sh", ["-c", "true"])));
  if (!keeps) await attempt("execute", "itself", () => ran(childProcess.spawnSync(process.execPath, ["-e", "0"])));
  await attempt("execute", "a program of its own", () => ran(childProcess.spawnSync(at("program"))));
  if (!keeps) {
    await attempt("execute", "fork", () => event(childProcess.fork(at("evil.mjs")), "spawn"));
    await attempt("execute", "cluster", () => event(cluster.fork(), "online"));
  }
  await attempt("module", "import", () => import(at("evil.mjs")));
  await attempt("module", "require", () => createRequire(at("x.cjs"))(at("evil.cjs")));
  await attempt("module", "a library", () => process.dlopen({ exports: {} }, at("library.node")));
}

async function networks(): Promise<void> {
  const closing = async (socket: net.Socket): Promise<void> => {
    await event(socket, "connect").finally(() => socket.destroy());
  };
  if (!connects) {
    await attempt("connect", "TCP", () => closing(net.connect(scene.port, "127.0.0.1")));
    await attempt("connect", "TCP over IPv6", () => closing(net.connect(scene.port, "::1")));
  }
  if (!keeps && scene.network !== "connect") {
    await attempt("connect", "UDP", () => udp((socket, done) => socket.send("x", 53, "127.0.0.1", done)));
    await attempt("connect", "a name server", async () => {
      const resolver = new dns.promises.Resolver({ timeout: 500, tries: 1 });
      resolver.setServers(["127.0.0.1"]);
      await resolver.resolve4("example.com").catch((error: NodeJS.ErrnoException) => {
        // What could not be sent is told as no connection; where it was sent, nobody answers there either.
        throw Object.assign(error, { code: error.code === "ECONNREFUSED" ? "EPERM" : error.code });
      });
    });
  }
  // No kernel of today tells one path of a local socket from another: who may speak to one may speak to all of its user's.
  if (!keeps && scene.api === "")
    await attempt("connect", "the control socket", () => orUncaught(closing(net.connect(at("control.sock")))));
  await attempt("connect", "an abstract socket", () => orUncaught(closing(net.connect(`\0ringfort-${scene.port}`))));
  if (!binds) {
    await attempt("bind", "TCP", () => orUncaught(event(net.createServer().listen(0, "127.0.0.1"), "listening")));
    await attempt("bind", "TCP on every address", () => orUncaught(event(net.createServer().listen(0), "listening")));
  }
  await attempt("bind", "a local socket", () =>
    orUncaught(event(net.createServer().listen(at("mine.sock")), "listening")),
  );
  if (!keeps) await attempt("bind", "UDP", () => udp((socket, done) => socket.bind(0, "127.0.0.1", () => done(null))));
}

function udp(use: (socket: dgram.Socket, done: (error: Error | null) => void) => void): Promise<void> {
  return orUncaught(
    new Promise((resolve, reject) => {
      const socket = dgram.createSocket("udp4");
      socket.once("error", reject);
      use(socket, (error) => (error === null ? resolve() : reject(error)));
    }),
  );
}

async function signals(): Promise<void> {
  await attempt("signal", "ask for a process", () => process.kill(scene.victim, 0));
  await attempt("signal", "end a process", () => process.kill(scene.victim, "SIGTERM"));
  await attempt("signal", "end its keeper", () => process.kill(process.ppid, 0));
  await attempt("signal", "priority", () => {
    const priority = process.getBuiltinModule("node:os");
    priority.setPriority(scene.victim, 5);
  });
}

async function databases(): Promise<void> {
  await attempt("sqlite", "open a database", () =>
    new DatabaseSync(at("ledger.sqlite")).exec("select * from sqlite_schema"),
  );
  await attempt("sqlite", "make a database", () => new DatabaseSync(at("new.sqlite")).exec("create table t(x)"));
  await attempt("sqlite", "ATTACH", () =>
    new DatabaseSync(":memory:").exec(`attach '${at("attached.sqlite")}' as a; create table a.t(x)`),
  );
  await attempt("sqlite", "VACUUM INTO", () =>
    new DatabaseSync(":memory:").exec(`vacuum into '${at("vacuum.sqlite")}'`),
  );
}

/** What starting processes is made of, and putting walls around them. */
const KEEPERS_OWN = new Set([
  "fork",
  "vfork-like clone",
  "execve of itself",
  "a socket pair",
  "another filter",
  "chdir",
]);

/** System calls of x86-64 by number, with arguments that would do no harm if they went through. */
async function calls(): Promise<void> {
  const ffi = process.getBuiltinModule("node:ffi");
  let library: ReturnType<typeof load> | null = null;
  function load() {
    return ffi.dlopen(null, {
      syscall: { arguments: ["int64", "uint64", "uint64", "uint64", "uint64", "uint64", "uint64"], return: "int64" },
      getpid: { arguments: [], return: "int32" },
    });
  }
  const kept: Buffer[] = [];
  const text = (value: string): bigint => {
    const bytes = Buffer.from(`${value}\0`);
    kept.push(bytes);
    return ffi.getRawPointer(bytes);
  };
  const room = (size: number): bigint => {
    const bytes = Buffer.alloc(size);
    kept.push(bytes);
    return ffi.getRawPointer(bytes);
  };
  const errnos = new Map(
    Object.entries(process.getBuiltinModule("node:os").constants.errno).map(([name, n]) => [n, name]),
  );
  const call = (number: number, ...args: readonly (number | bigint)[]): void => {
    library ??= load();
    const place = library.lib.getFunction("__errno_location", { arguments: [], return: "pointer" });
    const words = Array.from({ length: 6 }, (_, index) => BigInt.asUintN(64, BigInt(args[index] ?? 0)));
    const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = words;
    const value = library.functions.syscall(BigInt(number), a, b, c, d, e, f);
    // A child that the call has made must not go on as we.
    if (value === 0n && library.functions.getpid() !== process.pid) process.kill(library.functions.getpid(), "SIGKILL");
    if (value === -1n) {
      const errno = ffi.getInt32(place());
      throw Object.assign(new Error("refused"), { code: errnos.get(errno) ?? `errno ${errno}` });
    }
  };
  const AT_FDCWD = -100;
  const secret = (): bigint => text(at("secret"));
  const tries: readonly (readonly [string, string, () => void])[] = [
    ["read", "open", () => call(2, secret(), 0)],
    ["read", "openat", () => call(257, AT_FDCWD, secret(), 0)],
    ["read", "openat2", () => call(437, AT_FDCWD, secret(), room(24), 24)],
    ["read", "open_by_handle_at", () => call(304, AT_FDCWD, room(64), 0)],
    ["read", "name_to_handle_at", () => call(303, AT_FDCWD, secret(), room(256), room(8), 0)],
    ["write", "creat", () => call(85, text(at("made")), 0o600)],
    [
      "write",
      "openat to write",
      () => call(257, AT_FDCWD, text(path.join(inside, scene.inside === "" ? "secret" : "file")), 1),
    ],
    ["write", "truncate", () => call(76, secret(), 0)],
    ["write", "mknod", () => call(133, text(at("node")), 0o010_600, 0)],
    ["write", "chown", () => call(92, secret(), 0, 0)],
    ["write", "setxattr", () => call(188, secret(), text("user.x"), text("x"), 1, 0)],
    ["write", "memfd_create", () => call(319, text("x"), 0)],
    ["execute", "execve", () => call(59, text("/bin/true"), room(8), room(8))],
    ["execute", "execve of itself", () => call(59, text(process.execPath), room(8), room(8), 1, 1)],
    ["execute", "execveat", () => call(322, AT_FDCWD, text("/bin/true"), room(8), room(8), 0)],
    ["execute", "fork", () => call(57)],
    ["execute", "vfork-like clone", () => call(56, 17)],
    ["execute", "clone into a user namespace", () => call(56, 0x1000_0000 | 17)],
    ["execute", "clone3", () => call(435, room(88), 88)],
    ["execute", "unshare", () => call(272, 0x1000_0000)],
    ["execute", "setns", () => call(308, 0, 0)],
    ["bind", "socket for raw packets", () => call(41, 2, 3, 1)],
    ["bind", "socket of the link layer", () => call(41, 17, 3, 0)],
    ["bind", "netlink", () => call(41, 16, 3, 0)],
    ["bind", "a socket pair", () => call(53, 1, 1, 0, room(8))],
    ["bind", "vsock", () => call(41, 40, 1, 0)],
    ["signal", "kill", () => call(62, scene.victim, 0)],
    ["signal", "kill everybody", () => call(62, -1, 0)],
    ["signal", "tgkill", () => call(234, scene.victim, scene.victim, 0)],
    ["signal", "tkill", () => call(200, scene.victim, 0)],
    ["signal", "pidfd_open", () => call(434, scene.victim, 0)],
    ["signal", "F_SETOWN", () => call(72, 0, 8, scene.victim)],
    ["ptrace", "attach", () => call(101, 16, scene.victim)],
    ["ptrace", "process_vm_readv", () => call(310, scene.victim, room(16), 1, room(16), 1, 0)],
    ["ptrace", "process_vm_writev", () => call(311, scene.victim, room(16), 1, room(16), 1, 0)],
    ["ptrace", "pidfd_getfd", () => call(438, 0, 0, 0)],
    ["kernel", "io_uring_setup", () => call(425, 4, room(120))],
    ["kernel", "bpf", () => call(321, 0, room(64), 64)],
    ["kernel", "perf_event_open", () => call(298, room(128), 0, -1, -1, 0)],
    ["kernel", "userfaultfd", () => call(323, 0)],
    ["kernel", "keyctl", () => call(250, 0, 0, 0)],
    ["kernel", "mount", () => call(165, text("none"), text(scene.outside), text("tmpfs"), 0, 0)],
    ["kernel", "chroot", () => call(161, text(inside))],
    ["kernel", "chdir", () => call(80, text("/"))],
    ["kernel", "setuid", () => call(105, 0)],
    ["kernel", "capset", () => call(126, room(8), room(24))],
    ["kernel", "another filter", () => call(317, 1, 0, room(16))],
    ["kernel", "prctl: dumpable", () => call(157, 4, 1)],
    ["kernel", "personality", () => call(135, 0x004_0000)],
    ["kernel", "init_module", () => call(175, room(8), 8, text(""))],
    ["kernel", "inotify", () => call(294, 0)],
    ["kernel", "fanotify", () => call(300, 0, 0)],
    ["kernel", "shared memory", () => call(29, 0x7266, 4_096, 0o1_600)],
    ["kernel", "a message queue", () => call(68, 0, 0o600)],
    ["kernel", "the x32 way in", () => call(0x4000_0000 + 39)],
    ["kernel", "prlimit of another", () => call(302, scene.victim, 7, 0, room(16))],
    ["kernel", "scheduling of another", () => call(144, scene.victim, 0, room(4))],
  ];
  for (const [kind, name, work] of keeps ? tries.filter(([, each]) => !KEEPERS_OWN.has(each)) : tries)
    await attempt(kind, `call ${name}`, () => {
      try {
        work();
      } catch (error) {
        // Node's flags: no call past Node at all.
        if ((error as NodeJS.ErrnoException).code === "ERR_ACCESS_DENIED") library = null;
        throw error;
      }
    });
}

/** What the role is there for must go on working. */
async function work(): Promise<Readonly<Record<string, boolean>>> {
  const done: Record<string, boolean> = {};
  const does = async (name: string, task: () => unknown): Promise<void> => {
    try {
      await task();
      done[name] = true;
    } catch {
      done[name] = false;
    }
  };
  if (scene.inside !== "") {
    await does("reads its files", () => fs.promises.readFile(path.join(scene.inside, "file")));
    await does("lists its folder", () => fs.promises.readdir(scene.inside));
  }
  await does("reads its program", () => fs.readFileSync(path.join(scene.program, "main", "serve-worker.ts")));
  await does("computes in threads", () => new Promise((resolve) => pbkdf2("a", "b", 100, 32, "sha256", resolve)));
  await does("compresses", () => gzipSync(randomBytes(100_000)));
  await does("waits", () => new Promise((resolve) => setTimeout(resolve, 5)));
  if (scene.own !== "")
    await does("writes in its own folder", () => {
      const fd = fs.openSync(
        path.join(scene.own, "new"),
        fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_DSYNC,
      );
      fs.writeSync(fd, "x");
      fs.closeSync(fd);
      fs.renameSync(path.join(scene.own, "new"), path.join(scene.own, "last"));
    });
  if (keeps) {
    await does("keeps a database", () => new DatabaseSync(path.join(scene.own, "db")).exec("create table t(x)"));
    await does("moves, links and makes files durable", () => {
      const folder = path.join(scene.own, "folder");
      fs.mkdirSync(folder);
      fs.writeFileSync(path.join(scene.own, "part"), "x", { flush: true, mode: 0o444 });
      fs.renameSync(path.join(scene.own, "part"), path.join(folder, "whole"));
      fs.linkSync(path.join(folder, "whole"), path.join(scene.own, "tree"));
      fs.symlinkSync("tree", path.join(scene.own, "current"));
    });
    await does("starts a worker behind its own walls", () => {
      const [program = "", ...args] = scene.starts;
      const { status, stdout } = childProcess.spawnSync(program, args, { env: {}, encoding: "utf8" });
      if (status !== 0 || stdout.trim() !== "here") throw new Error(`${status}`);
    });
  }
  const reaches = async (socket: net.Socket): Promise<void> => {
    await event(socket, "connect").finally(() => socket.destroy());
  };
  if (isOneOf("connect")) await does("connects by name", () => reaches(net.connect(scene.port, "localhost")));
  if (connects) await does("connects", () => reaches(net.connect(scene.port, "127.0.0.1")));
  if (scene.api !== "") await does("speaks to its socket", () => reaches(net.connect(scene.api)));
  if (binds)
    await does("listens", async () => {
      const server = net.createServer().listen(0, "127.0.0.1");
      await event(server, "listening");
      server.close();
    });
  if (scene.listener > 0)
    await does("answers on a listener that it was handed", async () => {
      const server = net.createServer((socket) => socket.end("served"));
      const came = event(server, "connection");
      server.listen({ fd: scene.listener });
      await event(server, "listening");
      process.stdout.write("listening\n");
      await came;
    });
  return done;
}

for (const set of [readings, writings, databases, signals, executions, networks]) await set();
if (scene.raw) await calls();
const worked = await work();
process.stdout.write(`${JSON.stringify({ results, worked })}\n`, () => process.exit(0));
