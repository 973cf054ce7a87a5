import { chmod, readdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { rolldown } from "rolldown";
import type { ownFile } from "../../src/main/own-files.ts";
import { installedList, must, type Program, putBelow } from "./program.ts";
import { sbomOf } from "./sbom.ts";

/** What becomes one file each, and the compiled main that it begins with. */
const PROGRAMS = { ringfort: "dist/main/single-file.js", "ringfort-agent": "dist/main/ringfort-agent.js" } as const;
/** The one module that may ask where it lies: it knows that a single file has no folder. */
const OWN_FILES = /^(?:dist|src)\/main\/own-files\.[jt]s$/;
const LINE = `\n${"-".repeat(80)}\n\n`;
const LICENCE = /^(?:licen[cs]e|copying|notice)[^/]*$/i;

/**
 * Makes the command line and the agent one executable each, from what `layProgram` has laid in `app`: Node with the program
 * inside. Beside them their bills of materials, and the licences of all that is in them.
 */
export async function buildSingleFiles(into: string, app: string, work: string, program: Program): Promise<void> {
  const used = new Set<string>();
  for (const [name, entry] of Object.entries(PROGRAMS)) {
    const { code, modules } = await bundle(app, entry);
    const packages = program.packages.filter(
      ([place]) => isNode(place) || modules.some((module) => module.startsWith(`${place}/`)),
    );
    const file = path.join(into, `${name}_${program.version}_linux-x64`);
    const about = await readFile(path.join(app, "package.json"), "utf8");
    const texts = { "package.json": about, "node_modules/.package-lock.json": installedList(packages) };
    await makeExecutable({ code, texts, file, work: path.join(work, name), node: path.join(app, "bin/node") });
    await writeFile(`${file}.cdx.json`, sbomOf({ name, version: program.version, packages }));
    for (const [place] of packages) used.add(place);
  }
  const licences = path.join(into, `ringfort_${program.version}_linux-x64.licenses.txt`);
  const own = await readFile(path.join(app, "LICENSE"), "utf8");
  const ofNode = await readFile(path.join(app, "node-LICENSE"), "utf8");
  const others = await licencesOf(app, [...used].filter((place) => !isNode(place)).toSorted());
  await writeFile(licences, [others, `Node.js\n\n${ofNode}`, `Ringfort\n\n${own}`].join(LINE));
}

function isNode(place: string): boolean {
  return place.startsWith("node_modules/node-linux-");
}

export interface ExecutableWish {
  /** One module, which imports nothing but Node's own. */
  readonly code: string;
  /** What `main/own-files.ts` finds inside. */
  readonly texts: Readonly<Record<Parameters<typeof ownFile>[0], string>>;
  /** The executable that is made. */
  readonly file: string;
  /** A folder to make it in. */
  readonly work: string;
  readonly node: string;
}

/** Node with a program inside (Node's documentation, "Single executable applications"): the same bytes from the same, wherever it is made. */
export async function makeExecutable({ code, texts, file, work, node }: ExecutableWish): Promise<void> {
  const put = putBelow(work);
  await put("main.mjs", code);
  for (const [name, text] of Object.entries(texts)) await put(name, text);
  const config = {
    // Names without folders: where it was built stands nowhere in it.
    main: "main.mjs",
    mainFormat: "module",
    executable: node,
    output: "made",
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    // Compiled code differs from build to build, and would save a quarter of a start of 0.12 s.
    useCodeCache: false,
    execArgv: ["--disable-warning=ExperimentalWarning"],
    // NODE_OPTIONS is for whoever runs Node, not for whoever runs a program that is in one file.
    execArgvExtension: "none",
    assets: Object.fromEntries(Object.keys(texts).map((name) => [name, name])),
  };
  await put("sea.json", JSON.stringify(config));
  await must(node, ["--build-sea", "sea.json"], {}, work);
  await rename(path.join(work, "made"), file);
  await chmod(file, 0o755);
}

/** One module out of many, with the places of those that are in it. It imports nothing but Node's own. */
export async function bundle(
  app: string,
  entry: string,
): Promise<{ readonly code: string; readonly modules: readonly string[] }> {
  const build = await rolldown({ cwd: app, input: `./${entry}`, platform: "node", logLevel: "silent" });
  try {
    const { output } = await build.generate({ format: "esm", codeSplitting: false });
    const [chunk] = output;
    if (output.length !== 1) throw new Error(`${entry} became ${output.length} files`);
    const foreign = [...chunk.imports, ...chunk.dynamicImports].filter((name) => !name.startsWith("node:"));
    if (foreign.length > 0) throw new Error(`${entry} would look for ${foreign.join(", ")} when it runs`);
    const modules = Object.entries(chunk.modules)
      // The bundler's own, which loads modules of Node alone.
      .filter(([id]) => id !== "\0rolldown/runtime.js")
      .map(([id, { code }]) => ({ place: path.relative(app, id), code }));
    const lookers = modules.filter(
      ({ place, code }) => !OWN_FILES.test(place) && code?.includes("import.meta") === true,
    );
    if (lookers.length > 0)
      throw new Error(
        `${lookers.map(({ place }) => place).join(", ")}: a single file has no folder; ask main/own-files.ts`,
      );
    return { code: chunk.code, modules: modules.map(({ place }) => place) };
  } finally {
    await build.close();
  }
}

/** The licences of packages, by their places below a folder. Throws where one brings none. */
export async function licencesOf(app: string, places: readonly string[]): Promise<string> {
  const texts: string[] = [];
  for (const place of places) {
    const name = (await readdir(path.join(app, place))).find((file) => LICENCE.test(file));
    if (name === undefined) throw new Error(`${place} brings no licence`);
    const text = await readFile(path.join(app, place, name), "utf8");
    texts.push(`${place.replace("node_modules/", "")}\n\n${text}`);
  }
  return `Ringfort is under the Apache License 2.0. What else is in it:\n\n${texts.join(LINE)}`;
}
