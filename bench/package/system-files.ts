import { createHash } from "node:crypto";
import { readFile, realpath } from "node:fs/promises";
import path from "node:path";
import { must } from "./program.ts";
import type { SystemPackage } from "./sbom.ts";

/** A file of a Debian package, with its place in the image. */
interface TakenFile {
  readonly place: string;
  readonly content: Uint8Array;
}

interface TakenFiles {
  readonly files: readonly TakenFile[];
  readonly packages: readonly SystemPackage[];
}

/** Where the loader looks without a cache. */
const LIBRARIES = "usr/lib/x86_64-linux-gnu";
const CERTIFICATES = "/usr/share/ca-certificates/mozilla/";

/**
 * What the image needs of the machine that builds it, each byte as its Debian package brought it: the libraries and the loader that a
 * program asks for, the certificates of `ca-certificates`, and the packages' copyright files. Throws where the machine's
 * file is not the package's: what somebody has put there must not get into an image.
 */
export async function systemFiles(program: string): Promise<TakenFiles> {
  const taken: { readonly from: string; readonly owner: string; readonly file: TakenFile }[] = [];
  for (const { place, from } of await librariesOf(program)) {
    const owner = await ownerOf(from);
    taken.push({ from, owner, file: { place, content: await asPackaged(from, owner, await sumsOf(owner)) } });
  }
  const roots = await certificates();
  const copyrights: TakenFile[] = [];
  const packages: SystemPackage[] = [];
  for (const name of [...new Set([...taken.map(({ owner }) => owner), "ca-certificates"])].toSorted()) {
    const own = taken.filter(({ owner }) => owner === name).map(({ file }) => file);
    const [version = "", architecture = ""] = (
      await must("dpkg-query", ["-W", "-f", "${Version}\t${Architecture}", name])
    ).split("\t");
    const bare = name.replace(/:.*/, "");
    const copyright = `usr/share/doc/${bare}/copyright`;
    copyrights.push({ place: copyright, content: await readFile(`/${copyright}`) });
    packages.push({
      name: bare,
      version,
      architecture,
      files: (name === "ca-certificates" ? [roots] : own).map(({ place, content }) => ({
        place: `/${place}`,
        sha256: createHash("sha256").update(content).digest("hex"),
      })),
    });
  }
  return { files: [...taken.map(({ file }) => file), roots, ...copyrights], packages };
}

/** The loader and the libraries that it loads for a program, as ldd(1) tells. */
export async function librariesOf(
  program: string,
): Promise<readonly { readonly place: string; readonly from: string }[]> {
  const lines = (await must("ldd", [program])).trimEnd().split("\n");
  return lines.flatMap((line) => {
    if (/^\s*linux-vdso/.test(line)) return [];
    const [, name, from = ""] = /^\s*(?:(\S+) => )?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line) ?? [];
    if (from === "") throw new Error(`ldd says of ${program}: ${line}`);
    // The loader stands under the name that is written in the program.
    return [{ from, place: name === undefined ? from.slice(1) : `${LIBRARIES}/${name}` }];
  });
}

async function ownerOf(file: string): Promise<string> {
  const real = await realpath(file);
  // The packages of Debian 12 still say /lib for what lies in /usr/lib.
  for (const name of [real, real.replace(/^\/usr/, "")]) {
    const owner = await must("dpkg-query", ["-S", name]).catch(() => "");
    if (owner !== "") return owner.slice(0, owner.lastIndexOf(": "));
  }
  throw new Error(`${file} is in no Debian package`);
}

/** What a package says of its files: place below the root → MD5, which tells damage and other versions. */
type Sums = ReadonlyMap<string, string>;

async function sumsOf(owner: string): Promise<Sums> {
  const lines = (await must("dpkg-query", ["--control-show", owner, "md5sums"])).trimEnd().split("\n");
  return new Map(lines.map((line) => [line.slice(34), line.slice(0, 32)]));
}

/** A file, when its package vouches for it. */
async function asPackaged(file: string, owner: string, sums: Sums): Promise<Uint8Array> {
  const real = await realpath(file);
  const content = await readFile(real);
  const sum = sums.get(real.slice(1)) ?? sums.get(real.replace(/^\/usr\//, ""));
  if (sum === undefined || createHash("md5").update(content).digest("hex") !== sum)
    throw new Error(`${file} is not as ${owner} brought it: dpkg --verify ${owner}`);
  return content;
}

/** The roots that the package brings, and none that were added to this machine. */
async function certificates(): Promise<TakenFile> {
  const listed = (await must("dpkg-query", ["-L", "ca-certificates"])).split("\n");
  const files = listed.filter((file) => file.startsWith(CERTIFICATES) && path.extname(file) === ".crt").toSorted();
  if (files.length < 50) throw new Error(`ca-certificates brings ${files.length} roots`);
  const sums = await sumsOf("ca-certificates");
  const texts: string[] = [];
  for (const file of files)
    texts.push(
      `${Buffer.from(await asPackaged(file, "ca-certificates", sums))
        .toString("latin1")
        .trimEnd()}\n`,
    );
  return { place: "etc/ssl/certs/ca-certificates.crt", content: Buffer.from(texts.join("")) };
}
