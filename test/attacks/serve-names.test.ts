import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { ask, exchangeRaw, readAnswer } from "../fixtures/raw-http.ts";
import { ServeProcess } from "../fixtures/serve-process.ts";

const SECRET = "a secret outside of the view";

/** Ways to say "somewhere else". `SECRET` lies at each place that one of them would lead to if a path were joined. */
const SPELLINGS = [
  "/../secret",
  "/one/../secret",
  "/one/../../secret",
  "/one/../../../../../../../../etc/passwd",
  "/one/./a",
  "/./one/a",
  "//one/a",
  "/one//a",
  "///etc/passwd",
  "/one/a/",
  "/one/a/..",
  "/one/a/../a",
  "/%2e%2e/secret",
  "/one/%2e%2e/%2e%2e/secret",
  "/one/.%2e/.%2e/secret",
  "/one/%2e%2e%2f%2e%2e%2fsecret",
  "/one%2fa",
  "/one%2Fa",
  "%2fone%2fa",
  "/one/%252e%252e/%252e%252e/secret",
  "/one/%c0%ae%c0%ae/secret",
  "/one/%c0%af..%c0%afsecret",
  "/one/%e0%80%ae%e0%80%ae/secret",
  "/one/%f0%80%80%ae/secret",
  "/one/%uff0e%uff0e/secret",
  "/one/\uff0e\uff0e/secret",
  "/one\\..\\..\\secret",
  "/one/..\\..\\secret",
  "/one/%5c..%5c..%5csecret",
  "/one/..;/..;/secret",
  "/one/a%00",
  "/one/a%00.txt",
  "/one/%00../secret",
  "/one/a%20",
  "/one/a.",
  "/one/a::$DATA",
  "/one/a%3a%3a$DATA",
  "/ONE/a",
  "/one/A",
  "/C:/secret",
  "/C%3a/secret",
  "/file:///etc/passwd",
  "/proc/self/environ",
  "/blobs/sha256",
  "/views/channels/staging.json",
  "/staging.json",
  "/.../.../secret",
  "/one/linked",
  "http://mirror/../secret",
  "http://mirror/one/../../secret",
  "file:///etc/passwd",
  "secret",
  "/one/%",
  "/one/%zz",
  "/one/%a",
  `/${"../".repeat(1_000)}etc/passwd`,
  `/one/${"a/".repeat(2_000)}`,
];

describe("names that would lead elsewhere", () => {
  let folder: ChannelFolder;
  let serve: ServeProcess;

  before(async () => {
    folder = await ChannelFolder.make();
    await folder.revision("one", 1, { a: "the file", "sub/b": "another" });
    await folder.point("staging", { one: 1 });
    for (const place of [
      "secret",
      "blobs/secret",
      "blobs/sha256/secret",
      "views/secret",
      "views/channels/secret",
      "views/revisions/secret",
    ]) {
      await mkdir(path.dirname(path.join(folder.root, place)), { recursive: true });
      await writeFile(path.join(folder.root, place), SECRET);
    }
    await symlink("../../../../secret", path.join(folder.views, "revisions/one/linked"));
    serve = await ServeProcess.start(folder);
  });

  after(async () => {
    await serve.stop();
    await folder.end();
  });

  test(`${SPELLINGS.length} of them are not found, and show nothing`, async () => {
    for (const spelling of SPELLINGS) {
      const answer = await ask(serve.port, Buffer.from(spelling).toString("latin1"));
      const text = answer.body.toString("latin1");
      // What is no target at all is refused by the parser before us.
      assert.ok(
        answer.status === 404 || (answer.status === 400 && !/^\/[ -~]*$/.test(spelling)),
        `${spelling}: ${answer.status}`,
      );
      assert.ok(
        !text.includes(SECRET) && !text.includes("root:") && !text.includes("the file") && !text.includes(folder.root),
        spelling,
      );
      assert.ok(text === "" || text === "Not found\n", spelling);
    }
    assert.equal((await ask(serve.port, "/one/a")).body.toString(), "the file");
  });

  test("a client that misses is told 404 for ever, never 403 or 429, however often", async () => {
    const statuses = new Set<number>();
    for (let i = 0; i < 300; i++) {
      const wanted = `GET /one/absent-${i} HTTP/1.1\r\nHost: m\r\nUser-Agent: ClamAV/1.4.6\r\nConnection: close\r\n\r\n`;
      statuses.add(readAnswer(await exchangeRaw(serve.port, wanted)).status);
    }
    assert.deepEqual([...statuses], [404]);
  });

  test("no name and no header puts a line into the log, or a field into the answer", async () => {
    const names = [
      "/one/%0d%0aSet-Cookie:%20x=1",
      "/one/%0aHTTP/1.1%20200%20OK",
      "/one/a%0d%0a%0d%0a<script>",
      "/one/sub%0d%0aX-Injected:%20y",
      "/%0d%0aLocation:%20http://evil/",
    ];
    for (const name of names) {
      const answer = await ask(serve.port, name, [
        "User-Agent: a\tb %0d%0a \u00e4 #Fields: forged",
        "Referer: #Date: forged",
      ]);
      assert.equal(answer.status, 404);
      for (const header of ["set-cookie", "x-injected", "location"]) assert.equal(answer.headers[header], undefined);
    }
    // A bare line end inside a field is no field at all.
    for (const raw of [
      "GET /one/a HTTP/1.1\r\nHost: m\r\nUser-Agent: a\nforged line\r\n\r\n",
      "GET /one/a\nforged HTTP/1.1\r\nHost: m\r\n\r\n",
    ]) {
      assert.equal(readAnswer(await exchangeRaw(serve.port, raw)).status, 400);
    }
    const redirect = await ask(serve.port, "/one");
    assert.deepEqual([redirect.status, redirect.headers["location"]], [301, "/one/"]);
    assert.equal((await ask(serve.port, "//evil.example/..")).status, 404);
    await serve.stop();
    for (const line of serve.log().trimEnd().split("\n").slice(3)) {
      assert.match(line, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d staging 127\.0\.0\.1( [!-~]+){15}$/);
    }
  });
});
