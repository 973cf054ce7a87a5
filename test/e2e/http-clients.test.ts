import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rm, stat, writeFile } from "node:fs/promises";
import { after, before, beforeEach, describe, test } from "node:test";
import { ChannelFolder, MOVED_AT } from "../fixtures/channel-folder.ts";
import { ClientDesk, LOOPBACKS, shownHost } from "../fixtures/client-desk.ts";
import { needsProgram } from "../fixtures/needs.ts";
import { ServeProcess } from "../fixtures/serve-process.ts";

const body = randomBytes(6_000_000);
const SOME = 300_000;

/** The clients of the FTP matrix, over HTTP: download, listing, resume, and one that was killed and comes again. */
for (const host of LOOPBACKS) {
  describe(`real HTTP clients, at ${host}`, () => {
    let folder: ChannelFolder;
    let serve: ServeProcess;
    let desk: ClientDesk;
    let base = "";

    before(async () => {
      folder = await ChannelFolder.make();
      await folder.revision("one", 1, {
        "data.bin": body,
        "small.txt": "0123456789",
        "pool/g++_12 x.deb": "plus",
        "pool/deep/ü.txt": "umlaut",
      });
      await folder.point("staging", { one: 1 });
      serve = await ServeProcess.start(folder, { listen: { host, port: 0 } });
      base = `http://${shownHost(host)}:${serve.port}`;
    });

    beforeEach(async () => {
      desk = await ClientDesk.make(folder.root);
    });

    after(async () => {
      await serve?.stop();
      await folder?.end();
    });

    async function resumes(program: string, first: readonly string[], second: readonly string[]): Promise<void> {
      const bytes = await desk.interrupted(program, first, "data.bin", SOME);
      assert.ok(bytes >= SOME && bytes < body.length, `${bytes} bytes when it was killed`);
      await desk.run(program, second);
      await desk.gives("data.bin", body);
    }

    test("curl", { skip: needsProgram("curl", "curl") }, async () => {
      const args = ["-sS", "-f", "-R", "-o", "data.bin", `${base}/one/data.bin`];
      await desk.run("curl", args);
      assert.equal((await stat(desk.at("data.bin"))).mtimeMs, MOVED_AT + 1_000);
      await desk.gives("data.bin", body);
      // It reads a hundred buffers before it looks at the rate, each as large as the rate of a second: less than the file.
      await resumes("curl", ["--limit-rate", "50K", ...args], ["-C", "-", ...args]);
      assert.equal(await desk.run("curl", ["-sS", "-f", `${base}/one/pool/g++_12%20x.deb`]), "plus");
      assert.match(await desk.run("curl", ["-sS", "-f", `${base}/one/`]), /href="\.\/data\.bin"/);
      await assert.rejects(desk.run("curl", ["-sS", "-f", `${base}/one/absent`]));
    });

    test("wget", { skip: needsProgram("wget", "wget") }, async () => {
      await desk.run("wget", ["-q", `${base}/one/data.bin`]);
      await desk.gives("data.bin", body);
      await resumes("wget", ["-q", "--limit-rate=2m", `${base}/one/data.bin`], ["-q", "-c", `${base}/one/data.bin`]);
      await desk.run("wget", ["-q", "-r", "-np", "-nH", "-P", "tree", `${base}/one/`]);
      await desk.gives("tree/one/data.bin", body);
      await desk.gives("tree/one/pool/g++_12 x.deb", "plus");
      await desk.gives("tree/one/pool/deep/ü.txt", "umlaut");
    });

    test("lftp: get, pget, mirror by the listing page", { skip: needsProgram("lftp", "lftp") }, async () => {
      const set = "set net:max-retries 1; set net:timeout 5; set cmd:fail-exit yes";
      const lftp = (commands: string): string[] => ["-c", `${set}; ${commands}`];
      await resumes(
        "lftp",
        lftp(`set net:limit-rate 2000000; get -c ${base}/one/data.bin`),
        lftp(`get -c ${base}/one/data.bin`),
      );
      await desk.run("lftp", lftp(`pget -n 3 ${base}/one/data.bin`));
      await desk.gives("data.bin", body);
      await desk.run("lftp", lftp(`mirror ${base}/one/ m`));
      await desk.gives("m/data.bin", body);
      await desk.gives("m/pool/deep/ü.txt", "umlaut");
      await rm(desk.at("m"), { recursive: true });
    });

    test("busybox wget", { skip: needsProgram("busybox", "busybox") }, async () => {
      await desk.run("busybox", ["wget", "-q", `${base}/one/data.bin`]);
      await desk.gives("data.bin", body);
      const again = ["-c", `busybox wget -q -c ${base}/one/data.bin`];
      await resumes("sh", ["-c", `ulimit -f 4000; busybox wget -q ${base}/one/data.bin`], again);
    });

    test("aria2, four connections", { skip: needsProgram("aria2c", "aria2") }, async () => {
      const args = ["-q", "-x4", "-s4", "-k1M", "--file-allocation=none", `${base}/one/data.bin`];
      await desk.run("aria2c", args);
      await desk.gives("data.bin", body);
      await resumes("aria2c", ["--max-overall-download-limit=2M", ...args], args);
    });

    test("axel, four connections", { skip: needsProgram("axel", "axel") }, async () => {
      const args = ["-q", "-n4", "-o", "data.bin", `${base}/one/data.bin`];
      await desk.run("axel", args);
      await desk.gives("data.bin", body);
      await resumes("axel", ["-s", "2000000", ...args], args);
    });

    test("tnftp", { skip: needsProgram("tnftp", "tnftp") }, async () => {
      await desk.run("tnftp", ["-o", "data.bin", `${base}/one/data.bin`]);
      await desk.gives("data.bin", body);
      await writeFile(desk.at("data.bin"), body.subarray(0, 99_999));
      await desk.run("tnftp", ["-R", "-o", "data.bin", `${base}/one/data.bin`]);
      await desk.gives("data.bin", body);
    });

    test("lynx", { skip: needsProgram("lynx", "lynx") }, async () => {
      assert.match(await desk.run("lynx", ["-dump", `${base}/one/`]), /small\.txt/);
      assert.equal(await desk.run("lynx", ["-source", `${base}/one/small.txt`]), "0123456789");
    });

    test("python urllib", { skip: needsProgram("python3", "python3") }, async () => {
      const script = `
import sys, urllib.request
def get(**more): return urllib.request.urlopen(urllib.request.Request(sys.argv[1] + "/one/data.bin", headers=more), timeout=5)
open("data.bin", "wb").write(get().read(1234))
rest = get(Range="bytes=1234-"); print(rest.status, rest.headers["Content-Range"]); open("data.bin", "ab").write(rest.read())`;
      const said = await desk.run("python3", ["-c", script, base]);
      assert.equal(said, `206 bytes 1234-${body.length - 1}/${body.length}\n`);
      await desk.gives("data.bin", body);
    });
  });
}
