import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import fc from "fast-check";
import { ChannelFolder, MOVED_AT } from "../../../../test/fixtures/channel-folder.ts";
import { RawFtp } from "../../../../test/fixtures/raw-ftp.ts";
import { ftpStart, ServeProcess } from "../../../../test/fixtures/serve-process.ts";
import { parseSha256 } from "../../../core/kernel/digest.ts";
import { needsLogin, parseCommand } from "./command.ts";
import { longLine } from "./listing.ts";
import { folderIn, nameIn, parentOf, withoutOptions } from "./names.ts";
import { Sources } from "./sources.ts";

test("a command is its verb, in any case, and the rest of the line as it is", () => {
  assert.deepEqual(parseCommand("retr  a b "), { verb: "RETR", argument: " a b " });
  assert.deepEqual(parseCommand("PASS"), { verb: "PASS", argument: null });
  for (const line of ["", " ", "STOR a", "RETRX a", "constructor", "__proto__", "TOSTRING", "RETR\ta"])
    assert.equal(parseCommand(line), "unknown", line);
  for (const line of ["GET / HTTP/1.1", "get /", "Host: x", "User-Agent:", "EHLO x", "HELO", "CONNECT a:1 HTTP/1.0"])
    assert.equal(parseCommand(line), "other-protocol", line);
  assert.equal(needsLogin("RETR") && !needsLogin("FEAT"), true);
});

test("a name in a folder never leads out of it by dots, and always begins with /", () => {
  const segment = fc.constantFrom("a", "..", ".", "", "b c", "...", "~", "a\\b");
  fc.assert(
    fc.property(fc.array(segment, { maxLength: 5 }), fc.constantFrom("/", "/one/", "/one/two/"), (segments, folder) => {
      const name = nameIn(folder, segments.join("/"));
      if (name === null) return;
      assert.ok(name.startsWith("/"));
      assert.ok(!name.split("/").some((one) => one === ".." || one === "." || one.includes("\\")));
    }),
  );
  assert.equal(nameIn("/one/", "a"), "/one/a");
  assert.equal(nameIn("/one/", "/a"), "/a");
  assert.equal(folderIn("/one/two/", ".."), "/one/");
  assert.equal(folderIn("/", ".."), "/");
  assert.equal(folderIn("/one/", "."), "/one/");
  assert.equal(folderIn("/one/", "../x"), null);
  assert.equal(parentOf("/one/"), "/");
});

test("options before a name are no part of it", () => {
  const cases: readonly (readonly [string | null, string])[] = [
    [null, ""],
    ["-la", ""],
    ["-a -l one", "one"],
    ["-1 one two", "one two"],
    ["one -l", "one -l"],
    ["-x/y", "-x/y"],
  ];
  for (const [given, name] of cases) assert.equal(withoutOptions(given), name);
});

test("a long line shows the hour of what is young, and the year of what is old or to come", () => {
  const line = longLine(MOVED_AT);
  const at = (lastModified: number): string => line({ name: "x", file: { size: 5, lastModified } }).slice(-19);
  assert.equal(at(MOVED_AT - 86_400_000), " 5 Nov 22 14:00 x".padStart(19));
  assert.equal(at(MOVED_AT - 200 * 86_400_000), " 5 May  7  2026 x".padStart(19));
  assert.equal(at(MOVED_AT + 2 * 86_400_000), " 5 Nov 25  2026 x".padStart(19));
});

test("a client's budget of commands fills again with time, and not beyond its burst", () => {
  const sources = new Sources({ sessions: 3, sessionsPerClient: 2, commandsPerMinute: 60 });
  const source = sources.admit("2001:db8::1", 0);
  assert.ok(typeof source === "object");
  // One went to the connection itself.
  for (let i = 0; i < 9; i++) assert.equal(sources.pause(source, 0), 0);
  assert.equal(sources.pause(source, 0), 1_000);
  assert.equal(sources.pause(source, 60_000), 0);
  for (let i = 0; i < 9; i++) assert.equal(sources.pause(source, 60_000), 0);
  assert.ok(sources.pause(source, 60_000) > 0);
  assert.ok(typeof sources.admit("2001:db8::ffff", 60_000) === "object");
  assert.equal(sources.admit("2001:db8::2", 60_000), "yours-full");
  assert.ok(typeof sources.admit("10.0.0.1", 60_000) === "object");
  assert.equal(sources.admit("10.0.0.2", 60_000), "full");
  sources.leave(source);
  assert.ok(typeof sources.admit("10.0.0.2", 60_000) === "object");
});

const remembered = ({ size }: Sources): number => size;

test("who leaves and comes again finds the budget as it left it, until time has made it good", () => {
  const sources = new Sources({ sessions: 300, sessionsPerClient: 2, commandsPerMinute: 60 });
  const come = (now: number): ReturnType<Sources["admit"]> => {
    const source = sources.admit("10.0.0.1", now);
    if (typeof source === "object") sources.leave(source);
    return source;
  };
  for (let i = 0; i < 111; i++) assert.ok(typeof come(0) === "object");
  for (let i = 0; i < 1_000; i++) assert.equal(come(0), "yours-spent");
  sources.sweep(1);
  assert.equal(remembered(sources), 1);
  // What was refused is not owed: some seconds make up for what was let in.
  assert.ok(typeof come(2_000) === "object");
  sources.sweep(200_000);
  assert.equal(remembered(sources), 0);
  for (let i = 0; i < 10_000; i++) {
    const source = sources.admit(`10.1.${i >> 8}.${i & 255}`, 0);
    if (typeof source === "object") sources.leave(source);
  }
  assert.ok(remembered(sources) <= 4_096);
});

test("a session keeps the revision that it logged in to; others, and its next, see the new", async () => {
  const folder = await ChannelFolder.make();
  await folder.revision("one", 1, { a: "a1", gone: "1" });
  await folder.revision("one", 2, { a: "a2 longer" });
  await folder.point("staging", { one: 1 });
  const serve = await ServeProcess.start(folder, {
    ftp: ftpStart({ passive: { from: 0, to: 0, announce: "10.9.8.7" } }),
  });
  try {
    const before = await RawFtp.login(serve.ftpPort);
    const notYet = await RawFtp.open(serve.ftpPort);
    await folder.point("staging", { one: 2 });
    await serve.reopen(1);
    assert.equal((await before.transfer("RETR /one/a")).bytes.toString(), "a1");
    assert.equal(await before.ask("SIZE /one/a"), "213 2");
    assert.equal((await before.transfer("NLST one")).bytes.toString(), "one/a\r\none/gone\r\n");
    await notYet.reply();
    await notYet.ask("USER anonymous");
    await notYet.ask("PASS another@");
    assert.equal((await notYet.transfer("RETR /one/a")).bytes.toString(), "a2 longer");
    assert.match((await notYet.transfer("RETR /one/gone")).reply, /^550 /);
    // Long after the lease of HTTP would have ended: `session` is 0 here.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    assert.equal((await before.transfer("RETR /one/gone")).bytes.toString(), "1");
    assert.equal(
      await before.ask("MLST /one/a"),
      "250-Listing\n type=file;size=2;modify=20261123140001;perm=r; /one/a\n250 End",
    );
    assert.equal(await before.ask("OPTS MLST size;type;unix.mode;"), "200 MLST OPTS type;size;");
    assert.equal(
      (await before.transfer("MLSD /one")).bytes.toString(),
      "type=file;size=2; a\r\ntype=file;size=1; gone\r\n",
    );
    assert.match(await before.ask("PASV"), /^227 .*\(10,9,8,7,\d+,\d+\)\.$/);
    before.destroy();
    const after = await RawFtp.login(serve.ftpPort);
    assert.equal((await after.transfer("RETR /one/a")).bytes.toString(), "a2 longer");
    after.destroy();
    notYet.destroy();
  } finally {
    await serve.stop();
    await folder.end();
  }
});

test("the sessions of one program at one address see one revision, as HTTP's connections do", async () => {
  const folder = await ChannelFolder.make();
  await folder.revision("one", 1, { a: "a1" });
  await folder.revision("one", 2, { a: "a2" });
  await folder.point("staging", { one: 1 });
  const serve = await ServeProcess.start(folder, { ftp: ftpStart(), session: { idle: 60_000, most: 60_000 } });
  try {
    const first = await RawFtp.login(serve.ftpPort);
    await folder.point("staging", { one: 2 });
    await serve.reopen(1);
    const second = await RawFtp.login(serve.ftpPort);
    assert.equal((await second.transfer("RETR /one/a")).bytes.toString(), "a1");
    first.destroy();
    second.destroy();
  } finally {
    await serve.stop();
    await folder.end();
  }
});

test("a missing blob is 451 and told once; a stop lets a transfer finish", async () => {
  const folder = await ChannelFolder.make();
  const [gone] = await folder.revision("one", 1, { gone: "gone", fine: "fine", big: 40_000_000 });
  await folder.point("staging", { one: 1 });
  const serve = await ServeProcess.start(folder, { ftp: ftpStart() });
  try {
    await rm(
      folder.blobPath(gone?.sha256 ?? (parseSha256("0".repeat(64)) as NonNullable<ReturnType<typeof parseSha256>>)),
    );
    const ftp = await RawFtp.login(serve.ftpPort);
    assert.match((await ftp.transfer("RETR /one/gone")).reply, /^451 /);
    assert.equal((await ftp.transfer("RETR /one/fine")).bytes.toString(), "fine");
    await serve.hear((said) => said.kind === "blob-missing" && said.path === "/one/gone");
    const data = await ftp.data();
    data.pause();
    assert.match(await ftp.ask("RETR /one/big"), /^150 /);
    const idle = await RawFtp.login(serve.ftpPort);
    serve.send({ kind: "stop" });
    assert.match(await idle.reply(), /^421 /);
    let bytes = 0;
    data.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    data.resume();
    assert.match(await ftp.reply(), /^226 /);
    await ftp.ended();
    assert.equal(await serve.ended(), 0);
    assert.equal(bytes, 40_000_000);
  } finally {
    await folder.end();
  }
});

test("a certificate that is none, and a range with no free port, are failures with their codes", async () => {
  const folder = await ChannelFolder.make();
  await folder.revision("one", 1, { a: "a" });
  await folder.point("staging", { one: 1 });
  const tls = { required: true, certificate: "x", key: "y", boundData: true };
  const withTls = ServeProcess.spawn(folder);
  const refused = await withTls.begin(folder, { ftp: ftpStart({ tls }) });
  assert.equal(refused.kind === "failed" && refused.code, "config.invalid");
  await withTls.stop();
  const holder = ServeProcess.spawn(folder);
  const held = await holder.begin(folder, {});
  const port = held.kind === "listening" ? (held.http?.port ?? 0) : 0;
  const taken = ServeProcess.spawn(folder);
  const none = await taken.begin(folder, {
    ftp: ftpStart({ passive: { from: port, to: port, announce: null } }),
  });
  assert.equal(none.kind === "failed" && none.code, "listen.failed");
  await taken.stop();
  await holder.stop();
  await folder.end();
});
