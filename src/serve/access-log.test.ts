import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { type AccessLogField, HTTP_LOG_FIELDS } from "../core/model/access-log.ts";
import { AccessLog, type AccessRecord, logField } from "./access-log.ts";

const AT = Date.UTC(2026, 10, 23, 17, 5, 9);
const record: AccessRecord = {
  "s-ip": "10.20.0.10",
  "s-port": 80,
  "c-ip": "10.20.0.77",
  "cs-method": "GET",
  "cs-uri-stem": "/clamav/daily.cvd",
  "cs-uri-query": null,
  "cs-version": "HTTP/1.1",
  "cs(User-Agent)": "Debian APT-HTTP/1.3 (2.6.1)",
  "cs(Referer)": "",
  "sc-status": 206,
  "sc-bytes": 800,
  "cs-bytes": 120,
  "time-taken": 3,
  "x-source": "clamav",
  "x-revision": 7,
};

async function logged(
  fields: readonly AccessLogField[],
  use: (log: AccessLog) => void | Promise<void>,
): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-log-"));
  const file = path.join(folder, "log");
  const fd = openSync(file, "a");
  try {
    const log = new AccessLog({ fd, channel: "staging", fields, now: AT });
    await use(log);
    log.close();
    return readFileSync(file, "latin1");
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}

test("a line of the W3C Extended Log Format, field by field", async () => {
  const text = await logged(HTTP_LOG_FIELDS, (log) => log.record(AT, record));
  assert.equal(
    text,
    `#Version: 1.0
#Date: 2026-11-23 17:05:09
#Fields: ${HTTP_LOG_FIELDS.join(" ")}
2026-11-23 17:05:09 staging 10.20.0.10 GET /clamav/daily.cvd - 80 10.20.0.77 - HTTP/1.1 Debian+APT-HTTP/1.3+(2.6.1) - 206 800 120 3 clamav 7
`,
  );
});

test("whatever a client sends stays one field of one line", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (value) => {
      assert.match(logField(value), /^[!-~]+$/);
    }),
    { numRuns: 500 },
  );
  assert.equal(logField("a\r\n2026-01-01 00:00:00 forged"), "a%0D%0A2026-01-01+00:00:00+forged");
  assert.equal(logField("#Fields: x"), "%23Fields:+x");
  assert.equal(logField("-"), "%2D");
  assert.equal(logField("é"), "%E9");
  assert.equal(logField("x".repeat(100_000)).length, 2_048);
});

test("lines keep their order through the timer's writes and the last one", async () => {
  const text = await logged(["x-revision"], async (log) => {
    for (let i = 1; i <= 5_000; i++) log.record(AT, { ...record, "x-revision": i });
    await new Promise((resolve) => setTimeout(resolve, 450));
    for (let i = 5_001; i <= 6_000; i++) log.record(AT, { ...record, "x-revision": i });
  });
  assert.deepEqual(
    text.trim().split("\n").slice(3).map(Number),
    Array.from({ length: 6_000 }, (_, i) => i + 1),
  );
});

test("what does not fit is lost and counted, not kept in memory", async () => {
  const text = await logged(["cs-uri-stem"], (log) => {
    for (let i = 0; i < 3_000; i++) log.record(AT, { ...record, "cs-uri-stem": "x".repeat(2_000) });
  });
  assert.ok(text.length < 4.5e6);
  assert.match(text, /#Remark: [1-9]\d+ lines lost\n$/);
});
