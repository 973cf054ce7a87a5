import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type HttpFault, type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { type LiveupdateRoad, startLiveupdateRoad } from "../upstream/liveupdate/road.ts";

/** What nothing in LiveUpdate authenticates: hosts, lengths, and the line itself. */
describe("LiveUpdate over a hostile line", () => {
  let road: LiveupdateRoad;
  /** A host that nobody has configured: it must never be asked. */
  let foreign: HttpVendor;

  before(async () => {
    road = await startLiveupdateRoad();
    foreign = await startHttpVendor({});
  });
  after(async () => {
    await road?.end();
    await foreign?.close();
  });

  /** Each of these at the index, and at a package; `null`: where the other target shows it as well, and it takes seconds. */
  const FAULTS: readonly (readonly [
    what: string,
    fault: (file: Uint8Array) => HttpFault,
    index: string | null,
    file: string | null,
  ])[] = [
    // First: the others leave a part behind, which the next try resumes.
    [
      "a shorter length than the body's",
      ({ length }) => ({ kind: "lying-length", says: length - 10 }),
      "feed.malformed",
      "artifact.size-differs",
    ],
    [
      "an endless body, chunked",
      () => ({ kind: "endless", announced: false }),
      "upstream.over-cap",
      "artifact.size-differs",
    ],
    [
      "a petabyte, announced",
      () => ({ kind: "endless", announced: true }),
      "upstream.over-cap",
      "artifact.size-differs",
    ],
    [
      "a longer length than the body's",
      ({ length }) => ({ kind: "lying-length", says: length + 10 }),
      "upstream.cut-off",
      "artifact.size-differs",
    ],
    ["a slow drip", () => ({ kind: "drip", bytes: 10, every: 50 }), null, "upstream.stalled"],
    [
      "a connection that ends in the middle",
      () => ({ kind: "cut", after: 50 }),
      "upstream.cut-off",
      "upstream.cut-off",
    ],
  ];

  for (const target of ["index", "package"] as const) {
    test(`at the ${target}: endless, lying, slow and broken bodies`, async (t) => {
      const settled = await road.settled({
        source: () => ({ budget: { leastRate: 2_000, leastRateWindow: "300ms" } }),
      });
      const { vendor, name } = settled;
      const [first = ""] = vendor.sideFiles("definitions");
      const path = target === "index" ? vendor.indexPath("definitions") : first;
      for (const [what, fault, ofIndex, ofPackage] of FAULTS) {
        const code = target === "index" ? ofIndex : ofPackage;
        if (code === null) continue;
        await t.test(what, async () => {
          const sent = road.http.sent();
          road.http.faults.set(`/${name}/${path}`, fault(vendor.files.get(path) ?? Buffer.alloc(0)));
          await road.refused(settled, code);
          assert.ok(road.http.sent() - sent < 80_000_000, "it stopped at the cap");
        });
      }
      await road.recovers(settled);
    });
  }

  test("a package that is cut off, and is another one when it is resumed", async () => {
    const settled = await road.settled({ bytes: 200_000 });
    const { vendor, name } = settled;
    const [path = ""] = vendor.sideFiles("definitions");
    const honest = Buffer.from(vendor.files.get(path) ?? []);
    const other = Buffer.from(honest);
    other.fill(0, 150_000);
    // First 100 kB of the true one; whoever resumes gets the rest of the other, under the same validator.
    const held = road.http.files.get(`/${name}/${path}`);
    assert.ok(held);
    road.http.faults.set(`/${name}/${path}`, { kind: "cut", after: 100_000, times: 1 });
    const watch = setInterval(() => {
      const asked = road.http.requests.filter((request) => decodeURIComponent(request.path) === `/${name}/${path}`);
      if (asked.length > 0) road.http.files.set(`/${name}/${path}`, { ...held, body: other });
    }, 1);
    await road.refused(settled, "artifact.digest-differs").finally(() => clearInterval(watch));
    assert.ok(
      road.http.requests.some((request) => request.path.includes(path) && request.headers["range"] === "bytes=100000-"),
      "it was resumed",
    );
    await road.recovers(settled);
  });

  test("a redirect to another host, of the index and of a package", async () => {
    const settled = await road.settled();
    const { vendor, name } = settled;
    for (const [path, body] of vendor.files) foreign.files.set(`/${path}`, { body });
    for (const path of [vendor.indexPath("definitions"), ...vendor.sideFiles("definitions")]) {
      road.http.faults.clear();
      road.http.faults.set(`/${name}/${path}`, { kind: "redirect", to: `${foreign.url}/${path}` });
      await road.refused(settled, "upstream.redirect-inside");
    }
    assert.deepEqual(foreign.requests, []);
    await road.recovers(settled);
  });

  test("a URL= in the signed text leads nowhere", async () => {
    const settled = await road.settled();
    const { vendor, name } = settled;
    vendor.forge("definitions", {
      packages: (list) => list.map((entry) => ({ ...entry, urls: [`${foreign.url}/${entry.file}`] })),
    });
    assert.equal(await road.sync(name), "new-revision", "the text is served as it is, and nobody follows it");
    assert.deepEqual(foreign.requests, []);
    // Also not when the file is missing where it should be.
    vendor.advance();
    vendor.forge("definitions", {
      packages: (list) => list.map((entry) => ({ ...entry, urls: [`${foreign.url}/${entry.file}`] })),
    });
    const [path = ""] = vendor.sideFiles("definitions");
    foreign.files.set(`/${path}`, { body: vendor.files.get(path) ?? Buffer.alloc(0) });
    vendor.remove(path);
    await road.refused(settled, "artifact.missing");
    assert.deepEqual(foreign.requests, []);
  });

  test("an FTP server that names a third party for its data", async () => {
    const settled = await road.settled({
      addresses: (name) => [`${road.ftp.url}/${name}/`],
      source: () => ({ budget: { leastRate: 2_000, leastRateWindow: "300ms" } }),
    });
    road.ftp.faults.noExtendedPassive = true;
    road.ftp.faults.lyingHost = "192,0,2,1";
    assert.equal(await road.sync(settled.name), "new-revision", "the host of the reply is not looked at");
    settled.vendor.advance();
    // The port is the server's to choose: another service of its host answers there, and is told nothing.
    road.ftp.faults.lyingPort = Number(new URL(foreign.url).port);
    await road.refused(settled, "upstream.stalled");
    assert.deepEqual(foreign.requests, []);
    road.ftp.faults.lyingPort = 22;
    await road.refused(settled, "upstream.malformed");
    await road.recovers(settled);
  });

  test("an endless file over FTP", async () => {
    const settled = await road.settled({ addresses: (name) => [`${road.ftp.url}/${name}/`] });
    road.ftp.faults.endless = true;
    road.ftp.faults.noSize = true;
    const sent = road.ftp.sent();
    await road.refused(settled, "upstream.over-cap");
    assert.ok(road.ftp.sent() - sent < 80_000_000, "it stopped at the cap");
    await road.recovers(settled);
  });
});
