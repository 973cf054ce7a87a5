import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const { packages } = JSON.parse(await readFile(new URL("../package-lock.json", import.meta.url), "utf8")) as {
  readonly packages: Readonly<Record<string, Locked>>;
};

test("npm ci finds each dependency of each package in the lock file, also those for other platforms", () => {
  // npm install leaves out of the lock what its registry did not have at that moment, where it is optional; npm ci
  // then refuses the lock it has written.
  const missing = Object.entries(packages).flatMap(([place, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies }).filter(
      (name) =>
        packages[`node_modules/${name}`] === undefined && packages[`${place}/node_modules/${name}`] === undefined,
    ),
  );
  assert.deepEqual(missing, []);
});

test("all that runs in production is locked to its hash", () => {
  const loose = Object.entries(packages).filter(
    ([place, { dev, integrity }]) => place !== "" && dev !== true && integrity === undefined,
  );
  assert.deepEqual(loose, []);
});
