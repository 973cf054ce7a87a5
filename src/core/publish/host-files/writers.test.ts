import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { type HostFile, hostFile } from "../../model/host-file.ts";
import { HOST_FILE_WRITERS, type HostFileKind } from "./registry.ts";
import type { WriteOptions, Written } from "./written.ts";

const OPTIONS: WriteOptions = {
  addresses: [],
  mount: "/",
  suite: null,
  components: [],
  keyring: null,
  path: null,
  workdir: null,
  logfile: null,
  privateMirror: false,
  experimental: false,
};

function fileOf(...hosts: readonly Readonly<Record<string, unknown>>[]): HostFile {
  return hostFile.parse({ format: "ringfort-host-file-1", deployment: "d", channel: "staging", hosts });
}

const FILE = fileOf(
  { name: "HQ", type: "http", address: "http://10.0.0.5:8082/" },
  { name: "spare", type: "https", address: "https://updates.example/r/", order: 200 },
  { name: "old", type: "ftp", address: "ftp://10.0.0.5/" },
  { name: "branch", type: "http", address: "http://10.7.0.5:8082/", subnet: "10.7.0.0/16" },
  { name: "asks", type: "http", address: "http://10.0.0.6/", login: "u", passwordFile: "/etc/p" },
);

function write(kind: HostFileKind, options: Partial<WriteOptions> = {}, file = FILE): Written {
  return HOST_FILE_WRITERS[kind](file, { ...OPTIONS, ...options });
}

function textOf(written: Written): string {
  assert.equal(written.kind, "written", JSON.stringify(written));
  return written.kind === "written" ? written.text : "";
}

function codeOf(written: Written): string | null {
  return written.kind === "unfit" ? written.code : null;
}

test("agent: the host file again, which reads back the same", () => {
  const text = textOf(write("agent"));
  assert.deepEqual(hostFile.parse(JSON.parse(text)), FILE);
  assert.equal(text, textOf(write("agent", {}, hostFile.parse(JSON.parse(text)))));
});

test("freshclam: every http mirror in the client's order, and no version from DNS", () => {
  const lines = "DNSDatabaseInfo no\nScriptedUpdates yes\n";
  assert.equal(
    textOf(write("freshclam", { mount: "/clamav/" })),
    `DatabaseMirror http://10.0.0.5:8082/clamav\nDatabaseMirror https://updates.example/r/clamav\n${lines}`,
  );
  assert.match(textOf(write("freshclam", { addresses: ["10.7.1.1"] })), /^DatabaseMirror http:\/\/10\.7\.0\.5:8082\n/);
  assert.equal(
    textOf(write("freshclam", { privateMirror: true })),
    "PrivateMirror http://10.0.0.5:8082\nPrivateMirror https://updates.example/r\n",
  );
  assert.equal(codeOf(write("freshclam", {}, fileOf({ name: "f", type: "ftp", address: "ftp://h/" }))), "no-mirror");
});

test("apt: one address, the keyring by name, components unless the suite is flat", () => {
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  assert.equal(
    textOf(write("apt", { mount: "/debian/", suite: "bookworm-updates", components: ["main", "contrib"], keyring })),
    `Types: deb\nURIs: http://10.0.0.5:8082/debian/\nSuites: bookworm-updates\nComponents: main contrib\nSigned-By: ${keyring}\n`,
  );
  for (const [suite, written] of [
    ["./", "/"],
    ["/", "/"],
    ["./stable/", "stable/"],
  ] as const)
    assert.match(textOf(write("apt", { suite, keyring })), new RegExp(`\nSuites: ${written}\nSigned-By: `));
  for (const missing of [
    { keyring },
    { suite: "s", components: ["main"] },
    { suite: "s", keyring },
    { suite: "./", components: ["main"], keyring },
  ])
    assert.equal(codeOf(write("apt", missing)), "option-missing", JSON.stringify(missing));
  for (const unsafe of [
    { suite: "s\nTrusted: yes", components: ["main"], keyring },
    { suite: "s", components: ["main\nTrusted: yes"], keyring },
    { suite: "s", components: ["main"], keyring: "/k\nTrusted: yes" },
    { suite: "s", components: ["main"], keyring: "relative.gpg" },
    { suite: "s", components: ["main"], keyring, mount: "/a\nTrusted: yes/" },
  ])
    assert.equal(codeOf(write("apt", unsafe)), "unsafe-value", JSON.stringify(unsafe));
});

test("suricata-update: one word in quotes", () => {
  assert.equal(
    textOf(write("suricata-update", { mount: "/et/", path: "emerging.rules.tar.gz" })),
    "suricata-update --url 'http://10.0.0.5:8082/et/emerging.rules.tar.gz'\n",
  );
  assert.equal(codeOf(write("suricata-update")), "option-missing");
  assert.equal(codeOf(write("suricata-update", { path: "x' ; reboot '" })), "unsafe-value");
});

test("liveupdate.conf: the documented keys alone, and hearsay only when asked for", () => {
  const workdir = "/var/lib/liveupdate";
  assert.equal(
    textOf(write("liveupdate-conf", { workdir, logfile: "/var/log/lu.log" })),
    `workdir=${workdir}\nlogfile=/var/log/lu.log\n`,
  );
  const guessed = write("liveupdate-conf", { workdir, experimental: true });
  assert.equal(textOf(guessed), `workdir=${workdir}\nhosts/0/url=http://10.0.0.5:8082/\nhosts/1/url=ftp://10.0.0.5/\n`);
  assert.ok(guessed.kind === "written" && guessed.notes.some((note) => note.startsWith("EXPERIMENTAL")));
  assert.equal(codeOf(write("liveupdate-conf")), "option-missing");
  assert.equal(codeOf(write("liveupdate-conf", { workdir: "/w\nurls=1" })), "unsafe-value");
});

test("LIVEUPDT.HST: no evidence, no file", () => {
  assert.equal(codeOf(write("liveupdt-hst", { experimental: true, workdir: "/w" })), "no-evidence");
});

test("whatever the values: a file has the lines that its kind has, or is not written", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.constantFrom("a\nb", "a'b", 'a"b', "a b", "a\u2028b", "a\\", "$(reboot)", "-o", "a\r", "a\tb", "#"),
  );
  const keys: Readonly<Partial<Record<HostFileKind, RegExp>>> = {
    freshclam: /^(?:DatabaseMirror \S+\n)+DNSDatabaseInfo no\nScriptedUpdates yes\n$/,
    apt: /^Types: deb\nURIs: \S+\nSuites: \S+\nComponents: \S+\nSigned-By: \S+\n$/,
    "suricata-update": /^suricata-update --url '[^'\s]+'\n$/,
    "liveupdate-conf": /^workdir=\S+\nlogfile=\S+\n(?:hosts\/\d+\/url=\S+\n)+$/,
  };
  fc.assert(
    fc.property(hostile, fc.nat(6), (value, where) => {
      const at = (place: number, otherwise: string): string => (where === place ? `${otherwise}${value}` : otherwise);
      const file = fileOf({ name: at(0, "n"), type: "http", address: at(1, "http://h/") });
      const options = {
        mount: at(2, "/m/"),
        suite: at(3, "s"),
        components: [at(4, "main")],
        keyring: at(5, "/k"),
        path: at(6, "p"),
        workdir: at(5, "/w"),
        logfile: at(6, "/l"),
        experimental: true,
      };
      for (const [kind, form] of Object.entries(keys)) {
        const written = write(kind as HostFileKind, options, file);
        if (written.kind === "written") assert.match(written.text, form);
      }
    }),
    { numRuns: 1_000 },
  );
});
