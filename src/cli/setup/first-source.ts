import path from "node:path";
import { type SourceSpec, sourceSpec } from "../../core/model/source.ts";
import { UsageError } from "../report.ts";
import { type SourceFlags, sourceFromFlags } from "../source-flags.ts";
import { readYamlFile } from "../yaml-file.ts";

/** What the command line says of the first source: a name and the flags of `source add`, or a file that describes it. */
export interface FirstSource {
  readonly source?: string;
  readonly sourceFile?: string;
  readonly flags: SourceFlags;
}

type Ask = (question: string) => Promise<string | null>;

/** The source that is given; `null`: none is. Throws `UsageError` and `source.invalid`. */
export async function givenSource({ source, sourceFile, flags }: FirstSource, cwd: string): Promise<SourceSpec | null> {
  if (sourceFile !== undefined) {
    if (source !== undefined || Object.keys(flags).length > 0)
      throw new UsageError("--source-file describes the whole source; no other flag of a source goes beside it");
    const codes = { unreadable: "config.unreadable", invalid: "source.invalid" } as const;
    return await readYamlFile(path.resolve(cwd, sourceFile), sourceSpec, codes);
  }
  if (source === undefined) {
    if (Object.keys(flags).length > 0) throw new UsageError("--source NAME says what the source is called");
    return null;
  }
  return await sourceFromFlags(source, flags, cwd);
}

/** What a person says of it; "none" is an answer. `undefined`: they have left. */
export async function askedSource(
  ask: Ask,
  tell: (text: string) => void,
  cwd: string,
  isFirst: boolean,
): Promise<SourceSpec | null | undefined> {
  for (;;) {
    const flags = await sourceFlagsAsked(ask, isFirst ? "clamav" : "none");
    if (flags === null || flags === undefined) return flags;
    try {
      return await sourceFromFlags(flags.name, flags.rest, cwd);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      tell(`  ${error.message}\n`);
    }
  }
}

async function sourceFlagsAsked(
  ask: Ask,
  offered: string,
): Promise<{ readonly name: string; readonly rest: SourceFlags } | null | undefined> {
  const question = async (text: string, otherwise: string): Promise<string | undefined> => {
    const typed = await ask(`${text} [${otherwise}]: `);
    if (typed === null) return undefined;
    return typed.trim() === "" ? otherwise : typed.trim();
  };
  const format = await question("First source: clamav, directory (any vendor's files), or none", offered);
  if (format === undefined) return undefined;
  if (format === "none") return null;
  const isClamav = format === "clamav";
  const name = await question("What it is called", isClamav ? "clamav" : "files");
  const address = await question("Its address", isClamav ? "https://database.clamav.net/" : "https://vendor.example/");
  if (name === undefined || address === undefined) return undefined;
  const rest = { format, address: [address] };
  if (format !== "directory") return { name, rest };
  const key = await question(
    "The OpenPGP key that signs its SHA256SUMS, a file (none: unsigned, for staging only)",
    "none",
  );
  if (key === undefined) return undefined;
  if (key === "none") return { name, rest: { ...rest, listing: true, trustNone: true } };
  return { name, rest: { ...rest, checksums: true, openpgpKey: [key] } };
}
