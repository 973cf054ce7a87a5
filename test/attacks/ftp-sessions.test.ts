import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { dial, drain, RawFtp } from "../fixtures/raw-ftp.ts";
import { closed } from "../fixtures/raw-http.ts";
import { ftpStart, ServeProcess } from "../fixtures/serve-process.ts";

const OTHER = "127.0.0.2";
const manyAddresses = process.platform === "linux" ? false : "needs a second loopback address";
const needsProc = existsSync("/proc/self/fd") ? false : "needs /proc";
const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe("FTP sessions that take and give nothing", () => {
  let folder: ChannelFolder;
  const running: ServeProcess[] = [];

  before(async () => {
    folder = await ChannelFolder.make();
    await folder.revision("one", 1, { a: "the file", big: 60_000_000 });
    await folder.point("staging", { one: 1 });
  });

  after(async () => {
    for (const serve of running) await serve.stop();
    await folder.end();
  });

  type Ftp = Parameters<typeof ftpStart>[0];
  const serving = async (ftp: Ftp, limits = {}): Promise<ServeProcess> => {
    const serve = await ServeProcess.start(folder, {
      ftp: ftpStart(ftp),
      limits: { checkingInterval: 100, ...limits },
    });
    running.push(serve);
    return serve;
  };
  const alive = async (port: number, from?: string): Promise<void> => {
    const ftp = await RawFtp.login(port, from);
    assert.equal((await ftp.transfer("RETR /one/a")).bytes.toString(), "the file");
    ftp.destroy();
  };

  test("one client has its share of the sessions, all have theirs, and 421 says which", {
    skip: manyAddresses,
  }, async () => {
    const { ftpPort } = await serving({ limits: { sessions: 8, sessionsPerClient: 5 } });
    const mine = await Promise.all(Array.from({ length: 5 }, () => RawFtp.login(ftpPort)));
    const more = await RawFtp.open(ftpPort);
    assert.match(await more.reply(), /^421 .*from your address/);
    await more.ended();
    await alive(ftpPort, OTHER);
    const theirs = await Promise.all(Array.from({ length: 3 }, () => RawFtp.login(ftpPort, OTHER)));
    assert.match(await (await RawFtp.open(ftpPort, "127.0.0.3")).reply(), /^421 .*try later/);
    theirs[0]?.destroy();
    await wait(100);
    await alive(ftpPort, "127.0.0.3");
    for (const ftp of [...mine, ...theirs]) ftp.destroy();
  });

  test("only clients of the allowed networks are let in", { skip: manyAddresses }, async () => {
    const { ftpPort } = await serving({ allow: ["127.0.0.2/31", "fd00::/8"] });
    await alive(ftpPort, "127.0.0.2");
    await alive(ftpPort, "127.0.0.3");
    const stranger = await RawFtp.open(ftpPort);
    // Not a word: who is not asked in learns not even what it is that he found.
    assert.equal(await stranger.reply(), "");
    await stranger.ended();
  });

  test("who does not log in in time is sent away, however busy; who is silent, sooner", async () => {
    const { ftpPort } = await serving({ limits: { loginTime: 900, idleBeforeLogin: 400, idle: 1_000 } });
    const silent = await RawFtp.open(ftpPort);
    const busy = await RawFtp.open(ftpPort);
    const slow = await RawFtp.open(ftpPort);
    const began = performance.now();
    const talking = setInterval(() => {
      busy.send("NOOP\r\n");
      // A byte at a time, never a whole line.
      slow.send("x");
    }, 50);
    await silent.ended();
    assert.ok(performance.now() - began < 900);
    await busy.ended();
    await slow.ended();
    clearInterval(talking);
    assert.ok(performance.now() - began > 800 && performance.now() - began < 3_000);
    const idle = await RawFtp.login(ftpPort);
    assert.match(await idle.reply(), /^421 /);
    await alive(ftpPort);
  });

  test("other names are refused at USER, slowly, all alike, and not often", async () => {
    const { ftpPort } = await serving({ limits: { refusalDelay: 200 } });
    const ftp = await RawFtp.open(ftpPort);
    await ftp.reply();
    const began = performance.now();
    const replies = [await ftp.ask("USER root"), await ftp.ask("USER ringfort")];
    assert.deepEqual(replies, ["530 Only anonymous.", "530 Only anonymous."]);
    assert.ok(performance.now() - began >= 400);
    assert.match(await ftp.ask("USER administrator"), /^421 /);
    await ftp.ended();
    await alive(ftpPort);
  });

  test("a fixed password is asked for, and is not in the log", async () => {
    const serve = await serving({ password: "anonymous@LiveUpdate", limits: { refusalDelay: 10 } });
    const ftp = await RawFtp.open(serve.ftpPort);
    await ftp.reply();
    await ftp.ask("USER anonymous");
    assert.match(await ftp.ask("PASS guess"), /^530 /);
    assert.match(await ftp.ask("PASS anonymous@LiveUpdate"), /^503 /);
    await ftp.ask("USER ftp");
    assert.match(await ftp.ask("PASS anonymous@LiveUpdate"), /^230 /);
    await ftp.ask("QUIT");
    await ftp.ended();
    await serve.stop();
    // The processes of this file share a log.
    const log = serve.ftpLog().slice(serve.ftpLog().lastIndexOf("#Fields"));
    assert.doesNotMatch(log, /LiveUpdate|guess/);
    assert.match(log, /anonymous \[1\]PASS - 530 .*\n.*\[1\]USER ftp 331 .*\n.* ftp \[1\]PASS - 230 /);
  });

  test("thousands that come and go at once, and many that vanish in a transfer, leave nothing behind", {
    skip: needsProc,
  }, async () => {
    const serve = await serving({ limits: { sessionsPerClient: 100 } });
    const open = (): number => readdirSync(`/proc/${serve.child.pid}/fd`).length;
    const before = open();
    for (let round = 0; round < 20; round++) {
      await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          const socket = connect(serve.ftpPort, "127.0.0.1");
          socket.on("error", () => undefined);
          socket.resume();
          if (i % 3 === 0) socket.once("connect", () => socket.resetAndDestroy());
          else if (i % 3 === 1) socket.end("USER anonymous\r\nPASS x\r\nEPSV\r\nRETR /one/big\r\n");
          else socket.destroy();
          await closed(socket);
        }),
      );
    }
    for (let i = 0; i < 30; i++) {
      const ftp = await RawFtp.login(serve.ftpPort);
      const data = await ftp.data();
      data.pause();
      await ftp.ask("RETR /one/big");
      if (i % 2 === 0) ftp.socket.resetAndDestroy();
      else ftp.destroy();
      if (i % 3 === 0) data.destroy();
      else setTimeout(() => data.destroy(), 50);
    }
    await alive(serve.ftpPort);
    for (let i = 0; i < 50 && open() > before; i++) await wait(100);
    assert.ok(open() <= before, `${open()} descriptors, ${before} before`);
  });

  test("readers that stall are cut with 426, cost little and hold up nobody", { skip: needsProc }, async () => {
    const serve = await serving(
      { limits: { sessionsPerClient: 200, portsPerClient: 64 } },
      { leastRate: 1_024, leastRateWindow: 800 },
    );
    const resident = (): number =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${serve.child.pid}/status`, "utf8"))?.[1] ?? 0) / 1_024;
    const before = resident();
    const stalled = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const ftp = await RawFtp.login(serve.ftpPort);
        const data = await ftp.data().catch(() => null);
        data?.pause();
        await ftp.ask("RETR /one/big");
        return { ftp, data };
      }),
    );
    const quick = await RawFtp.login(serve.ftpPort, manyAddresses === false ? OTHER : undefined);
    assert.equal((await quick.transfer("RETR /one/big")).bytes.length, 60_000_000);
    assert.equal((await quick.transfer("RETR /one/big")).reply, "226 Sent.");
    assert.ok(resident() - before < 100, `${resident() - before} MB more`);
    const replies = await Promise.all(stalled.filter(({ data }) => data !== null).map(({ ftp }) => ftp.reply()));
    assert.ok(replies.length > 20 && replies.every((reply) => reply === "426 Too slow."), replies.join());
    // What was cut is a reset, and cannot be taken for a whole file.
    for (const { ftp, data } of stalled) {
      data?.destroy();
      ftp.destroy();
    }
    quick.destroy();
    await alive(serve.ftpPort);
  });

  test("commands faster than their budget wait; others do not", { skip: manyAddresses }, async () => {
    const { ftpPort } = await serving({ limits: { commandsPerMinute: 600 } });
    const ftp = await RawFtp.login(ftpPort);
    for (let i = 0; i < 98; i++) await ftp.ask("NOOP");
    const began = performance.now();
    for (let i = 0; i < 5; i++) assert.match(await ftp.ask("NOOP"), /^200 /);
    assert.ok(performance.now() - began > 200);
    const other = performance.now();
    await alive(ftpPort, OTHER);
    assert.ok(performance.now() - other < 200 || process.env["CI"] === "true");
    ftp.destroy();
  });

  test("a session ends when it has lasted long enough, and not in the middle of a transfer", async () => {
    const { ftpPort } = await serving({ limits: { longest: 600 } });
    const ftp = await RawFtp.login(ftpPort);
    const data = await dial(await ftp.epsv());
    data.pause();
    await ftp.ask("RETR /one/big");
    await wait(900);
    assert.equal((await drain(data)).length, 60_000_000);
    assert.match(await ftp.reply(), /^226 /);
    assert.match(await ftp.reply(), /^421 /);
    await ftp.ended();
    await alive(ftpPort);
  });
});
