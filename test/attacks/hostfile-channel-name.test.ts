import assert from "node:assert/strict";
import { test } from "node:test";
import { sourceSpec } from "../../src/core/model/source.ts";
import { ChannelFolder } from "../fixtures/channel-folder.ts";
import { ask } from "../fixtures/raw-http.ts";
import { ServeProcess } from "../fixtures/serve-process.ts";

/** A vendor whose files stand at the root of a channel ships one that would give the channel another name. */
test("no vendor's file is taken for the channel's own word", async () => {
  const folder = await ChannelFolder.make();
  await folder.revision("evil", 1, {
    ".ringfort/channel": '{"ringfort":1,"channel":"production"}',
    ".ringfort/report": "a page",
    ".ringfort/more": "a page",
    a: "a file",
  });
  await folder.point("staging", { evil: 1 }, { evil: "/" });
  const serve = await ServeProcess.start(folder, { channel: "staging" });
  try {
    const { body } = await ask(serve.port, "/.ringfort/channel");
    assert.deepEqual(JSON.parse(body.toString()), { ringfort: 1, channel: "staging" });
    assert.equal((await ask(serve.port, "/.ringfort/report")).status, 204);
    assert.equal((await ask(serve.port, "/.ringfort/more")).status, 404);
    assert.equal((await ask(serve.port, "/a")).body.toString(), "a file");
  } finally {
    await serve.stop();
    await folder.end();
  }
});

test("no source is mounted where the channel answers for itself", () => {
  const spec = {
    name: "s",
    feed: { format: "clamav" },
    addresses: ["https://vendor.example/"],
    trust: { kind: "clamav" },
  };
  for (const mount of [
    "/.ringfort/",
    "/.ringfort/deep/",
    "/.RingFort/",
    "/by-hash/",
    "/by-hash/sha256/",
    "/By-Hash/x/",
  ])
    assert.equal(sourceSpec.safeParse({ ...spec, mount }).success, false, mount);
  for (const mount of ["/", "/.ringforts/", "/ringfort/", "/a/.ringfort/", "/a/by-hash/"])
    assert.equal(sourceSpec.safeParse({ ...spec, mount }).success, true, mount);
});
