import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type FtpFaults, startFtpVendor } from "../upstream/ftp-vendor.ts";
import { fetchJob, type JobParts, patternBytes, runFetch } from "../upstream/run-fetch.ts";

const MONDAY = "Mon, 23 Nov 2026 16:40:00 GMT";

/** Threat: an FTP server that points elsewhere, lies about sizes, or floods the control connection. */
describe("attack: FTP", () => {
  async function under(
    faults: FtpFaults,
    parts: JobParts = {},
    path = "a.bin",
  ): Promise<Awaited<ReturnType<typeof runFetch>> & { readonly commands: readonly string[] }> {
    const files = new Map([["a.bin", { body: patternBytes(50_000), lastModified: MONDAY }]]);
    const vendor = await startFtpVendor({ files, faults });
    try {
      const outcome = await runFetch(fetchJob(`${vendor.url}/${path}`, parts));
      return { ...outcome, commands: vendor.commands };
    } finally {
      await vendor.close();
    }
  }

  test("the host of a 227 reply is ignored: data comes from the host that we talk to", async () => {
    const { end, bytes } = await under({ noExtendedPassive: true, lyingHost: "192,0,2,1" });
    assert.deepEqual([end, bytes.length], ["done", 50_000]);
  });

  test("a passive port of another service is refused", async () => {
    assert.equal((await under({ lyingPort: 22 })).end, "upstream.malformed");
    assert.equal((await under({ noExtendedPassive: true, lyingPort: 22 })).end, "upstream.malformed");
  });

  test("a reply without end is refused", async () => {
    assert.equal((await under({ greeting: `220-${"x".repeat(20_000)}` })).end, "upstream.malformed");
    assert.equal((await under({ greeting: `220-a\r\n${"b\r\n".repeat(20_000)}` })).end, "upstream.malformed");
    assert.equal((await under({ replies: { SIZE: `213 ${"1".repeat(20_000)}` } })).end, "upstream.malformed");
  });

  test("a greeting that is no FTP is refused", async () => {
    assert.equal((await under({ greeting: "SSH-2.0-x\r\n" })).end, "upstream.malformed");
    assert.equal((await under({ greeting: "421 full\r\n" })).end, "upstream.unreachable");
  });

  test("replies that nobody asked for do not pile up", async () => {
    const { end } = await under({ replies: { TYPE: "200 ok\r\n".repeat(1_000) } });
    assert.equal(end, "upstream.malformed");
  });

  test("a size over the cap is refused before any data connection", async () => {
    const { end, commands } = await under({ lyingSize: 1e14 });
    assert.equal(end, "upstream.over-cap");
    assert.ok(!commands.includes("EPSV"), commands.join(", "));
  });

  test("data that ends early, though the server says all is well, is a cut-off", async () => {
    assert.equal((await under({ cutAfter: 20_000 })).end, "upstream.cut-off");
  });

  test("more data than SIZE said is a change", async () => {
    assert.equal((await under({ lyingSize: 49_999 })).end, "upstream.changed");
  });

  test("silence in the middle of the data is a stall", async () => {
    const caps = { leastRate: 1_000, leastRateWindow: 150 };
    assert.equal((await under({ stallAfter: 20_000 }, { caps })).end, "upstream.stalled");
  });

  test("a command that is never answered meets the time limit", async () => {
    assert.equal((await under({ replies: { MDTM: "" } }, { caps: { leastRateWindow: 150 } })).end, "upstream.timeout");
  });

  test("a path cannot bring a second command", async () => {
    for (const path of ["a.bin%0d%0aDELE%20a.bin", "a%0a.bin", "a%00.bin", "%ff"]) {
      const { end, commands } = await under({}, {}, path);
      assert.deepEqual([path, end, commands.length], [path, "address.unsupported", 0]);
    }
  });

  test("a login cannot bring a second command", async () => {
    const { end, commands } = await under({}, { network: { login: { user: "u\r\nDELE a", password: "" } } });
    assert.equal(end, "address.unsupported");
    assert.deepEqual(commands, []);
  });

  test("a server that knows no REST gives the whole file again", async () => {
    const resume = { offset: 20_000, validators: { etag: null, lastModified: MONDAY } };
    const { end, head, bytes } = await under({ noRest: true }, { resume });
    assert.deepEqual([end, head?.offset, bytes.length], ["done", 0, 50_000]);
  });

  test("without a time nothing is glued", async () => {
    const resume = { offset: 20_000, validators: { etag: null, lastModified: MONDAY } };
    const { end, head } = await under({ noModified: true }, { resume });
    assert.deepEqual([end, head?.offset], ["done", 0]);
  });

  test("ftp does not go round a proxy", async () => {
    const proxy = { host: "127.0.0.1", port: 9, login: null };
    const { end, commands } = await under({}, { network: { proxy } });
    assert.deepEqual([end, commands.length], ["address.unsupported", 0]);
  });
});
