import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { listLine, SignedListVendor } from "../upstream/signed-list.ts";

/**
 * Hostile and broken feeds against the whole house, with real processes and sockets: each is refused by its code, and
 * both channels serve afterwards, byte for byte, what they served before.
 */
const HOUR = 60 * 60 * 1_000;
const PATHS = ["a.bin", "sub/b.bin"] as const;

/** Content of one vendor's own: what another source has brought already would not be asked for again. */
function contentOf(name: string, edition: number): Map<string, Buffer> {
  return new Map([
    ["a.bin", Buffer.alloc(50_000, `${name} a ${edition} `)],
    ["sub/b.bin", Buffer.alloc(10_000, `${name} b `)],
  ]);
}

describe("a hostile feed changes nothing that clients see", () => {
  let http: HttpVendor;
  let daemon: TestDaemon;
  let count = 0;

  before(async () => {
    http = await startHttpVendor({});
    // No sessions: what is looked at is the present view, not the one that a client began with.
    daemon = await startTestDaemon({ config: { session: { idle: 0, most: 0 } } });
  });
  after(async () => {
    await daemon?.end();
    await http?.close();
  });

  const sync = async (name: string): Promise<string> => {
    try {
      const result = await daemon.sync(name);
      return "run" in result ? result.run.outcome : result.code;
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  };

  /** What both channels serve of a source. */
  const served = async (name: string): Promise<string> => {
    const seen: string[] = [];
    for (const channel of ["staging", "production"]) {
      for (const path of PATHS) {
        const response = await fetch(`${await daemon.url(channel)}${name}/${path}`);
        seen.push(
          `${channel} ${path} ${response.status} ${Buffer.from(await response.arrayBuffer()).toString("latin1")}`,
        );
      }
    }
    return seen.join("\n");
  };

  /** A source that has synced and been promoted once, an hour ago by its vendor's clock. */
  const settled = async (
    more: Parameters<SignedListVendor["source"]>[0] = {},
  ): Promise<{ readonly vendor: SignedListVendor; readonly name: string; readonly newer: Map<string, Buffer> }> => {
    count += 1;
    const name = `vendor-${count}`;
    const vendor = new SignedListVendor(http, name);
    vendor.publish(contentOf(name, 1), Date.now() - HOUR);
    await daemon.addSource(vendor.source(more));
    assert.equal(await sync(name), "new-revision");
    await daemon.must({
      verb: "promote",
      source: name,
      channel: "production",
      revision: null,
      reason: "test",
      by: "test",
    });
    return { vendor, name, newer: contentOf(name, 2) };
  };

  const refused = async (name: string, code: string): Promise<void> => {
    const before = await served(name);
    assert.equal(await sync(name), code);
    assert.equal(await served(name), before);
    const { runs } = await daemon.must({ verb: "log", what: "runs", source: name, limit: 1 });
    assert.equal(runs[0]?.code, code, "the record says why");
  };

  test("replayed old feed: an earlier list, validly signed", async () => {
    const { vendor, name, newer } = await settled();
    vendor.publish(newer, Date.now() - 2 * HOUR);
    await refused(name, "feed.older-than-held");
  });

  test("clock skew: a list signed two days ahead of our clock", async () => {
    const { vendor, name, newer } = await settled();
    vendor.publish(newer, Date.now() + 48 * HOUR);
    await refused(name, "feed.from-the-future");
  });

  test("clock skew: an upstream whose Last-Modified lies ahead is believed no further than our clock", async () => {
    const { vendor, name, newer } = await settled();
    vendor.publish(newer, Date.now());
    vendor.put("a.bin", newer.get("a.bin") ?? Buffer.alloc(0), Date.now() + 400 * 24 * HOUR);
    assert.equal(await sync(name), "new-revision");
    const response = await fetch(`${await daemon.url("staging")}${name}/a.bin`, { method: "HEAD" });
    const modified = response.headers.get("last-modified") ?? "";
    assert.ok(Date.parse(modified) <= Date.now() + HOUR, `${response.status} ${modified}`);
  });

  test("half-updated upstream: the new list, but old content", async () => {
    const { vendor, name, newer } = await settled();
    vendor.publish(newer, Date.now());
    vendor.put("a.bin", contentOf(name, 1).get("a.bin") ?? Buffer.alloc(0), Date.now());
    await refused(name, "artifact.digest-differs");
    // When the vendor has finished, the next run goes through.
    vendor.put("a.bin", newer.get("a.bin") ?? Buffer.alloc(0), Date.now());
    assert.equal(await sync(name), "new-revision");
  });

  test("half-updated upstream: a file that the list names is not there yet", async () => {
    const { vendor, name, newer } = await settled();
    vendor.publish(newer, Date.now(), [
      ...[...newer].map(([path, body]) => listLine(path, body)),
      listLine("late.bin", Buffer.from("late")),
    ]);
    await refused(name, "artifact.missing");
  });

  test("half-updated upstream: the list is new and its signature old", async () => {
    const { vendor, name, newer } = await settled();
    vendor.put("SHA256SUMS", Buffer.from([...newer].map(([path, body]) => listLine(path, body)).join("")), Date.now());
    await refused(name, "feed.signature-wrong");
  });

  test("a list signed by a stranger, and one not signed at all", async () => {
    const { name, newer } = await settled();
    const stranger = new SignedListVendor(http, name);
    stranger.publish(newer, Date.now());
    // Same key id, other key: as wrong as a forged signature, and said so.
    await refused(name, "feed.signature-wrong");
    http.files.delete(`/${name}/SHA256SUMS.minisig`);
    await refused(name, "feed.unsigned");
  });

  for (const [what, path, code] of [
    ["../ in a name", "../../etc/passwd", "feed.unsafe-name"],
    ["an absolute name", "/etc/passwd", "feed.unsafe-name"],
    ["a control character in a name", "a\u0007b", "feed.unsafe-name"],
    ["a backslash in a name", "..\\\\x", "feed.unsafe-name"],
    ["a name that turns the reading direction", "x\u202egpj.exe", "feed.unsafe-name"],
    ["case-colliding names", "A.BIN", "feed.name-collision"],
    ["a file where there is a folder", "sub", "feed.name-collision"],
    ["a name twice", "a.bin", "feed.duplicate-name"],
  ] as const) {
    test(`${what}, validly signed`, async () => {
      const { vendor, name, newer } = await settled();
      const escaped = path.includes("\\") ? `\\${listLine(path, Buffer.from("x"))}` : listLine(path, Buffer.from("x"));
      vendor.publish(newer, Date.now(), [...[...newer].map(([n, body]) => listLine(n, body)), escaped]);
      await refused(name, code);
    });
  }

  test("a feed that grows beyond its own history", async () => {
    const { vendor, name, newer } = await settled({ budget: { growth: 2 } });
    const many = new Map(Array.from({ length: 500 }, (_, index) => [`n/${index}`, Buffer.from(`${index}`)] as const));
    vendor.publish(new Map([...newer, ...many]), Date.now());
    await refused(name, "budget.growth");
  });

  test("more bytes in all than the run's budget, each file within its own", async () => {
    const { vendor, name } = await settled({ budget: { bytes: "400 KB" }, network: { parallel: 2 } });
    vendor.publish(
      new Map(Array.from({ length: 8 }, (_, index) => [`f${index}`, Buffer.alloc(100_000, String(index))] as const)),
      Date.now(),
    );
    await refused(name, "budget.total-bytes");
  });

  test("an upstream that drips below the least rate is left, and the next address is taken", async () => {
    count += 1;
    const name = `vendor-${count}`;
    const vendor = new SignedListVendor(http, name);
    vendor.publish(contentOf(name, 1), Date.now());
    for (const path of [...http.files.keys()].filter((path) => path.startsWith(`/${name}/`)))
      http.files.set(path.replace(`/${name}/`, `/${name}-slow/`), http.files.get(path) ?? { body: Buffer.alloc(0) });
    http.faults.set(`/${name}-slow/a.bin`, { kind: "drip", bytes: 10, every: 100 });
    const [good = ""] = vendor.source().addresses;
    await daemon.addSource(
      vendor.source({
        addresses: [`${http.url}/${name}-slow/`, good],
        budget: { leastRate: 2_000, leastRateWindow: "2s" },
      }),
    );
    assert.equal(await sync(name), "new-revision");
    assert.match(
      daemon.events(),
      new RegExp(`"event":"address.failed","source":"${name}","path":"a.bin","address":1,"code":"upstream.stalled"`),
    );
  });

  test("content of an unsigned source stays in staging, whatever is asked", async () => {
    count += 1;
    const name = `vendor-${count}`;
    const vendor = new SignedListVendor(http, name);
    vendor.publish(contentOf(name, 1), Date.now());
    const unsigned = vendor.source({
      trust: { kind: "none" },
      feed: { format: "directory", list: { kind: "files", files: ["a.bin"] } },
    });
    await daemon.addSource(unsigned);
    assert.equal(await sync(name), "new-revision");
    const wish = { verb: "promote", source: name, channel: "production", revision: 1, reason: "", by: "test" } as const;
    const answer = await daemon.ask(wish);
    assert.ok("code" in answer && answer.code === "promotion.unsigned-source", JSON.stringify(answer));
    // Trusting the source from now on does not vouch for what came before.
    await daemon.must({
      verb: "source-change",
      spec: { ...unsigned, trust: { kind: "pinned", digests: { "a.bin": "0".repeat(64) } } },
      by: "test",
    });
    const again = await daemon.ask(wish);
    assert.ok("code" in again && again.code === "promotion.unsigned-source", JSON.stringify(again));
    assert.equal((await fetch(`${await daemon.url("production")}${name}/a.bin`)).status, 404);
  });
});
