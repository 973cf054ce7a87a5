import assert from "node:assert/strict";
import { test } from "node:test";
import { startHttpVendor } from "../../../../test/upstream/http-vendor.ts";
import { fetchJob } from "../../../../test/upstream/run-fetch.ts";
import { Connections } from "./connections.ts";
import { firstHop, type Hop } from "./redirect.ts";

test("a connection is used again only by a request that was judged and trusted the same way", async () => {
  const vendor = await startHttpVendor();
  const connections = new Connections("Ringfort/test");
  const { network } = fetchJob(vendor.url);
  const { signal } = new AbortController();
  const own = firstHop(new URL(vendor.url));
  const judged: Hop = { ...own, judged: true, to: { ...own.to, addresses: [{ address: "127.0.0.1", family: 4 }] } };

  const first = await connections.take(own, network, 5_000, false, signal);
  connections.keep(first);
  // The address behind a name can have changed since it was reached without judgement (DNS rebinding).
  const redirected = await connections.take(judged, network, 5_000, false, signal);
  assert.equal(redirected.reused, false);
  connections.keep(redirected);
  assert.equal((await connections.take(judged, network, 5_000, false, signal)).reused, true);
  const again = await connections.take(own, network, 5_000, false, signal);
  assert.equal(again.socket, first.socket);

  for (const { socket } of [again, redirected]) socket.destroy();
  connections.close();
  await vendor.close();
});

test("a kept connection that the server speaks on, or closes, is not used again", async () => {
  const vendor = await startHttpVendor();
  const connections = new Connections("Ringfort/test");
  const { network } = fetchJob(vendor.url);
  const { signal } = new AbortController();
  const hop = firstHop(new URL(vendor.url));
  const first = await connections.take(hop, network, 5_000, false, signal);
  // What makes the server answer and hang up, though nothing was asked through an exchange.
  first.socket.send("nonsense\r\n\r\n");
  connections.keep(first);
  while (first.socket.usable) await new Promise((resolve) => setTimeout(resolve, 5));
  const second = await connections.take(hop, network, 5_000, false, signal);
  assert.equal(second.reused, false);
  second.socket.destroy();
  connections.close();
  await vendor.close();
});
