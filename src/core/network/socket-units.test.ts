import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { needsProgram } from "../../../test/fixtures/needs.ts";
import { UNITS } from "../../../test/fixtures/unit-file.ts";
import { socketNames } from "../../daemon/channel-sockets.ts";
import { type ConfigInput, config } from "../config.ts";
import { compareSockets } from "./compare-sockets.ts";
import { SOCKET_UNIT, type SocketUnit, socketUnits } from "./socket-units.ts";

const FULL = {
  data: "/srv/ringfort",
  host: { inside: "eth1.20" },
  channels: {
    staging: {
      listen: "10.20.0.10:80",
      https: { listen: "10.20.0.10:443", folder: "/etc/tls" },
      ftp: { listen: "10.20.0.10:21", passive: { from: 50_000, to: 50_003 } },
    },
    production: { listen: "[fd20::20]:80", interface: "eth2" },
    trial: { listen: "localhost:8080", ftp: { listen: "[::]:21", passive: { from: 1_024, to: 65_535 } } },
  },
} as const satisfies ConfigInput;

function unitsOf(written: ConfigInput): ReadonlyMap<string, string> {
  const made = socketUnits(config.parse(written));
  assert.ok(!("kind" in made));
  return new Map(made.map(({ file, text }) => [file, text]));
}

const linesOf = (text: string | undefined, key: string): readonly string[] =>
  (text ?? "").split("\n").filter((line) => line.startsWith(`${key}=`));

test("each listener has a unit, by the name under which the keeper looks for it", () => {
  const made = unitsOf(FULL);
  const expected = Object.entries(FULL.channels).flatMap(([name, channel]) => socketNames(name, channel));
  const names = [...made.values()].flatMap((text) => linesOf(text, "FileDescriptorName").map((line) => line.slice(19)));
  assert.deepEqual(names.toSorted(), expected.toSorted());
  for (const [file, text] of made) {
    assert.match(file, SOCKET_UNIT);
    assert.equal(file, `ringfort-listen-${linesOf(text, "FileDescriptorName")[0]?.slice(19)}.socket`);
    assert.deepEqual(linesOf(text, "Service"), ["Service=ringfort.service"]);
  }
});

test("a socket is bound to its channel's interface, else to the inside, and on the loopback to none", () => {
  const made = unitsOf(FULL);
  const device = (name: string): readonly string[] =>
    linesOf(made.get(`ringfort-listen-${name}.socket`), "BindToDevice");
  assert.deepEqual(device("staging-https"), ["BindToDevice=eth1.20"]);
  assert.deepEqual(device("staging-pasv"), ["BindToDevice=eth1.20"]);
  assert.deepEqual(device("production-http"), ["BindToDevice=eth2"]);
  assert.deepEqual(device("trial-http"), []);
  const free = [...made].filter(([, text]) => text.includes("FreeBind=yes")).map(([file]) => file);
  assert.ok(free.includes("ringfort-listen-production-http.socket"));
  assert.ok(!free.includes("ringfort-listen-trial-http.socket") && !free.includes("ringfort-listen-trial-ftp.socket"));
});

test("passive ports are those of the range, and no more than a keeper can hand over", () => {
  const made = unitsOf(FULL);
  const ports = [50_000, 50_001, 50_002, 50_003].map((port) => `ListenStream=10.20.0.10:${port}`);
  assert.deepEqual(linesOf(made.get("ringfort-listen-staging-pasv.socket"), "ListenStream"), ports);
  assert.equal(linesOf(made.get("ringfort-listen-trial-pasv.socket"), "ListenStream").length, 128);
});

test("what cannot be opened beforehand is said, each by its key", () => {
  const written: ConfigInput = {
    data: "/srv",
    channels: { staging: { listen: "10.20.0.10:0", ftp: { listen: "10.20.0.10:21", active: true } } },
  };
  const refused = socketUnits(config.parse(written));
  assert.ok("kind" in refused);
  assert.deepEqual(
    refused.faults.map((fault) => fault.split(":")[0]),
    ["channels.staging.ftp.active", "channels.staging.ftp.passive", "channels.staging.listen"],
  );
});

test("systemd finds nothing wrong with them", { skip: needsProgram("systemd-analyze", "systemd") }, (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "ringfort-sockets-"));
  t.after(() => rmSync(folder, { recursive: true }));
  cpSync(path.join(UNITS, "ringfort.service"), path.join(folder, "ringfort.service"));
  // The program that it starts is not on this machine.
  const unit = path.join(folder, "ringfort.service");
  spawnSync("sed", ["-i", "s|^ExecStart=.*|ExecStart=/bin/true|", unit]);
  const made = [...unitsOf(FULL)];
  for (const [file, text] of made) writeFileSync(path.join(folder, file), text);
  const verify = (): { readonly status: number | null; readonly stderr: string } => {
    const files = made.map(([file]) => path.join(folder, file));
    return spawnSync("systemd-analyze", ["verify", "--man=no", "--recursive-errors=no", ...files], {
      encoding: "utf8",
      env: { ...process.env, SYSTEMD_UNIT_PATH: `${folder}:` },
    });
  };
  const { status, stderr } = verify();
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  const [first] = made;
  writeFileSync(path.join(folder, first?.[0] ?? ""), `${first?.[1]}[Socket]\nListenStream=10.20.0:80\n`);
  assert.notEqual(verify().stderr, "");
});

test("a comparison finds what is missing, what is too much, and lines that differ; remarks are nobody's concern", () => {
  const unit = (file: string, ...lines: readonly string[]): SocketUnit => ({ file, text: `${lines.join("\n")}\n` });
  const wanted = [unit("a", "# by us", "[Socket]", "ListenStream=1"), unit("b", "ListenStream=2")];
  assert.deepEqual(compareSockets(wanted, [unit("a", "[Socket]", "", "ListenStream=1"), wanted[1] ?? unit("")]), []);
  const found = [unit("a", "[Socket]", "ListenStream=9"), unit("c", "ListenStream=3")];
  assert.deepEqual(compareSockets(wanted, found), [
    { what: "line-missing", where: "a", wanted: "ListenStream=1", found: null },
    { what: "line-unexpected", where: "a", wanted: null, found: "ListenStream=9" },
    { what: "unit-missing", where: "b", wanted: "ListenStream=2", found: null },
    { what: "unit-unexpected", where: "c", wanted: null, found: "ListenStream=3" },
  ]);
});

test("the console's listener has a unit too, beside the one of its role", () => {
  const made = unitsOf({ ...FULL, console: { listen: "127.0.0.1:8443" } });
  const text = made.get("ringfort-listen-console.socket");
  assert.deepEqual(linesOf(text, "FileDescriptorName"), ["FileDescriptorName=console"]);
  assert.deepEqual(linesOf(text, "ListenStream"), ["ListenStream=127.0.0.1:8443"]);
  assert.equal(made.has("ringfort-console.socket"), false);
});
