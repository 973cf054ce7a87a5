import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { syscalls } from "../../src/confine/syscalls.ts";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { needs, needsProgram } from "../fixtures/needs.ts";
import { RawFtp } from "../fixtures/raw-ftp.ts";

const onLinux = syscalls() === null ? "the servers open their own listeners on this machine" : false;

/** The process that serves a channel. */
async function serverOf(daemon: TestDaemon, channel: string): Promise<number> {
  const { processes } = await daemon.must({ verb: "status" });
  const pid = processes.find(({ role, state }) => role === `serve-${channel}` && state === "running")?.pid;
  assert.ok(pid !== null && pid !== undefined);
  return pid;
}

function socketsOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(address !== null && typeof address === "object");
  return address.port;
}

test("nobody is refused while a channel's server is started again", { skip: onLinux }, async (t) => {
  const ftp = { listen: "127.0.0.1:0" };
  const daemon = await startTestDaemon({ channels: { staging: { listen: "127.0.0.1:0", ftp } } });
  t.after(() => daemon.end());
  const { channels } = await daemon.must({ verb: "status" });
  const [http = 0, control = 0] = [channels[0]?.url, channels[0]?.ftp].map((url) => Number(new URL(url ?? "").port));
  const passive = await (await RawFtp.login(control)).epsv();
  const ports = [http, control, passive];
  const before = await serverOf(daemon, "staging");
  let refused = 0;
  let stopped = false;
  const clients = ports.map(async (port) => {
    while (!stopped) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", ({ message }) => {
        if (message.includes("ECONNREFUSED")) refused += 1;
      });
      await Promise.race([once(socket, "connect").catch(() => {}), wait(500)]);
      socket.destroy();
      await wait(5);
    }
  });
  process.kill(before, "SIGKILL");
  // Answered by its successor, on the same port.
  const url = `http://127.0.0.1:${http}/`;
  for (;;) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(20_000) }).catch(() => null);
    if (answer !== null) break;
  }
  const ftpAgain = await RawFtp.login(control);
  stopped = true;
  await Promise.all(clients);
  assert.equal(refused, 0);
  assert.notEqual(await serverOf(daemon, "staging"), before);
  assert.ok((await ftpAgain.data()).readable);
  const { channels: now } = await daemon.must({ verb: "status" });
  assert.deepEqual(
    [now[0]?.url, now[0]?.ftp].map((each) => Number(new URL(each ?? "").port)),
    [http, control],
  );
  await daemon.end();
  await assert.rejects(fetch(url));
});

const systemd = needs(onLinux, needsProgram("systemd-socket-activate", "systemd"));

/** It starts a program when somebody connects. */
function knocking(port: number): NodeJS.Timeout {
  return setInterval(() => {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    socket.once("connect", () => socket.destroy());
  }, 250);
}

/** Starts the daemon as systemd does, its sockets opened and named by somebody else. */
function activated(sockets: readonly (readonly [string, number])[]): readonly string[] {
  const names = sockets.map(([name]) => name).join(":");
  const listen = sockets.map(([, port]) => `--listen=127.0.0.1:${port}`);
  return ["systemd-socket-activate", ...listen, `--fdname=${names}`];
}

test("sockets that systemd hands over are served from, by their names", { skip: systemd }, async (t) => {
  const [http, control, first, second] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const within = activated([
    ["staging-pasv", first],
    ["staging-http", http],
    ["staging-pasv", second],
    ["staging-ftp", control],
  ]);
  const channels = {
    staging: { listen: `127.0.0.1:${http}`, ftp: { listen: `127.0.0.1:${control}` } },
  };
  const knock = knocking(http);
  const daemon = await startTestDaemon({ channels, within }).finally(() => clearInterval(knock));
  t.after(() => daemon.end());
  assert.equal((await fetch(await daemon.url("staging"))).status, 200);
  const ftp = await RawFtp.login(control);
  assert.ok([first, second].includes(await ftp.epsv()));
  const handed = readlinkSync(`/proc/${daemon.pid}/fd/3`);
  const { processes } = await daemon.must({ verb: "status" });
  const holders = processes.filter(({ pid }) => pid !== null && socketsOf(pid).includes(handed));
  assert.deepEqual(
    holders.map(({ role }) => role),
    ["serve-staging"],
  );
});

/** Hands over one socket that is bound to an interface, as a unit with `BindToDevice=` does, to a daemon without a right. */
function bound(name: string, port: number, device: string): readonly string[] {
  const script = `
import os, socket, sys
made = socket.create_server(("127.0.0.1", ${port}))
made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"${device}")
os.dup2(made.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="${name}")
os.execvp(sys.argv[1], sys.argv[1:])`;
  const rights = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : [];
  return [...rights, "python3", "-c", script];
}

test("a socket that systemd has bound to the channel's interface is served from, and one of another interface is not", {
  skip: needs(onLinux, needsProgram("python3", "python3"), needsProgram("setpriv", "util-linux")),
}, async (t) => {
  const port = await freePort();
  const channels = { staging: { listen: `127.0.0.1:${port}`, interface: "lo" } };
  const daemon = await startTestDaemon({ channels, within: bound("staging-http", port, "lo") });
  t.after(() => daemon.end());
  assert.equal((await fetch(await daemon.url("staging"))).status, 200);
  const at = await freePort();
  const others = { staging: { listen: `127.0.0.1:${at}`, interface: "eth9" } };
  await assert.rejects(startTestDaemon({ channels: others, within: bound("staging-http", at, "lo") }), (error: Error) =>
    error.message.includes("listen.failed"),
  );
});

test("a socket of another address, of no channel, or for active FTP is not started with", {
  skip: systemd,
}, async () => {
  const [http, control] = [await freePort(), await freePort()];
  const ftp = { listen: `127.0.0.1:${control}`, active: true };
  const cases = [
    { channels: { staging: { listen: "127.0.0.1:1" } }, sockets: [["staging-http", http]], code: "listen.failed" },
    { channels: { staging: { listen: "127.0.0.1:0" } }, sockets: [["other-http", http]], code: "listen.failed" },
    {
      channels: { staging: { listen: "127.0.0.1:0", ftp } },
      sockets: [["staging-ftp", control]],
      code: "config.invalid",
    },
  ] as const;
  for (const { channels, sockets, code } of cases) {
    const port = sockets[0]?.[1] ?? 0;
    const knock = knocking(port);
    await assert
      .rejects(startTestDaemon({ channels, within: activated(sockets) }), (error: Error) =>
        error.message.includes(code),
      )
      .finally(() => clearInterval(knock));
  }
});

test("a server makes no socket, from its start to its end", {
  skip: needs(onLinux, needsProgram("strace", "strace")),
}, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-strace-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const out = path.join(folder, "calls");
  const within = [
    "strace",
    "-ff",
    "-qq",
    "-o",
    out,
    "-e",
    "trace=execve,socket,socketpair,connect,bind,listen,accept4",
  ];
  const ftp = { listen: "127.0.0.1:0" };
  const daemon = await startTestDaemon({ within, channels: { staging: { listen: "127.0.0.1:0", ftp } } });
  const server = await serverOf(daemon, "staging");
  assert.equal((await fetch(await daemon.url("staging"))).status, 200);
  const { channels } = await daemon.must({ verb: "status" });
  const control = await RawFtp.login(Number(new URL(channels[0]?.ftp ?? "").port));
  assert.match((await control.transfer("LIST")).reply, /^226/);
  control.destroy();
  const threads = readdirSync(`/proc/${server}/task`);
  // A tracer that is ended leaves what it traced.
  const [below = ""] = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, "utf8").split(" ");
  process.kill(Number(below), "SIGTERM");
  await daemon.isGone();
  const calls = threads.map((thread) => readFileSync(`${out}.${thread}`, "utf8")).join("");
  assert.match(calls, /accept4\(/);
  assert.doesNotMatch(calls, /^(?:socket|socketpair|connect|bind)\(/m);
  await daemon.end();
});
