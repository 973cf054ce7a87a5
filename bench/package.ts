import { createHash } from "node:crypto";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { run } from "../test/fixtures/daemon.ts";
import { buildDebian, must } from "./package/debian.ts";
import { conclude, say, table } from "./report.ts";

/**
 * `npm run package [-- FOLDER] [-- --key FILE]`: the Debian package, its bill of materials and SHA256SUMS, in `dist-package` where no
 * folder is given. With a minisign key of `ringfort key` they are published into FOLDER/tree too, signed, as a source of Ringfort's reads
 * them. SOURCE_DATE_EPOCH says the time of its files; else the last commit does.
 */
const repository = path.join(import.meta.dirname, "..");
const { values, positionals } = parseArgs({ options: { key: { type: "string" } }, allowPositionals: true });
const folder = path.resolve(positionals[0] ?? path.join(repository, "dist-package"));
const committed = await run("git", ["log", "-1", "--format=%ct"], { cwd: repository });
const epoch = Number(process.env["SOURCE_DATE_EPOCH"] ?? committed.stdout.trim());
if (!Number.isSafeInteger(epoch) || epoch <= 0) throw new Error("no checkout of git, and no SOURCE_DATE_EPOCH");
await mkdir(folder, { recursive: true });
const built = await buildDebian(folder, epoch);
const files: { readonly name: string; readonly bytes: number; readonly sha256: string }[] = [];
for (const file of [built.package, built.sbom]) {
  const bytes = await readFile(file);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  files.push({ name: path.basename(file), bytes: bytes.length, sha256 });
}
await writeFile(path.join(folder, "SHA256SUMS"), files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(""));
if (values.key !== undefined) {
  const offered = path.join(folder, "work/files");
  await mkdir(offered);
  for (const file of [built.package, built.sbom]) await cp(file, path.join(offered, path.basename(file)));
  const into = ["--into", path.join(folder, "tree"), "--key", path.resolve(values.key), "--as", "directory"];
  say(await must(process.execPath, [path.join(repository, "src/main/ringfort.ts"), "publish", offered, ...into]));
}
await rm(path.join(folder, "work"), { recursive: true });
say(
  table(
    ["file", "bytes", "SHA-256"],
    files.map(({ name, bytes, sha256 }) => [name, String(bytes), sha256]),
  ),
);
conclude({ package: "debian", version: built.version, epoch, files, signed: values.key !== undefined }, true);
