import assert from "node:assert/strict";
import { test } from "node:test";
import { compareSemver, readAdvisories, vulnerableDependencies, vulnerablePackages } from "./advisories.ts";
import { installedPackages, pendingUpdates } from "./package-list.ts";

const STATUS = `Package: libssl3
Status: install ok installed
Architecture: amd64
Source: openssl
Version: 3.0.11-1~deb12u2
Description: toolkit
 Version: not this

Package: zlib1g
Status: install ok installed
Source: zlib (1:1.2.13.dfsg-1)
Architecture: amd64
Version: 1:1.2.13.dfsg-1+b2

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1
`;

test("what the lists name in newer versions is pending, and nothing that is not installed", () => {
  const installed = installedPackages(STATUS);
  assert.deepEqual(
    installed.map(({ name, source, sourceVersion }) => [name, source, sourceVersion]),
    [
      ["libssl3", "openssl", "3.0.11-1~deb12u2"],
      ["zlib1g", "zlib", "1:1.2.13.dfsg-1"],
    ],
  );
  const list = (version: string, architecture = "amd64"): string =>
    `Package: libssl3\nArchitecture: ${architecture}\nVersion: ${version}\n\nPackage: gone\nArchitecture: all\nVersion: 2\n`;
  const lists = [list("3.0.16-1~deb12u1"), list("3.0.17-1~deb12u2"), list("3.0.17-1~deb12u1"), list("4.0", "arm64")];
  assert.deepEqual(pendingUpdates(installed, lists), [
    { name: "libssl3", installed: "3.0.11-1~deb12u2", candidate: "3.0.17-1~deb12u2" },
  ]);
  assert.deepEqual(pendingUpdates(installed, [list("3.0.11-1~deb12u2")]), []);
});

test("the tracker's word counts for the release and the source package", () => {
  const text = JSON.stringify({
    openssl: {
      "CVE-1": { releases: { bookworm: { status: "resolved", fixed_version: "3.0.17-1~deb12u2" } } },
      "CVE-2": { releases: { bookworm: { status: "resolved", fixed_version: "3.0.10-1" } } },
      "CVE-3": { releases: { bookworm: { status: "open" } } },
      "CVE-4": { releases: { bookworm: { status: "resolved", fixed_version: "0" }, trixie: { status: "open" } } },
    },
  });
  const read = readAdvisories(text);
  assert.ok(read?.kind === "tracker");
  assert.deepEqual(
    vulnerablePackages(read.packages, "bookworm", installedPackages(STATUS)).map(({ id, fixed }) => [id, fixed]),
    [
      ["CVE-1", "3.0.17-1~deb12u2"],
      ["CVE-3", null],
    ],
  );
});

const advisory = (events: readonly object[], more: object = {}): object => ({
  id: "GHSA-1",
  modified: "2026-11-20T00:00:00Z",
  affected: [{ package: { ecosystem: "npm", name: "tar" }, ranges: [{ type: "SEMVER", events }] }],
  ...more,
});

test("OSV's ranges begin with what introduced it and end with what fixed it", () => {
  const hits = (version: string, ...advisories: readonly object[]): readonly (string | null)[] => {
    const read = readAdvisories(advisories.map((each) => JSON.stringify(each)).join("\n"));
    assert.ok(read?.kind === "osv");
    return vulnerableDependencies(read.entries, [{ name: "tar", version }]).map(({ fixed }) => fixed);
  };
  const range = advisory([{ introduced: "0" }, { fixed: "3.2.3" }, { introduced: "6.0.0" }, { fixed: "6.1.2" }]);
  assert.deepEqual(hits("6.1.0", range), ["6.1.2"]);
  assert.deepEqual(hits("3.0.0", range), ["3.2.3"]);
  for (const safe of ["3.2.3", "5.0.0", "6.1.2", "7.0.0"]) assert.deepEqual(hits(safe, range), [], safe);
  const last = advisory([{ introduced: "1.0.0" }, { last_affected: "1.5.0" }]);
  assert.deepEqual([hits("1.5.0", last), hits("1.5.1", last)], [[null], []]);
  assert.deepEqual(hits("6.1.0", advisory([{ introduced: "0" }], { withdrawn: "2026-11-21T00:00:00Z" })), []);
  assert.deepEqual(hits("6.1.0", range, last), ["6.1.2"]);
});

test("what is no file of advisories is none: an empty one says nothing", () => {
  for (const text of ["", "{}", "[]", "not json", '{"id":1}', '{"openssl":{"CVE-1":{}}}'])
    assert.equal(readAdvisories(text), null, text);
});

test("versions are ordered as Semantic Versioning orders them", () => {
  const ordered = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0",
    "1.0.10",
  ];
  assert.deepEqual(ordered.toReversed().toSorted(compareSemver), ordered);
  assert.equal(compareSemver("1.0.0+a", "1.0.0+b"), 0);
});
