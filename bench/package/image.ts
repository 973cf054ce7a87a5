import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { imageLayout, type MadeImage } from "./oci.ts";
import { APP, type Program, repository } from "./program.ts";
import { sbomOf } from "./sbom.ts";
import { systemFiles } from "./system-files.ts";
import { type TarEntry, tarPieces } from "./tar.ts";

/** Who runs in the image: no name of the host's, by number, so that a runtime can see that it is not root. */
const USER = 65_532;
const CONFIGURATION = "/etc/ringfort/ringfort.yaml";
const DATA = "/var/lib/ringfort";
const PORTS = { staging: 8_081, production: 8_082 } as const;

/**
 * Makes a container image without a shell, as an OCI image layout in one tar archive, of what `layProgram` has laid below a root: Node and the
 * libraries that it asks for, certificates, the program, and no other file that can be run. Its bill of materials lies beside it.
 */
export async function buildImage(
  into: string,
  root: string,
  program: Program,
  made: { readonly epoch: number; readonly revision: string },
): Promise<Pick<MadeImage, "manifest" | "layers">> {
  const { version } = program;
  const system = await systemFiles(path.join(root, APP, "bin/node"));
  const ours = await filesBelow(root, APP);
  const isNode = ({ path: place }: TarEntry): boolean => place.startsWith(`${APP}/bin/`);
  const image = imageLayout({
    layers: [
      {
        what: "the system: node, what it loads, certificates, a user",
        entries: withFolders([
          ...system.files.map(({ place, content }) =>
            fileOf(place, content, /\/ld-[^/]*$/.test(place) ? 0o755 : 0o644),
          ),
          ...(await etc()),
          ...ours.filter(isNode),
        ]),
      },
      { what: `ringfort ${version}`, entries: withFolders(ours.filter((entry) => !isNode(entry))) },
    ],
    config: {
      User: `${USER}:${USER}`,
      ExposedPorts: Object.fromEntries(Object.values(PORTS).map((port) => [`${port}/tcp`, {}])),
      // The folder of node alone: there is nothing else to be run.
      Env: [`PATH=/${APP}/bin`, "NODE_ENV=production"],
      Entrypoint: [`/${APP}/bin/node`, `/${APP}/dist/main/ringfortd.js`],
      Cmd: ["--config", CONFIGURATION],
      Volumes: { [DATA]: {}, [path.dirname(CONFIGURATION)]: {} },
      // So that the command line in it is `node ringfort.js`.
      WorkingDir: `/${APP}/dist/main`,
      StopSignal: "SIGTERM",
      Labels: {
        "org.opencontainers.image.title": "ringfort",
        "org.opencontainers.image.description": "A verifying mirror for security updates",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": made.revision,
        "org.opencontainers.image.licenses": "Apache-2.0",
      },
    },
    name: "ringfort",
    tag: version,
    epoch: made.epoch,
  });
  const file = path.join(into, `ringfort_${version}_amd64.oci.tar`);
  const layout = [...image.files].map(([place, content]) => fileOf(place, content, 0o644));
  await writeFile(file, tarPieces(withFolders(layout), made.epoch));
  const bill = { name: "ringfort-image", version, packages: program.packages, system: system.packages };
  await writeFile(`${file}.cdx.json`, sbomOf(bill));
  return { manifest: image.manifest, layers: image.layers };
}

function fileOf(place: string, content: Uint8Array, mode: number): TarEntry {
  return { path: place, kind: "file", mode, owner: 0, content };
}

function folderOf(place: string, mode: number, owner: number): TarEntry {
  return { path: place, kind: "folder", mode, owner, content: new Uint8Array() };
}

/** The program's files; node may be run, and nothing else. */
async function filesBelow(root: string, below: string): Promise<readonly TarEntry[]> {
  const entries: TarEntry[] = [];
  for (const entry of await readdir(path.join(root, below), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const place = path.relative(root, file);
    entries.push(fileOf(place, await readFile(file), place === `${APP}/bin/node` ? 0o755 : 0o644));
  }
  return entries;
}

/** Adds the folders that are not named but needed: root's, for all to look into. */
function withFolders(entries: readonly TarEntry[]): readonly TarEntry[] {
  const folders = new Map(entries.filter(({ kind }) => kind === "folder").map((entry) => [entry.path, entry]));
  for (const { path: place } of entries)
    for (let at = path.posix.dirname(place); at !== "."; at = path.posix.dirname(at))
      if (!folders.has(at)) folders.set(at, folderOf(at, 0o755, 0));
  return [...entries.filter(({ kind }) => kind === "file"), ...folders.values()];
}

/** The user, the look-up of names, a configuration to begin with, and the folders that a runtime lays over. */
async function etc(): Promise<readonly TarEntry[]> {
  const texts = {
    "etc/passwd": `root:x:0:0:root:/:/nonexistent\nringfort:x:${USER}:${USER}:Ringfort:${DATA}:/nonexistent\n`,
    "etc/group": `root:x:0:\nringfort:x:${USER}:\n`,
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    // Which servers there are only the runtime knows.
    "etc/resolv.conf": "",
    "etc/ringfort/ringfort.yaml": await sample(),
  };
  return [
    ...Object.entries(texts).map(([place, text]) => fileOf(place, Buffer.from(text), 0o644)),
    ...["proc", "sys", "dev", "run"].map((place) => folderOf(place, 0o755, 0)),
    folderOf("tmp", 0o1777, 0),
    folderOf(DATA.slice(1), 0o750, USER),
  ];
}

/** The sample configuration, in a container's own network: who reaches its ports is the runtime's to say. */
async function sample(): Promise<string> {
  const text = await readFile(path.join(repository, "ringfort.example.yaml"), "utf8");
  const changed = text
    .replace(/^data: .*$/m, `data: ${DATA}`)
    .replace(/^( +least:) flags$/m, "$1 kernel")
    .replaceAll(/^( +listen: )127\.0\.0\.1:(808\d)$/gm, "$10.0.0.0:$2");
  for (const port of Object.values(PORTS))
    if (!changed.includes(`listen: 0.0.0.0:${port}\n`)) throw new Error(`the sample configuration names no ${port}`);
  return changed;
}
