import assert from "node:assert/strict";
import { test } from "node:test";
import { TestQuarantine } from "../../../../test/fixtures/inspected.ts";
import { revisionOf } from "../../../../test/fixtures/intake.ts";
import { judgeLiveupdate, type LiveupdateReading, readLiveupdate } from "../../../../test/fixtures/read-liveupdate.ts";
import { digestHex, type Forgery, makeIndex } from "../../../../test/upstream/liveupdate/parts.ts";
import { makeLiveupdateVendor } from "../../../../test/upstream/liveupdate-vendor.ts";
import { guardSeries } from "../../../core/intake/guard-series.ts";
import { feedListing, type ListedArtifact, listingFindings } from "../../../core/model/feed-listing.ts";
import type { LiveupdateTrust, SourceSpecInput } from "../../../core/model/source.ts";
import { liveupdateFormat } from "./format.ts";

const NOW = Date.UTC(2026, 10, 1);
const MODERN = ["definitions", "definitions-2", "client-english", "client-portuguese", "streaming"];
const vendor = makeLiveupdateVendor({ now: NOW, bytes: 800, products: MODERN });
const legacy = makeLiveupdateVendor({ now: NOW, bytes: 800, products: ["legacy"] });

type FeedInput = Omit<Extract<SourceSpecInput["feed"], { readonly format: "liveupdate" }>, "format">;

interface Options {
  readonly files?: ReadonlyMap<string, Uint8Array>;
  readonly trust?: LiveupdateTrust;
}

const whole = (feed: FeedInput, { files = vendor.files, trust = vendor.trust() }: Options = {}) => ({
  files,
  feed,
  trust,
  now: NOW,
});

async function read(feed: FeedInput, options?: Options): Promise<LiveupdateReading> {
  const reading = await readLiveupdate(whole(feed, options));
  feedListing.parse(reading.listing);
  listingFindings.parse(reading.findings);
  return reading;
}

const paths = ({ listing }: LiveupdateReading) => listing.artifacts.map(({ path }) => path);
const named = ({ listing }: LiveupdateReading, path: string): ListedArtifact => {
  const found = listing.artifacts.find((artifact) => artifact.path === path);
  assert.ok(found !== undefined, path);
  return found;
};
const { format: _, ...PRODUCTS } = vendor.feed();
const folders = ["", "streaming/"];

test("products that are written down: their indexes are asked for by name, in one round, and the flag is never asked for", async () => {
  const reading = await read(PRODUCTS);
  assert.deepEqual(reading.rounds, [MODERN.map((key) => vendor.indexPath(key))]);
  assert.equal(reading.findings.malformed, null);
  const wanted = MODERN.flatMap((key) => [...vendor.sideFiles(key), vendor.indexPath(key)]);
  assert.deepEqual(paths(reading).toSorted(), [...wanted, "minitri.flg"].toSorted());
  assert.deepEqual(
    reading.findings.indexes,
    MODERN.map((key) => vendor.indexPath(key)),
  );
  assert.equal(reading.findings.orphans, 0);
  assert.equal(await judgeLiveupdate(whole(PRODUCTS)), "accepted");
});

test("each file is listed with what binds it", async () => {
  const reading = await read(PRODUCTS);
  for (const artifact of reading.listing.artifacts) {
    const bytes = vendor.files.get(artifact.path);
    assert.ok(bytes !== undefined && artifact.size === bytes.length, artifact.path);
    assert.deepEqual(artifact.digests, { sha256: digestHex("sha256", bytes) });
    assert.deepEqual(
      [artifact.series, artifact.version, artifact.optional, artifact.companion],
      [null, null, false, null],
    );
  }
  const [zip = "", exe = ""] = [vendor.sideFiles("definitions")[0], vendor.sideFiles("client-english")[0]];
  assert.deepEqual([named(reading, zip).inspect, named(reading, exe).inspect], [true, false]);
  assert.deepEqual(
    [named(reading, zip).immutable, named(reading, vendor.indexPath("definitions")).immutable],
    [true, false],
  );
  assert.equal(named(reading, "minitri.flg").made, Buffer.from(" ").toString("base64"));
  assert.ok(exe.endsWith(".exe") && zip.endsWith(".zip"));
});

test("packages come before the indexes that call for them", async () => {
  const order = paths(await read(PRODUCTS));
  const lastPackage = order.findLastIndex((path) => /(?:^|\/)\d{10}/.test(path));
  assert.ok(lastPackage < order.findIndex((path) => path.endsWith("_livetri.zip")));
});

test("each product moves in a series of its own, and each guard by its date", async () => {
  const series = new Map((await read(PRODUCTS)).listing.series.map(({ name, version }) => [name, version]));
  assert.equal(series.get("example av definitions 1.0 symalllanguages"), vendor.sequence("definitions"));
  assert.equal(series.get(`guard ${vendor.indexPath("definitions")}`), vendor.at() / 1_000);
  assert.equal(series.size, 2 * MODERN.length);
});

test("a product without an index has no updates; an upstream with none of them has nothing", async () => {
  const product = { product: "Nobody's", version: "1", language: "x", folder: "" };
  const { index } = PRODUCTS;
  assert.ok(index.kind === "products");
  const more = { index: { kind: "products" as const, products: [...index.products, product] } };
  assert.equal(await judgeLiveupdate(whole(more)), "accepted");
  const none = { index: { kind: "products" as const, products: [product] } };
  assert.deepEqual(paths(await read(none)), []);
  assert.equal(await judgeLiveupdate(whole(none)), "feed.empty");
});

test("an upstream that lists its folders: every index is read, and what no index names is an orphan", async () => {
  const reading = await read({ index: { kind: "listing", folders } });
  assert.deepEqual(reading.rounds[0], folders);
  assert.deepEqual(reading.rounds[1]?.toSorted(), MODERN.map((key) => vendor.indexPath(key)).toSorted());
  assert.deepEqual(paths(reading).toSorted(), paths(await read(PRODUCTS)).toSorted());
  assert.ok(vendor.orphans().length > 3);
  assert.equal(reading.findings.orphans, vendor.orphans().length);
  const gone = await read({ index: { kind: "listing", folders: ["gone/"] } });
  assert.deepEqual(paths(gone), []);
});

test("the selection takes by what the signed text says, and the rest is verified all the same", async () => {
  const listing = { kind: "listing" as const, folders };
  const of = async (select: FeedInput["select"]) => paths(await read({ index: listing, select: select ?? {} }));
  const keys = (...wanted: string[]) =>
    [...wanted.flatMap((key) => [...vendor.sideFiles(key), vendor.indexPath(key)]), "minitri.flg"].toSorted();
  assert.deepEqual((await of({ product: ["*AV Def*"] })).toSorted(), keys("definitions", "definitions-2"));
  assert.deepEqual((await of({ product: ["*av def*"], version: ["2.*"] })).toSorted(), keys("definitions-2"));
  assert.deepEqual(
    (await of({ language: ["english", "PORTUGUESE"] })).toSorted(),
    keys("client-english", "client-portuguese"),
  );
  assert.deepEqual((await of({ language: ["all"] })).toSorted(), keys(...MODERN));
  assert.deepEqual(await of({ product: ["nothing"] }), []);
  const forged = new Map(vendor.files);
  const stranger = { manner: { signer: vendor.pki.rogue } };
  forged.set(vendor.indexPath("streaming"), vendor.index("streaming", stranger));
  const options = whole({ index: listing, select: { product: ["*AV Def*"] } }, { files: forged });
  assert.equal(await judgeLiveupdate(options), "feed.signer-unknown");
});

test("only new updates: the full package and the deltas that lead to the newest sequence", async () => {
  const packages = (list: Parameters<NonNullable<Parameters<typeof vendor.index>[1]>["packages"] & object>[0]) =>
    list.map((each, at) => (at < 2 ? each : { ...each, sequence: 1 }));
  const files = new Map(vendor.files).set(vendor.indexPath("definitions"), vendor.index("definitions", { packages }));
  const [first, second, ...older] = vendor.sideFiles("definitions");
  assert.ok(older.length > 0);
  const all = await read(PRODUCTS, { files });
  assert.ok(older.every((path) => paths(all).includes(path)));
  const newest = await read({ ...PRODUCTS, updates: "new" }, { files });
  assert.ok([first, second].every((path) => paths(newest).includes(path ?? "")));
  assert.ok(!older.some((path) => paths(newest).includes(path)));
  assert.ok(paths(newest).includes(vendor.indexPath("definitions")));
});

test("the old index of everything has no name to be bound to, and no flag beside it", async () => {
  const reading = await read({ index: { kind: "full" } });
  assert.deepEqual(reading.rounds, [["livetri.zip"]]);
  const inRoot = MODERN.filter((key) => vendor.product(key).folder === "");
  assert.deepEqual(
    paths(reading).toSorted(),
    [...inRoot.flatMap((key) => vendor.sideFiles(key)), "livetri.zip"].toSorted(),
  );
  assert.equal(await judgeLiveupdate(whole({ index: { kind: "full" } })), "accepted");
});

test("files with a guard of their own are listed without a digest, to be held against their series", async () => {
  const feed = { index: { kind: "none" as const }, extras: ["SymantecProductCatalog.zip", "example.jdb"] };
  const reading = await read(feed);
  assert.deepEqual([reading.rounds, paths(reading)], [[], feed.extras]);
  for (const { digests, inspect, series, version, immutable, path } of reading.listing.artifacts)
    assert.deepEqual([digests, inspect, series, version, immutable], [{}, true, guardSeries(path), null, false]);
  assert.equal(await judgeLiveupdate(whole(feed)), "accepted");
});

test("content of SHA-1 alone is taken under the profile of that name only", async () => {
  const products = legacy.products.map(({ identity, folder }) => ({ ...identity, folder }));
  const feed = { index: { kind: "products" as const, products } };
  const old = (profile: LiveupdateTrust["profile"]) => ({ files: legacy.files, trust: legacy.oldTrust(profile) });
  const reading = await read(feed, old("legacy-sha1"));
  assert.equal(reading.findings.weak, true);
  for (const path of legacy.sideFiles("legacy")) {
    const { digests, inspect, immutable } = named(reading, path);
    const sha1 = digestHex("sha1", legacy.files.get(path) ?? new Uint8Array(0));
    assert.deepEqual([digests, inspect, immutable], [{ sha1 }, true, true]);
  }
  assert.equal(await judgeLiveupdate(whole(feed, old("legacy-sha1"))), "accepted");
  assert.equal(await judgeLiveupdate(whole(feed, old("modern"))), "feed.signature-wrong");
  // Signed by SHA-256, over digests of SHA-1.
  const weak = vendor.index("definitions", {
    manner: { digests: ["sha1"] },
    packages: (list) => list.map((each) => ({ ...each, sha256: null })),
  });
  const files = new Map(vendor.files).set(vendor.indexPath("definitions"), weak);
  assert.equal(await judgeLiveupdate(whole(PRODUCTS, { files })), "feed.digest-weak");
});

test("an index without a package is bound to no name", async () => {
  const path = vendor.indexPath("definitions");
  const files = new Map(vendor.files).set(path, vendor.index("definitions", { packages: () => [] }));
  assert.equal(await judgeLiveupdate(whole(PRODUCTS, { files })), "feed.contradicts-itself");
  assert.equal(await judgeLiveupdate(whole({ ...PRODUCTS, dialect: "opaque" })), "accepted");
});

test("a product has one index: an old one under another spelling of its name is not taken beside it", async () => {
  const path = vendor.indexPath("definitions");
  const old = vendor.index("definitions", {}, vendor.revision - 1);
  const feed = { index: { kind: "listing" as const, folders } };
  for (const other of [path.replaceAll("$20", " "), path.replaceAll("$20", "%20"), `streaming/${path}`]) {
    const files = new Map(vendor.files).set(other, old);
    assert.equal(await judgeLiveupdate(whole(feed, { files })), "feed.contradicts-itself", other);
  }
});

test("an index that is listed under an unsafe name is not asked for", async () => {
  const feed = { index: { kind: "listing" as const, folders } };
  for (const name of ["a\u0001_livetri.zip", "con._livetri.zip", `${"x".repeat(300)}_livetri.zip`]) {
    const files = new Map(vendor.files).set(`streaming/${name}`, Buffer.from("x"));
    assert.deepEqual((await read(feed, { files })).rounds, [folders], name);
    assert.equal(await judgeLiveupdate(whole(feed, { files })), "feed.unsafe-name", name);
  }
});

test("an old index comes back under another spelling, or in another folder, and is as old there", async () => {
  const path = vendor.indexPath("definitions");
  // Without sequences only the guard's date tells.
  const text = (said: string): string => said.replace(/^ItemSeq(?:Data|From)=\d+\r?\n/gm, "");
  const feed = { index: { kind: "listing" as const, folders } };
  const fresh = new Map(vendor.files).set(path, vendor.index("definitions", { text }));
  const last = revisionOf(1, { series: (await read(feed, { files: fresh })).listing.series });
  assert.equal(await judgeLiveupdate(whole(feed, { files: fresh }), last), "accepted");
  for (const other of [path.replaceAll("$20", " "), path.toUpperCase(), `streaming/${path}`]) {
    const files = new Map(vendor.files).set(other, vendor.index("definitions", { text }, vendor.revision - 1));
    files.delete(path);
    assert.equal(await judgeLiveupdate(whole(feed, { files }), last), "feed.older-than-held", other);
    // Where nothing is read of the product, the name alone tells, however it is spelled.
    const opaque = { ...feed, dialect: "opaque" as const };
    if (!other.includes("/"))
      assert.equal(await judgeLiveupdate(whole(opaque, { files }), last), "feed.older-than-held", other);
  }
});

test("whatever an index says, what is told of it has the form that was agreed on", async () => {
  const path = vendor.indexPath("definitions");
  const long = `${"a".repeat(5_000)}.zip`;
  const forgery: Forgery = {
    text: (text) => text.replace(/FileName=\d+example_curdefs\.zip/, `FileName=${long}`),
    guard: (text) => text.replace(/\[File-\d+example_curdefs\.zip\]/, `[File-${long}]`),
  };
  const unsigned: Forgery = { ...forgery, sign: () => Buffer.from("nobody") };
  for (const [each, dialect, code] of [
    [forgery, {}, "feed.contradicts-itself"],
    [forgery, "opaque", "feed.contradicts-itself"],
    [unsigned, {}, "feed.signature-wrong"],
    [unsigned, "opaque", "feed.signature-wrong"],
  ] as const) {
    const files = new Map(vendor.files).set(path, vendor.index("definitions", each));
    const reading = await read({ ...PRODUCTS, dialect }, { files });
    assert.ok(!JSON.stringify(reading).includes(long));
    assert.equal(await judgeLiveupdate(whole({ ...PRODUCTS, dialect }, { files })), code);
  }
});

test("behind an index that nobody vouches for no other is read", async () => {
  const path = vendor.indexPath("definitions");
  const files = new Map(vendor.files).set(path, vendor.index("definitions", { sign: () => Buffer.from("nobody") }));
  for (const key of MODERN.slice(1)) files.set(vendor.indexPath(key), Buffer.from("no archive"));
  const { findings, listing } = await read(PRODUCTS, { files });
  assert.deepEqual([findings.malformed, listing.artifacts.length, findings.signatures.length], [null, 0, 1]);
  assert.equal(await judgeLiveupdate(whole(PRODUCTS, { files })), "feed.signature-wrong");
});

test("one path in two indexes is one file, and not when they bind it differently", async () => {
  const product = vendor.product("definitions");
  const manner = {
    members: product.members,
    lineEnd: "\n",
    digests: ["sha256"],
    signer: vendor.pki.leaf,
    embed: [],
    digest: "sha256",
    at: vendor.at(),
  } as const;
  const entry = (sha256: string) => ({
    identity: { product: "P", version: "1", language: "L" },
    item: "",
    sequence: 1,
    from: null,
    file: "enlu170a.x86",
    size: null,
    sha1: null,
    sha256,
    urls: [],
  });
  const feed = { index: { kind: "products" as const, products: [{ product: "P", version: "1", language: "L" }] } };
  const files = (...digests: string[]) => new Map([["p_1_l_livetri.zip", makeIndex(digests.map(entry), [], manner)]]);
  const [a, b] = ["a".repeat(64), "b".repeat(64)];
  const twice = await read(feed, { files: files(a, a) });
  assert.deepEqual(paths(twice), ["enlu170a.x86", "p_1_l_livetri.zip", "minitri.flg"]);
  assert.equal(await judgeLiveupdate(whole(feed, { files: files(a, b) })), "feed.contradicts-itself");
});

test("locations in an index are never followed", async () => {
  const packages = (list: readonly object[]) =>
    list.map((each) => ({ ...each, urls: ["http://127.0.0.1:9/x.zip"] })) as never;
  const files = new Map(vendor.files).set(vendor.indexPath("definitions"), vendor.index("definitions", { packages }));
  const reading = await read(PRODUCTS, { files });
  assert.deepEqual(paths(reading), paths(await read(PRODUCTS)));
  assert.ok(!JSON.stringify(reading).includes("127.0.0.1"));
});

test("an index that cannot be read is named", async () => {
  const path = vendor.indexPath("streaming");
  const files = new Map(vendor.files).set(path, Buffer.from("no archive"));
  const { findings, listing } = await read(PRODUCTS, { files });
  assert.ok(findings.malformed?.startsWith(path) && listing.artifacts.length === 0);
  assert.equal(await judgeLiveupdate(whole(PRODUCTS, { files })), "feed.malformed");
});

test("a file is inspected where it lies in quarantine", async () => {
  using quarantine = new TestQuarantine();
  const [path = ""] = vendor.sideFiles("definitions");
  const feed = { format: "liveupdate", ...PRODUCTS } as never;
  const seen = await liveupdateFormat.inspectArtifact({
    feed,
    trust: vendor.trust(),
    now: NOW,
    artifact: named(await read(PRODUCTS), path),
    file: quarantine.lay(path, vendor.files.get(path) ?? new Uint8Array(0)),
    companion: null,
    caps: { expandedBytes: 1e6 },
    quarantine: quarantine.reader,
  });
  assert.deepEqual([seen.malformed, seen.contradictions, seen.signatures[0]?.status], [null, [], "good"]);
});
