import assert from "node:assert/strict";
import { test } from "node:test";
import { needsProgram } from "../../test/fixtures/needs.ts";
import { Failure } from "../core/kernel/errors.ts";
import { needTools, runTool } from "./tools.ts";

test("every missing program is named with the package that brings it, at once", () => {
  needTools(["dpkg-deb"], () => true);
  assert.throws(
    () => needTools(["mmdebstrap", "mkfs.erofs", "dpkg-deb"], (place) => place === "/usr/bin/dpkg-deb"),
    (error) =>
      error instanceof Failure &&
      error.code === "image.tool-missing" &&
      ["mmdebstrap", "mkfs.erofs", "erofs-utils"].every((word) => error.message.includes(word)) &&
      !error.message.includes("dpkg"),
  );
});

test("a program that fails ends the build, with its last words", {
  skip: needsProgram("dpkg-deb", "dpkg"),
}, async () => {
  assert.match(await runTool("dpkg-deb", ["--version"]), /dpkg-deb/);
  await assert.rejects(
    runTool("dpkg-deb", ["--field", "/nowhere/at-all.deb", "Depends"]),
    (error) => error instanceof Failure && error.code === "image.not-built" && error.message.includes("at-all.deb"),
  );
});
