import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { needsProgram } from "../fixtures/needs.ts";
import { freePort, OtherServer, openFolder, removeFolder, runClient } from "../fixtures/other-server.ts";
import { ask, type RawAnswer } from "../fixtures/raw-http.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

/** A cache of the shelf: how it is started before a channel, in a folder of its own. The page docs/caches.md shows each. */
interface Cache {
  readonly name: string;
  readonly program: string;
  readonly debianPackage: string;
  /** Milliseconds for which it may answer for a name without asking. */
  readonly unasked: number;
  start(folder: string, port: number, channel: number): Promise<OtherServer>;
}

const nginx: Cache = {
  name: "nginx",
  program: "nginx",
  debianPackage: "nginx-light",
  // It keeps nothing at all of what is `no-cache`; told to keep it, for up to two seconds: it counts whole ones.
  unasked: 2_000,
  async start(folder, port, channel) {
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join(" ");
    const user = process.getuid?.() === 0 ? "user root;" : "";
    await writeFile(
      path.join(folder, "nginx.conf"),
      `${user} pid ${folder}/pid; error_log stderr; daemon off; worker_processes 1; events {}
       http {
         access_log off; ${temporary}
         proxy_cache_path ${folder}/cache keys_zone=ringfort:10m max_size=1g inactive=30d use_temp_path=off;
         upstream channel { server 127.0.0.1:${channel}; keepalive 8; }
         server {
           listen 127.0.0.1:${port};
           proxy_http_version 1.1;
           proxy_set_header Connection "";
           proxy_set_header Host $host;
           proxy_cache ringfort;
           proxy_cache_key $uri;
           proxy_cache_revalidate on;
           gzip off;
           location / {
             proxy_pass http://channel;
             proxy_ignore_headers Cache-Control;
             proxy_cache_valid 200 1s;
           }
           location ^~ /by-hash/ { proxy_pass http://channel; }
           location ^~ /.ringfort/ { proxy_pass http://channel; proxy_cache off; }
         }
       }`,
    );
    const args = ["-e", "stderr", "-p", folder, "-c", path.join(folder, "nginx.conf")];
    return OtherServer.start(folder, port, "nginx", args);
  },
};

const varnish: Cache = {
  name: "Varnish",
  program: "varnishd",
  debianPackage: "varnish",
  unasked: 0,
  async start(folder, port, channel) {
    await writeFile(
      path.join(folder, "channel.vcl"),
      `vcl 4.1;
       backend channel { .host = "127.0.0.1"; .port = "${channel}"; }
       sub vcl_backend_response {
         if (beresp.http.Cache-Control ~ "no-cache" && beresp.status == 200) {
           set beresp.ttl = 1ms;
           set beresp.grace = 0s;
           set beresp.keep = 30d;
           set beresp.uncacheable = false;
           return (deliver);
         }
       }`,
    );
    const args = ["-F", "-n", path.join(folder, "work"), "-j", "none", "-a", `127.0.0.1:${port}`];
    const more = ["-f", path.join(folder, "channel.vcl"), "-s", "malloc,64m"];
    return OtherServer.start(folder, port, "varnishd", [...args, ...more]);
  },
};

const squid: Cache = {
  name: "Squid",
  program: "squid",
  debianPackage: "squid",
  unasked: 0,
  async start(folder, port, channel) {
    const lines = [
      `http_port 127.0.0.1:${port} accel no-vhost defaultsite=127.0.0.1`,
      `cache_peer 127.0.0.1 parent ${channel} 0 no-query originserver name=channel`,
      "http_access allow all",
      "cache_peer_access channel allow all",
      "cache_mem 64 MB",
      "maximum_object_size_in_memory 8 MB",
      "memory_cache_mode always",
      "pinger_enable off",
      "access_log none",
      "cache_store_log none",
      `cache_log ${folder}/cache.log`,
      `pid_filename ${folder}/squid.pid`,
      `coredump_dir ${folder}`,
      "shutdown_lifetime 0 seconds",
      "netdb_filename none",
      "icp_port 0",
      "visible_hostname cache",
    ];
    await writeFile(path.join(folder, "squid.conf"), `${lines.join("\n")}\n`);
    // As root it becomes the user "proxy", whose files these are then.
    if (process.getuid?.() === 0) await runClient("chown", ["-R", "proxy", folder]);
    return OtherServer.start(folder, port, "squid", ["-N", "-n", `t${port}`, "-f", path.join(folder, "squid.conf")]);
  },
};

/** Some more than a time: clocks are not ours alone. */
const pause = (time: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, time === 0 ? 20 : time + 300));

const SIZE = 300_000;
const contents = (mark: string): Map<string, Buffer> =>
  new Map([
    ["index", Buffer.from(`this is ${mark}`)],
    ["pool/big.bin", Buffer.alloc(SIZE, mark)],
  ]);
const sha = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const BIG = contents("v1").get("pool/big.bin") ?? assert.fail();
const DIGEST = `sha-256=:${createHash("sha256").update(BIG).digest("base64")}:`;

describe("a standard cache before a channel", { concurrency: false, timeout: 180_000 }, () => {
  let http: HttpVendor;
  let daemon: TestDaemon;
  let folder: string;
  let channel: number;

  const move = (kind: "promote" | "rollback"): Promise<unknown> =>
    daemon.must({ verb: kind, source: "one", channel: "production", revision: null, reason: "", by: "test" });

  before(async () => {
    folder = await openFolder();
    http = await startHttpVendor({});
    daemon = await startTestDaemon({
      config: {
        channels: {
          staging: { listen: "127.0.0.1:0" },
          // All of these caches ask from the loopback.
          production: { listen: "127.0.0.1:0", caches: ["127.0.0.0/8"] },
        },
        session: { idle: 60_000, most: 120_000 },
      },
    });
    const vendor = new SignedListVendor(http, "one");
    for (const [i, mark] of ["v1", "v2"].entries()) {
      vendor.publish(contents(mark), Date.now() + i * 60_000);
      if (i === 0) await daemon.addSource(vendor.source());
      const result = await daemon.sync("one");
      assert.ok("run" in result && result.run.outcome === "new-revision", JSON.stringify(result));
      if (i === 0) await move("promote");
    }
    channel = Number(new URL(await daemon.url("production")).port);
  });

  after(async () => {
    await daemon?.end();
    await http?.close();
    await removeFolder(folder);
  });

  /** What the channel's server was asked, by the access log, once it stands there. */
  const asked = async (path_: string): Promise<readonly string[]> => {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const log = await readFile(path.join(daemon.data, "logs/production.access.log"), "latin1");
    const fields = /#Fields: (.*)/.exec(log)?.[1]?.split(" ") ?? [];
    const at = (name: string): number => fields.indexOf(name);
    return log
      .split("\n")
      .map((line) => line.split(" "))
      .filter((line) => line[at("cs-uri-stem")] === path_)
      .map((line) => line[at("sc-status")] ?? "");
  };

  for (const cache of [nginx, varnish, squid]) {
    test(`${cache.name}: by-hash addresses without asking, names always asked for, digests kept, moves seen at once`, {
      skip: needsProgram(cache.program, cache.debianPackage),
    }, async () => {
      const home = path.join(folder, cache.name);
      await mkdir(home);
      const server = await cache.start(home, await freePort(), channel);
      const get = (target: string, headers: readonly string[] = []): Promise<RawAnswer> =>
        ask(server.port, target, headers);
      try {
        // A content under its digest: asked for once, kept for a year, whole and in parts.
        const address = `/by-hash/sha256/${sha(BIG)}`;
        const before = (await asked(address)).length;
        for (let i = 0; i < 3; i++) {
          const answer = await get(address);
          assert.equal(answer.status, 200);
          assert.equal(sha(answer.body), sha(BIG));
          assert.equal(answer.headers["repr-digest"], DIGEST);
          assert.equal(answer.headers["etag"], `"${sha(BIG)}"`);
          assert.match(answer.headers["cache-control"] ?? "", /max-age=31536000, immutable/);
        }
        const part = await get(address, ["Range: bytes=1000-1999"]);
        assert.deepEqual([part.status, part.body.length], [206, 1_000]);
        assert.equal(part.headers["content-range"], `bytes 1000-1999/${SIZE}`);
        assert.equal(part.headers["repr-digest"], DIGEST, "of the whole, in a part too");
        assert.deepEqual((await asked(address)).slice(before), ["200"], "one request reached the channel");

        // A name: kept, and asked for each time, by its ETag.
        const name = "/one/pool/big.bin";
        const earlier = (await asked(name)).length;
        for (let i = 0; i < 3; i++) {
          await pause(cache.unasked);
          const answer = await get(name);
          assert.equal(sha(answer.body), sha(BIG));
          assert.equal(answer.headers["repr-digest"], DIGEST);
        }
        const half = await get(name, ["Range: bytes=0-149999"]);
        assert.deepEqual(
          [half.status, half.body.length, sha(half.body)],
          [206, 150_000, sha(BIG.subarray(0, 150_000))],
        );
        assert.deepEqual((await asked(name)).slice(earlier, earlier + 3), ["200", "304", "304"]);

        // What is not there is not remembered: the promotion brings it.
        const next = contents("v2").get("index") ?? assert.fail();
        assert.equal((await get(`/by-hash/sha256/${sha(next)}`)).status, 404);
        for (const [kind, mark] of [
          ["promote", "v2"],
          ["rollback", "v1"],
          ["promote", "v2"],
          ["rollback", "v1"],
        ] as const) {
          await move(kind);
          await pause(cache.unasked);
          // At the first request after the move, in the middle of every lease.
          assert.equal((await get("/one/index", ["User-Agent: same"])).body.toString(), `this is ${mark}`);
          const hidden = await get(`/by-hash/sha256/${sha(next)}`);
          if (mark === "v2") assert.deepEqual([hidden.status, hidden.body.toString()], [200, "this is v2"]);
        }
        assert.equal((await get("/.ringfort/channel")).body.toString(), '{"ringfort":1,"channel":"production"}\n');
      } finally {
        await server.stop();
      }
    });
  }
});
