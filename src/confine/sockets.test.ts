import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { test } from "node:test";
import { HandedSockets } from "./handed-sockets.ts";
import { decodeAddress, encodeAddress } from "./socket-address.ts";
import { socketOpener } from "./sockets.ts";
import { syscalls } from "./syscalls.ts";

const skip = syscalls() === null ? "this machine's system calls are not written down" : false;
const nothing = new HandedSockets({}, 1);
const wanted = { name: "staging-http", host: "127.0.0.1", port: 0, backlog: 8, interface: null };

test("an address is one, however it is written", () => {
  const spellings: readonly (readonly [string, string])[] = [
    ["10.20.0.10", "10.20.0.10"],
    ["localhost", "127.0.0.1"],
    ["::", "::"],
    ["::1", "::1"],
    ["FD20:0:0::0010", "fd20::10"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["::ffff:10.1.2.3", "::ffff:a01:203"],
    ["fe80::", "fe80::"],
  ];
  for (const [written, host] of spellings)
    assert.deepEqual(decodeAddress(encodeAddress(written, 443)), { host, port: 443 }, written);
  assert.equal(decodeAddress(Buffer.from([1, 0, 0, 0])), null);
});

test("a socket that is opened listens, and nobody accepts from it here", { skip }, async () => {
  for (const host of ["127.0.0.1", "::1"]) {
    const [socket] = socketOpener(nothing)?.open({ ...wanted, host }) ?? [];
    assert.ok(socket !== undefined && socket.port > 0);
    const client = connect(socket.port, host);
    await once(client, "connect");
    const gone = new Promise((resolve) => client.on("error", () => undefined).once("close", resolve));
    socket.close();
    await gone;
    const refused = connect(socket.port, host);
    const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNREFUSED");
  }
});

test("what cannot be listened on is said, and tried again where it may pass", { skip }, async () => {
  const opener = socketOpener(nothing);
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const failure = { code: "listen.failed" };
  assert.throws(() => opener?.open({ ...wanted, port }), { ...failure, retry: "later" });
  assert.throws(() => opener?.open({ ...wanted, host: "192.0.2.1" }), { ...failure, retry: "never" });
  assert.throws(() => opener?.open({ ...wanted, interface: "no-such-0" }), { ...failure, retry: "never" });
  server.close();
});

test("sockets are handed over to the process that they are meant for, by name, once", () => {
  const env = {
    LISTEN_PID: "42",
    LISTEN_FDS: "3",
    LISTEN_FDNAMES: "staging-http:staging-pasv:staging-pasv",
    LANG: "C",
  };
  const handed = new HandedSockets(env, 42);
  assert.deepEqual(env, { LANG: "C" });
  assert.deepEqual(handed.take("staging-pasv"), [4, 5]);
  assert.deepEqual(handed.take("staging-pasv"), []);
  handed.expect(["staging-http", "staging-ftp"]);
  assert.throws(() => handed.expect(["staging-ftp"]), { code: "listen.failed" });
  const others = { LISTEN_PID: "41", LISTEN_FDS: "3", LISTEN_FDNAMES: "" };
  new HandedSockets(others, 42).expect([]);
  assert.deepEqual(others, {});
  for (const count of ["-1", "x", "9999", "1e3"])
    assert.throws(() => new HandedSockets({ LISTEN_PID: "42", LISTEN_FDS: count }, 42), { code: "listen.failed" });
});
