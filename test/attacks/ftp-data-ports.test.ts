import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import process from "node:process";
import { after, afterEach, before, describe, test } from "node:test";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { dial, drain, RawFtp } from "../fixtures/raw-ftp.ts";
import { ftpStart, ServeProcess } from "../fixtures/serve-process.ts";

const OTHER = "127.0.0.2";
const manyAddresses = process.platform === "linux" ? false : "needs a second loopback address";

describe("FTP data ports", () => {
  let folder: ChannelFolder;
  let serve: ServeProcess;
  let active: ServeProcess;

  before(async () => {
    folder = await ChannelFolder.make();
    await folder.revision("one", 1, { a: "the file", big: 20_000_000 });
    await folder.point("staging", { one: 1 });
    const limits = { ports: 12, portsPerClient: 5, dataWait: 1_500, sessionsPerClient: 60 };
    serve = await ServeProcess.start(folder, { ftp: ftpStart({ limits }) });
    active = await ServeProcess.start(folder, { ftp: ftpStart({ active: true, limits }) });
  });

  after(async () => {
    await serve.stop();
    await active.stop();
    await folder.end();
  });

  const alive = async (port: number, from?: string): Promise<void> => {
    const ftp = await RawFtp.login(port, from);
    assert.equal((await ftp.transfer("RETR /one/a")).bytes.toString(), "the file");
    ftp.destroy();
  };

  // After each attack the servers are there, and serve others.
  afterEach(async () => {
    await alive(serve.ftpPort);
    await alive(active.ftpPort);
  });

  test("a port is the client's alone: another address is dropped, and the client still served", {
    skip: manyAddresses,
  }, async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    const port = await ftp.epsv();
    for (let i = 0; i < 5; i++) assert.equal((await drain(await dial(port, OTHER))).length, 0);
    const mine = await dial(port);
    assert.match(await ftp.ask("RETR /one/a"), /^150 /);
    assert.equal((await drain(mine)).toString(), "the file");
    assert.match(await ftp.reply(), /^226 /);
    ftp.destroy();
  });

  test("a port takes one connection, and one that nobody waits on takes none", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    const port = await ftp.epsv();
    const mine = await dial(port);
    // Behind the first: dropped, also from the same address.
    assert.equal((await drain(await dial(port))).length, 0);
    await ftp.ask("RETR /one/a");
    assert.equal((await drain(mine)).toString(), "the file");
    await ftp.reply();
    assert.equal((await drain(await dial(port))).length, 0);
    assert.match(await ftp.ask("RETR /one/a"), /^425 /);
    ftp.destroy();
  });

  test("nobody can lie in wait: what connected before PASV is gone, and gets nothing", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    const ports = new Set<number>();
    for (let i = 0; i < 60; i++) ports.add(await ftp.epsv());
    ports.delete(await ftp.epsv());
    const waiting = await Promise.all([...ports].map(async (port) => drain(await dial(port))));
    assert.ok(waiting.every((bytes) => bytes.length === 0));
    assert.equal((await ftp.transfer("RETR /one/a")).bytes.toString(), "the file");
    ftp.destroy();
  });

  test("ports come in no order", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    const ports: number[] = [];
    for (let i = 0; i < 64; i++) ports.push(await ftp.epsv());
    const steps = new Set(ports.slice(1).map((port, i) => port - (ports[i] ?? 0)));
    assert.ok(new Set(ports).size >= 8, `${new Set(ports).size} ports`);
    assert.ok(steps.size > 20, `${steps.size} different steps`);
    ftp.destroy();
  });

  test("one client holds its share of the ports and no more; they come back when it leaves or time is up", {
    skip: manyAddresses,
  }, async () => {
    const greedy = await Promise.all(Array.from({ length: 20 }, () => RawFtp.login(serve.ftpPort)));
    const ports = await Promise.all(greedy.map((ftp) => ftp.epsv()));
    assert.equal(ports.filter((port) => port !== 0).length, 5);
    await alive(serve.ftpPort, OTHER);
    assert.match((await greedy[ports.indexOf(0)]?.ask("EPSV")) ?? "", /^425 /);
    for (const ftp of greedy.slice(0, 10)) ftp.destroy();
    await new Promise((resolve) => setTimeout(resolve, 1_700));
    const again = await Promise.all(greedy.slice(10).map((ftp) => ftp.epsv()));
    assert.equal(again.filter((port) => port !== 0).length, 5);
    for (const ftp of greedy) ftp.destroy();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await alive(serve.ftpPort);
  });

  test("a transfer whose data connection never comes ends by itself", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    await ftp.epsv();
    assert.match(await ftp.ask("RETR /one/a"), /^425 /);
    assert.equal((await ftp.transfer("RETR /one/a")).bytes.toString(), "the file");
    ftp.destroy();
  });

  test("PORT and EPRT are refused where active mode is off", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    for (const line of ["PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|51201|", "PORT 10,0,0,1,0,25"])
      assert.match(await ftp.ask(line), /^502 /);
    assert.match(await ftp.ask("RETR /one/a"), /^425 /);
    ftp.destroy();
  });

  test("taken over, the process can open no port and no connection; its ports are open already", async () => {
    const secret = createServer((socket) => socket.end("reached"));
    secret.listen(0, "127.0.0.1");
    await once(secret, "listening");
    const address = secret.address();
    const target = typeof address === "object" && address !== null ? address.port : 0;
    // A line of a stranger's own in the process.
    const probe = `import net from "node:net";
      const tries = setInterval(() => { if (process.permission.has("net")) return; clearInterval(tries);
        const say = (what) => process.stderr.write(what + "\\n");
        process.once("uncaughtException", (e) => say(e.code));
        try { net.connect(${target}, "127.0.0.1").on("connect", () => say("connected")).on("error", (e) => say(e.code)); } catch (e) { say(e.code); }
        try { net.createServer().listen(0, () => say("listens")).on("error", (e) => say(e.code)); } catch (e) { say(e.code); }
      }, 20);`;
    const taken = ServeProcess.spawn(folder, ["--import", `data:text/javascript,${encodeURIComponent(probe)}`]);
    let said = "";
    const twoLines = new Promise<void>((resolve) => {
      taken.child.stderr?.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (said.split("\n").length === 3) resolve();
      });
    });
    assert.equal((await taken.begin(folder, { ftp: ftpStart() })).kind, "listening");
    await twoLines;
    assert.deepEqual(said.trim().split("\n"), ["ERR_ACCESS_DENIED", "ERR_ACCESS_DENIED"]);
    await alive(taken.ftpPort);
    await taken.stop();
    secret.close();
  });

  test("in active mode it connects to the client's own address and to no service", async () => {
    const ftp = await RawFtp.login(active.ftpPort);
    const bounced = createServer(() => assert.fail("it connected"));
    bounced.listen(0, OTHER);
    await once(bounced, "listening").catch(() => undefined);
    for (const line of [
      "PORT 127,0,0,2,200,1",
      "PORT 10,0,0,1,200,1",
      "EPRT |1|127.0.0.2|51201|",
      "EPRT |1|0.0.0.0|51201|",
      "PORT 127,0,0,1,0,25",
      "PORT 127,0,0,1,3,255",
      "EPRT |1|127.0.0.1|22|",
      "EPRT |1|127.0.0.1|1023|",
      "EPRT |1|127.0.0.1|99999|",
    ])
      assert.match(await ftp.ask(line), /^504 /, line);
    for (const line of [
      "PORT 127,0,0,1,200",
      "PORT 127,0,0,1,200,1,5",
      "PORT 127,0,0,1,200,1 10,0,0,1,200,1",
      "PORT 127,0,0,1,256,1",
      "PORT 0127,0,0,1,200,1",
      "PORT x",
      "EPRT |1|127.0.0.1|51201",
      "EPRT |1|127.0.0.1|51201|x",
      "EPRT |1|localhost|51201|",
      "PORT",
    ])
      assert.match(await ftp.ask(line), /^501 /, line);
    assert.match(await ftp.ask("EPRT |2|::1|51201|"), /^522 /);
    assert.match(await ftp.ask("RETR /one/a"), /^425 /);
    const mine = createServer();
    mine.listen(0, "127.0.0.1");
    await once(mine, "listening");
    const address = mine.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    assert.match(await ftp.ask(`PORT 127,0,0,1,${port >> 8},${port & 255}`), /^200 /);
    const came = once(mine, "connection");
    ftp.send("RETR /one/a\r\n");
    const [socket] = await came;
    assert.equal((await drain(socket)).toString(), "the file");
    mine.close();
    bounced.close();
    ftp.destroy();
  });

  test("EPSV ALL is the last word, in active mode too", async () => {
    const ftp = await RawFtp.login(active.ftpPort);
    assert.match(await ftp.ask("EPSV ALL"), /^200 /);
    for (const line of ["PASV", "PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|51201|"])
      assert.match(await ftp.ask(line), /^503 /, line);
    assert.equal((await ftp.transfer("RETR /one/a")).bytes.toString(), "the file");
    ftp.destroy();
  });

  test("a byte sent into a download ends it, and not the session", async () => {
    const ftp = await RawFtp.login(serve.ftpPort);
    const data = await ftp.data();
    data.pause();
    assert.match(await ftp.ask("RETR /one/big"), /^150 /);
    data.write("x");
    assert.match(await ftp.reply(), /^426 The data connection was closed/);
    assert.equal((await ftp.transfer("RETR /one/a")).bytes.toString(), "the file");
    ftp.destroy();
  });
});
