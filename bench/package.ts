import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { run } from "../test/fixtures/daemon.ts";
import { buildDebian } from "./package/debian.ts";
import { buildImage } from "./package/image.ts";
import { APP, layProgram, must, repository } from "./package/program.ts";
import { clearRelease, LIST } from "./package/release-folder.ts";
import { buildSingleFiles } from "./package/single-files.ts";
import { conclude, say, table } from "./report.ts";

/**
 * `npm run package [-- FOLDER] [-- --key FILE]`: the Debian package, the container image, the command line and the agent as one file each, what each
 * is made of, and SHA256SUMS, in `dist-package` where no folder is given. With a minisign key of `ringfort key` the list is signed: the
 * folder is then what a source of Ringfort's reads, and what `ringfort verify` verifies. SOURCE_DATE_EPOCH says the time of all files;
 * else the last commit does.
 */
const { values, positionals } = parseArgs({ options: { key: { type: "string" } }, allowPositionals: true });
const folder = path.resolve(positionals[0] ?? path.join(repository, "dist-package"));
// Beside the folder: what is published must not lie in it, and is moved there on one file system.
const work = `${folder}.work`;
const files = path.join(work, "files");
const root = path.join(work, "root");
const began = performance.now();

/** What git says of the checkout; nothing where it is none. */
async function git(...args: readonly string[]): Promise<string> {
  const { code, stdout } = await run("git", args, { cwd: repository });
  return code === 0 ? stdout.trim() : "";
}

async function step<T>(what: string, made: () => Promise<T>): Promise<T> {
  say(`${((performance.now() - began) / 1_000).toFixed(0).padStart(4)} s  ${what}`);
  return await made();
}

const epoch = Number(process.env["SOURCE_DATE_EPOCH"] ?? (await git("log", "-1", "--format=%ct")));
if (!Number.isSafeInteger(epoch) || epoch <= 0) throw new Error("no checkout of git, and no SOURCE_DATE_EPOCH");
const revision = (await git("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty")) || "unknown";
await rm(work, { recursive: true, force: true });
await mkdir(files, { recursive: true });
try {
  const program = await step("compiling", () => layProgram(root));
  const singles = path.join(work, "single");
  await step("single files", () => buildSingleFiles(files, path.join(root, APP), singles, program));
  const image = await step("container image", () => buildImage(files, root, program, { epoch, revision }));
  await step("Debian package", () => buildDebian(files, root, program, epoch));
  const names = (await readdir(files)).toSorted();
  const made: { readonly name: string; readonly bytes: number; readonly sha256: string }[] = [];
  for (const name of names) {
    const bytes = await readFile(path.join(files, name));
    made.push({ name, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") });
  }
  await mkdir(folder, { recursive: true });
  await clearRelease(folder, { signed: values.key !== undefined });
  if (values.key === undefined) {
    for (const name of names) await rename(path.join(files, name), path.join(folder, name));
    await writeFile(path.join(folder, LIST), made.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(""));
  } else
    await step("signing", () => {
      const into = ["--into", folder, "--key", path.resolve(values.key ?? ""), "--as", "directory"];
      return must(process.execPath, [path.join(repository, "src/main/ringfort.ts"), "publish", files, ...into]);
    });
  for (const name of names) if (name.endsWith("_linux-x64")) await chmod(path.join(folder, name), 0o755);
  say(
    `\n${table(
      ["file", "bytes", "SHA-256"],
      made.map(({ name, bytes, sha256 }) => [name, String(bytes), sha256]),
    )}\n\n${table(
      ["layer of the image", "bytes", "unpacked"],
      image.layers.map(({ digest, bytes, diffId }) => [digest, String(bytes), diffId]),
    )}`,
  );
  const seconds = Math.round((performance.now() - began) / 1_000);
  const { manifest, layers } = image;
  const figures = { version: program.version, epoch, seconds, files: made, image: { manifest, layers } };
  conclude({ package: "release", ...figures, signed: values.key !== undefined }, true);
} finally {
  await rm(work, { recursive: true, force: true });
}
