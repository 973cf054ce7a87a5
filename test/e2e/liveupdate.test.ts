import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { SourceSpecInput } from "../../src/core/model/source.ts";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { type FtpVendor, startFtpVendor } from "../upstream/ftp-vendor.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { type LiveupdateVendor, makeLiveupdateVendor } from "../upstream/liveupdate-vendor.ts";

type Feed = Extract<SourceSpecInput["feed"], { readonly format: "liveupdate" }>;

/** LiveUpdate content from a vendor to clients, over real sockets: everything comes out byte for byte as it went in. */
describe("a LiveUpdate vendor is mirrored", () => {
  let http: HttpVendor;
  let ftp: FtpVendor;
  let daemon: TestDaemon;

  before(async () => {
    http = await startHttpVendor({});
    ftp = await startFtpVendor({});
    daemon = await startTestDaemon({ config: { session: { idle: 0, most: 0 } } });
  });
  after(async () => {
    await daemon?.end();
    await http?.close();
    await ftp?.close();
  });

  const sync = async (source: string): Promise<string> => {
    const result = await daemon.sync(source);
    return "run" in result ? result.run.outcome : result.code;
  };

  const get = async (channel: string, path: string): Promise<Response> =>
    await fetch(`${await daemon.url(channel)}${path}`);

  /** Asserts that a channel serves these files as the vendor has them, and none of those. */
  const serves = async (
    channel: string,
    source: string,
    vendor: LiveupdateVendor,
    paths: readonly string[],
    not: readonly string[] = [],
  ): Promise<void> => {
    for (const path of paths) {
      const response = await get(channel, `${source}/${path}`);
      assert.equal(response.status, 200, path);
      const body = Buffer.from(await response.arrayBuffer());
      assert.ok(body.equals(vendor.files.get(path) ?? Buffer.alloc(0)), `${path} is not what the vendor has`);
    }
    for (const path of not) {
      const response = await get(channel, `${source}/${path}`);
      await response.arrayBuffer();
      assert.equal(response.status, 404, path);
    }
  };

  const vendorAt = (name: string, products?: readonly string[]): LiveupdateVendor => {
    const vendor = makeLiveupdateVendor({ bytes: 8_000, ...(products === undefined ? {} : { products }) });
    vendor.attach(http.files, `/${name}/`);
    vendor.attach(ftp.files, `${name}/`);
    return vendor;
  };

  /** What the indexes of today's products name, with the indexes and the flag. */
  const present = (vendor: LiveupdateVendor): readonly string[] => [
    "minitri.flg",
    ...vendor.products
      .filter(({ legacy }) => !legacy)
      .flatMap(({ key }) => [vendor.indexPath(key), ...vendor.sideFiles(key)]),
  ];

  const askedOf = (name: string, from: number): readonly string[] =>
    http.requests
      .slice(from)
      .filter(({ path }) => path.startsWith(`/${name}/`))
      .map(({ path }) => decodeURIComponent(path).slice(name.length + 2));

  test("over HTTP, then over passive FTP, staged and released", async (t) => {
    const name = "antivirus";
    const vendor = vendorAt(name);
    await daemon.addSource(vendor.source(name, [`${http.url}/${name}/`, `${ftp.url}/${name}/`]));

    await t.test("everything that an index names, byte for byte, and no orphan", async () => {
      assert.equal(await sync(name), "new-revision");
      await serves("staging", name, vendor, present(vendor), [...vendor.orphans(), "livetri.zip"]);
      assert.deepEqual(ftp.commands, [], "HTTP comes first");
    });

    await t.test("production is empty until a person releases", async () => {
      await serves("production", name, vendor, [], present(vendor));
      const wish = { source: name, channel: "production", revision: null, reason: "test", by: "test" } as const;
      await daemon.must({ verb: "promote", ...wish });
      await serves("production", name, vendor, present(vendor));
    });

    await t.test("an index is found under both spellings of its blanks", async () => {
      const path = vendor.indexPath("definitions");
      assert.match(path, /^example\$20av\$20definitions_1\.0_symalllanguages_livetri\.zip$/);
      for (const spelled of [path, path.replaceAll("$", "%24")]) {
        const response = await get("staging", `${name}/${spelled}`);
        assert.equal(response.status, 200, spelled);
        await response.arrayBuffer();
      }
      assert.ok(
        http.requests.some((request) => request.path === `/${name}/${path}`),
        "the upstream is asked for $20 as it stands",
      );
    });

    await t.test("a second run brings nothing, and asks for no package", async () => {
      const from = http.requests.length;
      assert.equal(await sync(name), "nothing-new");
      assert.deepEqual(
        askedOf(name, from).filter((path) => !path.endsWith("_livetri.zip")),
        [],
      );
    });

    await t.test("another revision: only what is new is asked for", async () => {
      const held = new Set(present(vendor));
      vendor.advance();
      const fresh = present(vendor).filter((path) => !held.has(path));
      const from = http.requests.length;
      assert.equal(await sync(name), "new-revision");
      assert.deepEqual(
        askedOf(name, from)
          .filter((path) => !path.endsWith("_livetri.zip"))
          .toSorted(),
        fresh.toSorted(),
      );
      assert.ok(fresh.length >= 4 && fresh.length < held.size / 2, `${fresh.length} of ${held.size}`);
      await serves("staging", name, vendor, present(vendor), vendor.orphans());
    });

    await t.test("HTTP is blocked: passive FTP brings the next revision", async () => {
      vendor.advance();
      http.faults.set("*", { kind: "drop" });
      assert.equal(await sync(name), "new-revision");
      http.faults.clear();
      assert.ok(ftp.commands.some((command) => command.startsWith("RETR ")));
      assert.ok(!ftp.commands.some((command) => /^(?:PORT|EPRT)/.test(command)));
      await serves("staging", name, vendor, present(vendor), vendor.orphans());
    });
  });

  test("thirty revisions, three a day: each is taken, and each is complete", async () => {
    const name = "thirty";
    const vendor = vendorAt(name, ["definitions", "streaming"]);
    await daemon.addSource(vendor.source(name, [`${http.url}/${name}/`]));
    assert.equal(await sync(name), "new-revision");
    for (let revision = 0; revision < 30; revision += 1) {
      vendor.advance();
      assert.equal(await sync(name), "new-revision", `revision ${vendor.revision}`);
    }
    await serves("staging", name, vendor, present(vendor), vendor.orphans());
    const { runs } = await daemon.must({ verb: "log", what: "runs", source: name, limit: 100 });
    assert.deepEqual(
      runs.map(({ revision }) => revision).toSorted((a, b) => (a ?? 0) - (b ?? 0)),
      Array.from({ length: 31 }, (_, at) => at + 1),
    );
  });

  test("found by listing: selected by what the signed text says; orphans are dropped and counted", async () => {
    const name = "listed";
    const vendor = vendorAt(name);
    const index = { kind: "listing", folders: ["", "streaming/"] } as const;
    const select = { product: ["example*"], version: ["1.*"], language: ["all"] };
    const feed: Feed = {
      format: "liveupdate",
      index: { ...index, folders: [...index.folders] },
      select,
      updates: "new",
    };
    await daemon.addSource(vendor.source(name, [`${http.url}/${name}/`], { feed }));
    assert.equal(await sync(name), "new-revision");
    const taken = ["definitions", "streaming"].flatMap((key) => [vendor.indexPath(key), ...vendor.sideFiles(key)]);
    const left = ["definitions-2", "client-english"].flatMap((key) => [
      vendor.indexPath(key),
      ...vendor.sideFiles(key),
    ]);
    await serves("staging", name, vendor, taken, [...left, ...vendor.orphans()]);
    const orphans = vendor.orphans().length;
    assert.ok(orphans >= 8);
    assert.match(daemon.events(), new RegExp(`"event":"feed.orphans","source":"${name}","orphans":${orphans}\\b`));
  });

  test("the old index of everything", async () => {
    const name = "full";
    const vendor = vendorAt(name);
    const feed: Feed = { format: "liveupdate", index: { kind: "full" } };
    await daemon.addSource(vendor.source(name, [`${http.url}/${name}/`], { feed }));
    assert.equal(await sync(name), "new-revision");
    const inRoot = vendor.products.filter(({ folder }) => folder === "").flatMap(({ key }) => vendor.sideFiles(key));
    await serves("staging", name, vendor, ["livetri.zip", ...inRoot], vendor.orphans());
    vendor.advance();
    assert.equal(await sync(name), "new-revision");
  });

  test("the catalog of products, of the expired chain, is a source of its own", async () => {
    const name = "catalog";
    const vendor = vendorAt(name);
    const feed: Feed = { format: "liveupdate", index: { kind: "none" }, extras: ["SymantecProductCatalog.zip"] };
    const changes = { feed, trust: vendor.oldTrust("modern") };
    await daemon.addSource(vendor.source(name, [`${http.url}/${name}/`], changes));
    assert.equal(await sync(name), "new-revision");
    await serves("staging", name, vendor, ["SymantecProductCatalog.zip"], ["minitri.flg"]);
    assert.equal(await sync(name), "nothing-new");
    vendor.put("SymantecProductCatalog.zip", vendor.catalog({ manner: { at: Date.UTC(2009, 0, 1) } }));
    assert.equal(await sync(name), "new-revision");
    await serves("staging", name, vendor, ["SymantecProductCatalog.zip"]);
  });

  test("a .jdb beside the indexes", async () => {
    const name = "jdb";
    const vendor = vendorAt(name, ["definitions"]);
    await daemon.addSource(
      vendor.source(name, [`${http.url}/${name}/`], { feed: { ...vendor.feed(), extras: ["example.jdb"] } }),
    );
    assert.equal(await sync(name), "new-revision");
    await serves("staging", name, vendor, ["example.jdb", ...present(vendor)]);
    assert.equal(await sync(name), "nothing-new");
    // Its index stays as it is, and says nothing of it.
    vendor.put("example.jdb", vendor.daily({}, vendor.revision + 1));
    assert.equal(await sync(name), "new-revision");
    await serves("staging", name, vendor, ["example.jdb", ...present(vendor)]);
  });

  test("the SHA-1 set of old, under its own profile and the expired root", async () => {
    const name = "legacy";
    const vendor = vendorAt(name, ["legacy"]);
    const products = vendor.products.map(({ identity, folder }) => ({ ...identity, folder }));
    const feed: Feed = { format: "liveupdate", index: { kind: "products", products } };
    await daemon.addSource(
      vendor.source(name, [`${http.url}/${name}/`], { feed, trust: vendor.oldTrust("legacy-sha1") }),
    );
    assert.equal(await sync(name), "new-revision");
    await serves("staging", name, vendor, [vendor.indexPath("legacy"), ...vendor.sideFiles("legacy")]);
  });
});
