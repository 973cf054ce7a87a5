import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { settingsOfAnyHost } from "../src/core/network/kernel-settings.ts";
import { TIMERS } from "../src/core/setup/host-files.ts";
import { needsProgram } from "./fixtures/needs.ts";
import { UNITS } from "./fixtures/unit-file.ts";

const repository = path.join(import.meta.dirname, "..");

test("systemd finds nothing wrong with a unit of the package", {
  skip: needsProgram("systemd-analyze", "systemd"),
}, (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-units-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const units = readdirSync(UNITS).filter((name) => /\.(service|socket|timer|target)$/.test(name));
  for (const timer of TIMERS) assert.ok(units.includes(timer) && units.includes(timer.replace(/timer$/, "service")));
  for (const name of units) {
    // The programs that they start are not on this machine.
    const text = readFileSync(path.join(UNITS, name), "utf8");
    writeFileSync(path.join(folder, name), text.replaceAll(/^(Exec[A-Za-z]+)=.*$/gm, "$1=/bin/true"));
  }
  const files = units.map((name) => path.join(folder, name));
  const { stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", "--recursive-errors=no", ...files], {
    encoding: "utf8",
    env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` },
  });
  assert.deepEqual(
    stderr.split("\n").filter((line) => line.includes("ringfort")),
    [],
  );
});

test("what the package sets of any kernel keeps a router a router, and an address that a router gave", () => {
  const paths = settingsOfAnyHost().map((setting) => setting.path);
  assert.ok(paths.includes("net/ipv4/tcp_syncookies") && paths.includes("net/ipv6/conf/all/accept_redirects"));
  assert.deepEqual(
    paths.filter((each) => /forward|accept_ra$|autoconf|arp_/.test(each)),
    [],
  );
});

test("the nightly back-up keeps the newest, and loses none where a new one could not be written", (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-nightly-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const kept = path.join(folder, "kept");
  mkdirSync(kept);
  const old = [1, 2, 3, 4].map((day) => `ringfort-2026110${day}T020000Z.age`);
  for (const name of [...old, "mine.age"]) writeFileSync(path.join(kept, name), "");
  const night = (says: string): number | null => {
    writeFileSync(path.join(folder, "ringfort"), `#!/bin/sh\n${says}\n`);
    chmodSync(path.join(folder, "ringfort"), 0o755);
    const env = { PATH: `${folder}:${process.env["PATH"]}`, RINGFORT_BACKUPS: kept, RINGFORT_BACKUPS_KEPT: "3" };
    return spawnSync("sh", [path.join(repository, "deploy/debian/nightly-backup")], { env }).status;
  };
  assert.notEqual(night("exit 1"), 0);
  assert.equal(readdirSync(kept).length, 5);
  assert.equal(night('touch "$5"'), 0);
  const left = readdirSync(kept).filter((name) => name !== "mine.age");
  assert.equal(left.length, 3);
  assert.ok(left.includes(old[3] ?? "") && !left.includes(old[1] ?? ""));
});
