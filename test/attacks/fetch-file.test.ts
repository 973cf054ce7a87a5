import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { needsProgram } from "../fixtures/needs.ts";
import { fetchJob, patternBytes, runFetch } from "../upstream/run-fetch.ts";

/** Threat: what lies in a folder is not the plain file that it looks like. */
describe("attack: files that are none", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-file-"));
  after(() => rm(folder, { recursive: true }));
  const url = (name: string): string => pathToFileURL(path.join(folder, name)).href;

  test("a FIFO does not hang us", { skip: needsProgram("mkfifo", "coreutils") }, async () => {
    execFileSync("mkfifo", [path.join(folder, "fifo")]);
    const { answer } = await runFetch(fetchJob(url("fifo"), { caps: { wallTime: 2_000 } }));
    assert.equal(answer.kind === "failed" && `${answer.code} ${answer.retry}`, "upstream.malformed never");
  });

  test("a link, a folder and a device are no files", async () => {
    await writeFile(path.join(folder, "real"), "x");
    await symlink("real", path.join(folder, "link"));
    await mkdir(path.join(folder, "folder"));
    assert.equal((await runFetch(fetchJob(url("link")))).end, "upstream.malformed");
    assert.equal((await runFetch(fetchJob(url("folder")))).end, "upstream.malformed");
    assert.equal((await runFetch(fetchJob("file:///dev/zero"))).end, "upstream.malformed");
  });

  test("a listing shows neither links nor FIFOs", async () => {
    await writeFile(path.join(folder, "folder", "a.bin"), "abc");
    await symlink("/etc/passwd", path.join(folder, "folder", "b.bin"));
    const { end, head, bytes } = await runFetch(fetchJob(url("folder/"), { list: true }));
    assert.deepEqual([end, head?.dialect], ["done", "names"]);
    const names = Buffer.from(bytes).toString().trim().split("\n");
    assert.deepEqual(
      names.map((line) => /"name":"([^"]*)"/.exec(line)?.[1]),
      ["a.bin"],
    );
  });

  test("a listing over the cap is refused", async () => {
    const job = fetchJob(url("folder/"), { list: true, caps: { bytes: 10 } });
    assert.equal((await runFetch(job)).end, "upstream.over-cap");
  });

  test("a file that is written while it is read has changed", async () => {
    const name = path.join(folder, "growing");
    await writeFile(name, patternBytes(2_000_000));
    const onData = (total: number): void => {
      if (total < 1_000_000) appendFileSync(name, "more");
    };
    const { answer } = await runFetch(fetchJob(url("growing")), { slow: 30, onData });
    assert.equal(answer.kind === "failed" && `${answer.code} ${answer.retry}`, "upstream.changed later");
  });

  test("an address with a host, a coded slash or a control character is no path of ours", async () => {
    for (const address of [
      "file://server/share/a",
      "file:///tmp/a%2fb",
      "file:///tmp/a%00b",
      "file:///tmp/a%0ab",
      "file:///%ff",
    ]) {
      assert.equal((await runFetch(fetchJob(address))).end, "address.unsupported", address);
    }
  });

  test("an address of a kind that nobody fetches is refused", async () => {
    for (const address of ["gopher://a/b", "no address", "constructor:x"]) {
      assert.equal((await runFetch(fetchJob(address))).end, "address.unsupported", address);
    }
  });
});
