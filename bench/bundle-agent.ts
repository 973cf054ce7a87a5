import { cp, readFile, rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { run } from "../test/fixtures/daemon.ts";
import { putBelow, repository } from "./package/program.ts";
import { bundle, licencesOf } from "./package/single-files.ts";
import { conclude, say } from "./report.ts";

/**
 * `npm run bundle:agent [-- FOLDER]`: the agent as one JavaScript file, with its licences, in a folder that can be copied to a client
 * of any system (`dist-agent` where none is given). It needs Node there. The bundle is then run once.
 */
const folder = path.resolve(process.argv[2] ?? path.join(repository, "dist-agent"));
// It looks for package.json two folders up, as the release's does.
const MAIN = "dist/main/ringfort-agent.js";

const { code, modules } = await bundle(repository, "src/main/ringfort-agent.ts");
const packages = [...new Set(modules.flatMap((module) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(module)?.[0] ?? []))];
const { version } = JSON.parse(await readFile(path.join(repository, "package.json"), "utf8")) as {
  readonly version: string;
};
await rm(folder, { recursive: true, force: true });
const put = putBelow(folder);
await put(MAIN, `#!/usr/bin/env node\n${code}`);
await put("licenses.txt", await licencesOf(repository, packages.toSorted()));
await cp(path.join(repository, "LICENSE"), path.join(folder, "LICENSE"));
const about = { name: "ringfort-agent", version, license: "Apache-2.0", private: true, type: "module" };
await put("package.json", `${JSON.stringify({ ...about, bin: { "ringfort-agent": MAIN } }, null, 2)}\n`);
const tried = await run(process.execPath, [path.join(folder, MAIN), "--version"], { cwd: folder });
say(
  `${folder}: one file of ${modules.length} modules, with ${packages.map((place) => path.basename(place)).join(", ")}`,
);
say(`node ${MAIN} --version: ${tried.stdout.trim()}${tried.stderr.trim()}`);
conclude(
  { bundle: "agent", modules: modules.length, packages, version: tried.stdout.trim() },
  tried.code === 0 && tried.stdout.includes(version),
);
