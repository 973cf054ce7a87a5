import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { startTestDaemon, type TestDaemon } from "../fixtures/daemon.ts";
import { needsProgram } from "../fixtures/needs.ts";
import { RawFtp } from "../fixtures/raw-ftp.ts";
import { type HttpVendor, startHttpVendor } from "../upstream/http-vendor.ts";
import { SignedListVendor } from "../upstream/signed-list.ts";

/** As docs/operations.md has them: the order that goaccess's preset W3C expects, and what it passes over behind it. */
const FIELDS =
  "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status " +
  "sc-substatus sc-win32-status time-taken sc-bytes x-source x-revision";

interface Report {
  readonly general: {
    readonly total_requests: number;
    readonly valid_requests: number;
    readonly failed_requests: number;
  };
  readonly status_codes: {
    readonly data: readonly {
      readonly items?: readonly { readonly data: string; readonly hits: { readonly count: number } }[];
    }[];
  };
}

describe("access logs, put aside and read by others", () => {
  let http: HttpVendor;
  let daemon: TestDaemon;

  before(async () => {
    http = await startHttpVendor({});
    const vendor = new SignedListVendor(http, "one");
    daemon = await startTestDaemon({
      channels: { staging: { listen: "127.0.0.1:0", ftp: { listen: "127.0.0.1:0" } } },
      config: { logs: { fields: FIELDS.split(" "), size: "64KiB" } },
    });
    vendor.publish(new Map([["a b.bin", Buffer.from("one")]]), Date.now());
    await daemon.addSource(vendor.source());
    await daemon.sync("one");
  });

  after(async () => {
    await daemon?.end();
    await http?.close();
  });

  test("goaccess reads HTTP's with its preset, FTP's is a file of its own, and no line is lost", {
    skip: needsProgram("goaccess", "goaccess"),
  }, async () => {
    const url = await daemon.url("staging");
    const ask = async (file: string): Promise<void> => {
      const headers = { "user-agent": 'odd "agent" # one\u{e9}', connection: "close" };
      await (await fetch(`${url}${file}`, { headers })).arrayBuffer();
    };
    const [found, missing] = [600, 400];
    for (let at = 0; at < found; at += 20) await Promise.all(Array.from({ length: 20 }, () => ask("one/a%20b.bin")));
    for (let at = 0; at < missing; at += 20)
      await Promise.all(Array.from({ length: 20 }, (_, place) => ask(`one/none-${at + place}?%22#x`)));
    const { channels } = await daemon.must({ verb: "status" });
    const ftp = await RawFtp.login(Number(new URL(channels[0]?.ftp ?? "").port));
    await ftp.ask("QUIT");
    ftp.destroy();
    await daemon.stop();
    const folder = path.join(daemon.data, "logs");
    const files = readdirSync(folder).filter((file) => file.startsWith("staging.access.log"));
    assert.ok(files.length > 1, "none was put aside");
    const text = files.map((file) => {
      const bytes = readFileSync(path.join(folder, file));
      return file.endsWith(".gz") ? gunzipSync(bytes) : bytes;
    });
    const report = JSON.parse(
      execFileSync("goaccess", ["-", "--log-format=W3C", "--no-global-config", "-o", "json"], {
        input: Buffer.concat(text),
        encoding: "utf8",
        maxBuffer: 64 * 1024 * 1024,
      }),
    ) as Report;
    assert.deepEqual(
      [report.general.total_requests, report.general.valid_requests, report.general.failed_requests],
      [found + missing, found + missing, 0],
    );
    const codes = report.status_codes.data.flatMap(({ items = [] }) => items);
    const counts = codes.map(({ data, hits }) => [data.slice(0, 3), hits.count]);
    assert.deepEqual(
      new Map(counts as [string, number][]),
      new Map([
        ["200", found],
        ["404", missing],
      ]),
    );
    const ftpLog = readFileSync(path.join(folder, "staging.ftp.access.log"), "latin1");
    assert.match(ftpLog, /^#Version: 1\.0\n#Date: .*\n#Fields: .*\n/);
    assert.match(ftpLog, / \[1\]QUIT - 221 /);
  });
});
