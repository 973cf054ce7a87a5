import { appendFile, mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { buildDebian } from "../package/debian.ts";
import { APP, layProgram, must } from "../package/program.ts";

const EPOCH = 1_767_225_600;

/** Packages that differ in what an upgrade meets. */
export interface Packages {
  readonly before: string;
  readonly now: string;
  /** Its last migration cannot be run. */
  readonly broken: string;
  /** It has one migration more. */
  readonly newer: string;
}

/** Builds today's package, and by editing it the others. */
export async function buildPackages(folder: string): Promise<Packages> {
  const root = path.join(folder, "program");
  const made = path.join(folder, "made");
  await mkdir(made, { recursive: true });
  await buildDebian(made, root, await layProgram(root), EPOCH);
  const [built = ""] = (await readdir(made)).filter((name) => name.endsWith(".deb"));
  const now = path.join(made, built);
  await rm(root, { recursive: true });
  const edited = async (name: string, version: string, edit: (root: string) => Promise<void>): Promise<string> => {
    const raw = path.join(folder, name);
    await must("dpkg-deb", ["--raw-extract", now, raw]);
    await must("sed", ["-i", `s/^Version: .*/&${version}/`, path.join(raw, "DEBIAN/control")]);
    await edit(raw);
    const file = path.join(made, `${name}.deb`);
    await must("dpkg-deb", ["--root-owner-group", "-Zzstd", "-z1", "--build", raw, file]);
    await rm(raw, { recursive: true });
    return file;
  };
  const migrating = (statement: string) => async (raw: string) => {
    await appendFile(path.join(raw, APP, "dist/store/ledgers/schema.js"), `\nMIGRATIONS.push("${statement}");\n`);
    const more = `s/^KNOWN=\\([0-9]*\\)$/echo "KNOWN=$((\\1+1))"/e`;
    await must("sed", ["-i", more, path.join(raw, "DEBIAN/preinst")]);
  };
  return {
    now,
    before: await edited("before", "~before", async () => {}),
    broken: await edited("broken", "+broken", migrating("INSERT INTO no_such_table VALUES (1)")),
    newer: await edited("newer", "+newer", migrating("CREATE TABLE of_tomorrow (id INTEGER PRIMARY KEY)")),
  };
}
