import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { ChannelFolder } from "../../../../test/fixtures/channel-folder.ts";
import { ask, type RawAnswer } from "../../../../test/fixtures/raw-http.ts";
import { ServeProcess } from "../../../../test/fixtures/serve-process.ts";

describe("what a channel says of itself", () => {
  let folder: ChannelFolder;
  let serve: ServeProcess;
  const get = (target: string, method = "GET", headers: readonly string[] = []): Promise<RawAnswer> =>
    ask(serve.port, target, headers, method);

  before(async () => {
    folder = await ChannelFolder.make();
    await folder.revision("one", 1, { a: "the file" });
    await folder.point("lab-2", { one: 1 });
    serve = await ServeProcess.start(folder, { channel: "lab-2" });
  });
  after(async () => {
    await serve.stop();
    await folder.end();
  });

  test("its name, which no cache may keep", async () => {
    const answer = await get("/.ringfort/channel");
    assert.equal(answer.status, 200);
    assert.deepEqual(JSON.parse(answer.body.toString()), { ringfort: 1, channel: "lab-2" });
    assert.equal(answer.headers["cache-control"], "no-store");
    assert.equal(answer.headers["content-type"], "application/json");
    assert.equal(answer.headers["content-length"], String(answer.body.length));
    const head = await get("/.ringfort/channel", "HEAD");
    assert.deepEqual(
      [head.status, head.headers["content-length"], head.body.length],
      [200, answer.headers["content-length"], 0],
    );
    assert.equal((await get("/.ringfort/channel?x=1")).status, 200);
    assert.equal((await get("/%2eringfort/channel")).status, 200);
  });

  test("a report is taken without a word, and stands in the access log", async () => {
    const answer = await get("/.ringfort/report?product=av&from=1&to=2&result=ok");
    assert.deepEqual([answer.status, answer.body.length, answer.headers["content-length"]], [204, 0, undefined]);
    assert.equal((await get("/.ringfort/report")).status, 204);
    await delay(500);
    assert.match(serve.log(), / GET \/\.ringfort\/report product=av&from=1&to=2&result=ok .* 204 /);
  });

  test("a report that says too much is refused, and a body is never read", async () => {
    assert.equal((await get(`/.ringfort/report?${"x".repeat(1_024)}`)).status, 204);
    assert.equal((await get(`/.ringfort/report?${"x".repeat(1_025)}`)).status, 414);
    assert.equal((await get("/.ringfort/report", "POST", ["Content-Length: 5"])).status, 405);
    assert.equal((await get("/.ringfort/report", "GET", ["Content-Length: 5"])).status, 413);
    assert.equal((await get("/.ringfort/channel", "PUT")).status, 405);
  });

  test("nothing else is there", async () => {
    for (const target of [
      "/.ringfort",
      "/.ringfort/",
      "/.ringfort/channel/",
      "/.ringfort/reports",
      "/.RINGFORT/channel",
    ])
      assert.equal((await get(target)).status, 404, target);
    assert.equal((await get("/one/a")).body.toString(), "the file");
  });
});
