import assert from "node:assert/strict";
import { test } from "node:test";
import { compareDebianVersions } from "./debian-version.ts";

/** As `dpkg --compare-versions OLDER lt NEWER` says of each. */
const OLDER_NEWER: readonly (readonly [string, string])[] = [
  ["1.0~rc1", "1.0"],
  ["1.0~~", "1.0~"],
  ["1.0", "1.0+b1"],
  ["1.0a", "1.0+"],
  ["1.9", "1.10"],
  ["9:1", "10:0"],
  ["2.0", "1:1.0"],
  ["1.0-1", "1.0-1+deb12u1"],
  ["1.0-1~bpo12+1", "1.0-1"],
  ["3.0.11-1~deb12u2", "3.0.17-1~deb12u2"],
  ["20260101010101010101", "20260101010101010102"],
  ["1.0-2", "1.0.1-1"],
  ["1.0", "1.0-1"],
];

test("versions are ordered as dpkg orders them", () => {
  for (const [older, newer] of OLDER_NEWER) {
    assert.ok(compareDebianVersions(older, newer) < 0, `${older} < ${newer}`);
    assert.ok(compareDebianVersions(newer, older) > 0, `${newer} > ${older}`);
  }
  for (const [one, two] of [
    ["1.0", "0:1.0"],
    ["1.0-0", "1.0"],
    ["1.01", "1.1"],
  ] as const)
    assert.equal(compareDebianVersions(one, two), 0, `${one} = ${two}`);
});
