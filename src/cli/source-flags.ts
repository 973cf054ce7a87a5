import { readFile } from "node:fs/promises";
import path from "node:path";
import { Failure } from "../core/kernel/errors.ts";
import { type SourceSpec, sourceSpec } from "../core/model/source.ts";
import { didYouMean } from "./did-you-mean.ts";
import { pathText, valueIssues } from "./file-issues.ts";
import { UsageError } from "./report.ts";
import { shapeOf } from "./schema-shape.ts";
import { liveupdateFeed, liveupdateTrust } from "./source-flags-liveupdate.ts";
import { systemCode } from "./system-code.ts";

/** The flags of `source add`, as commander hands them over. */
export interface SourceFlags {
  readonly format?: string;
  readonly address?: readonly string[];
  readonly database?: readonly string[];
  readonly cdiffs?: string;
  readonly signRoot?: readonly string[];
  readonly file?: readonly string[];
  readonly checksums?: string | true;
  readonly listing?: string | true;
  readonly product?: readonly string[];
  readonly full?: true;
  readonly extra?: readonly string[];
  readonly select?: readonly string[];
  readonly newest?: true;
  readonly signer?: readonly string[];
  readonly intermediate?: readonly string[];
  readonly anchor?: readonly string[];
  readonly legacySha1?: true;
  readonly openpgpKey?: readonly string[];
  readonly minisignKey?: readonly string[];
  readonly signature?: string;
  readonly threshold?: string;
  readonly pin?: readonly string[];
  readonly trustNone?: boolean;
  readonly schedule?: string;
  readonly jitter?: string;
  readonly mount?: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly budget?: readonly string[];
  readonly keep?: string;
  readonly keepYounger?: string;
  readonly proxy?: string;
  readonly proxyLogin?: string;
  readonly login?: string;
  readonly ca?: readonly string[];
  readonly allowInside?: boolean;
  readonly allowSchemeChange?: boolean;
  readonly parallel?: string;
}

/** Which flags belong to which formats only. */
const ONLY: Readonly<Record<string, readonly (keyof SourceFlags)[]>> = {
  clamav: ["database", "cdiffs", "signRoot"],
  liveupdate: [
    "product",
    "listing",
    "full",
    "extra",
    "select",
    "newest",
    "signer",
    "intermediate",
    "anchor",
    "legacySha1",
  ],
  directory: [
    "file",
    "checksums",
    "listing",
    "openpgpKey",
    "minisignKey",
    "signature",
    "threshold",
    "pin",
    "trustNone",
  ],
};

/**
 * A source's description from the flags, key files read and embedded. Throws `UsageError` for flags that make no
 * description, `source.invalid` for a key file that cannot be read.
 */
export async function sourceFromFlags(name: string, flags: SourceFlags, cwd: string): Promise<SourceSpec> {
  const format = flags.format;
  if (format === undefined)
    throw new UsageError(
      "say how the upstream is read: --format clamav, liveupdate or directory; or take a description with --from FILE",
    );
  if (!Object.hasOwn(ONLY, format)) {
    const meant = didYouMean(format, Object.keys(ONLY));
    const hint = meant === null ? "" : `: did you mean \`${meant}\`?`;
    throw new UsageError(`--format is ${Object.keys(ONLY).join(" or ")}, not "${format}"${hint}`);
  }
  const misplaced = Object.entries(ONLY)
    .filter(([owner]) => owner !== format)
    .flatMap(([owner, keys]) =>
      keys
        .filter((key) => flags[key] !== undefined && ONLY[format]?.includes(key) !== true)
        .map((key) => `${flagOf(key)} belongs to --format ${owner}`),
    );
  if (misplaced.length > 0) throw new UsageError(misplaced.join("; "));
  const description = present({
    name,
    feed: feed(format, flags),
    addresses: flags.address ?? [],
    trust: await trust(format, flags, cwd),
    selection: present({ include: flags.include, exclude: flags.exclude }),
    mount: flags.mount,
    schedule: flags.schedule,
    jitter: number(flags.jitter),
    budget: pairs("--budget", flags.budget ?? [], number),
    network: await network(flags, cwd),
    retention: present({ revisions: number(flags.keep), age: flags.keepYounger }),
  });
  const parsed = sourceSpec.safeParse(description);
  if (parsed.success) return parsed.data;
  const issues = valueIssues(parsed.error.issues, shapeOf(sourceSpec), description);
  throw new UsageError(issues.map((issue) => `${flagOfPath(pathText(issue.path))}: ${issue.message}`).join("\n  "));
}

function feed(format: string, flags: SourceFlags): unknown {
  if (format === "directory") return directoryFeed(flags);
  if (format === "liveupdate") return liveupdateFeed(flags);
  return present({ format, databases: flags.database, cdiffs: number(flags.cdiffs) });
}

function directoryFeed(flags: SourceFlags): unknown {
  const pinned = Object.keys(pairs("--pin", flags.pin ?? [], (digest) => digest));
  const ways = [flags.file, flags.checksums, flags.listing].filter((way) => way !== undefined);
  if (ways.length > 1)
    throw new UsageError("--file, --checksums and --listing exclude each other: the file names come from one of them");
  if (flags.listing !== undefined)
    return {
      format: "directory",
      list: present({ kind: "listing", depth: flags.listing === true ? undefined : number(flags.listing) }),
    };
  if (flags.checksums !== undefined)
    return {
      format: "directory",
      list: present({ kind: "checksums", file: flags.checksums === true ? undefined : flags.checksums }),
    };
  const files = flags.file ?? (pinned.length > 0 ? pinned : undefined);
  if (files === undefined)
    throw new UsageError(
      "say where the file names come from: --file PATH..., --checksums [FILE], --listing [DEPTH], or --pin PATH=SHA256...",
    );
  return { format: "directory", list: { kind: "files", files } };
}

async function trust(format: string, flags: SourceFlags, cwd: string): Promise<unknown> {
  if (format === "clamav")
    return present({ kind: "clamav", roots: await keyTexts("--sign-root", flags.signRoot, cwd) });
  if (format === "liveupdate") return await liveupdateTrust(flags, (flag, file) => keyText(flag, file, cwd));
  const ways = [flags.openpgpKey, flags.minisignKey, flags.pin, flags.trustNone].filter((way) => way !== undefined);
  if (ways.length !== 1)
    throw new UsageError(
      "say who vouches for the content, by one of --openpgp-key, --minisign-key, --pin and --trust-none",
    );
  if (flags.trustNone === true) return { kind: "none" };
  if (flags.pin !== undefined)
    return { kind: "pinned", digests: pairs("--pin", flags.pin, (digest) => digest.toLowerCase()) };
  const signed = { signature: flags.signature, threshold: number(flags.threshold) };
  if (flags.openpgpKey !== undefined)
    return present({ kind: "openpgp", keys: await keyTexts("--openpgp-key", flags.openpgpKey, cwd), ...signed });
  return present({
    kind: "minisign",
    keys: await Promise.all((flags.minisignKey ?? []).map((key) => minisignKey(key, cwd))),
    ...signed,
  });
}

const MINISIGN_KEY = /^RW[A-Za-z0-9+/]{54}$/;

/** The key itself, or the base64 line of a key file (an untrusted comment stands above it). */
async function minisignKey(keyOrFile: string, cwd: string): Promise<string> {
  if (MINISIGN_KEY.test(keyOrFile)) return keyOrFile;
  const no = new Failure(
    "source.invalid",
    `--minisign-key ${keyOrFile}: neither a minisign public key (56 characters that begin with RW) nor a file that holds one`,
  );
  const text = await keyText("--minisign-key", keyOrFile, cwd).catch(() => {
    throw no;
  });
  const key = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .find((line) => MINISIGN_KEY.test(line));
  if (key === undefined) throw no;
  return key;
}

async function network(flags: SourceFlags, cwd: string): Promise<unknown> {
  return present({
    proxy: flags.proxy,
    proxyLogin: login("--proxy-login", flags.proxyLogin, cwd),
    login: login("--login", flags.login, cwd),
    authorities: await keyTexts("--ca", flags.ca, cwd),
    allowInside: flags.allowInside,
    allowSchemeChange: flags.allowSchemeChange,
    parallel: number(flags.parallel),
  });
}

function login(flag: string, written: string | undefined, cwd: string): unknown {
  if (written === undefined) return undefined;
  const colon = written.indexOf(":");
  // The password itself would stand in the process list and the shell's history for everyone.
  if (colon < 1 || colon === written.length - 1)
    throw new UsageError(`${flag} is USER:PASSWORDFILE, with a file that holds the password`);
  return { user: written.slice(0, colon), passwordFile: path.resolve(cwd, written.slice(colon + 1)) };
}

async function keyTexts(
  flag: string,
  files: readonly string[] | undefined,
  cwd: string,
): Promise<readonly string[] | undefined> {
  return files === undefined ? undefined : await Promise.all(files.map((file) => keyText(flag, file, cwd)));
}

async function keyText(flag: string, file: string, cwd: string): Promise<string> {
  try {
    return await readFile(path.resolve(cwd, file), "utf8");
  } catch (cause) {
    throw new Failure("source.invalid", `${flag} ${file}: cannot be read (${systemCode(cause)})`, { cause });
  }
}

function pairs<T>(flag: string, written: readonly string[], read: (text: string) => T): Readonly<Record<string, T>> {
  return Object.fromEntries(
    written.map((pair) => {
      const at = pair.lastIndexOf("=");
      if (at < 1) throw new UsageError(`${flag} takes KEY=VALUE, not "${pair}"`);
      return [pair.slice(0, at), read(pair.slice(at + 1))];
    }),
  );
}

/** A number where it is written as one; the rest ("400 MB", "2h") the schema reads. */
function number(written: string): string | number;
function number(written: string | undefined): string | number | undefined;
function number(written: string | undefined): string | number | undefined {
  return written !== undefined && /^\d+(?:\.\d+)?$/.test(written) ? Number(written) : written;
}

function present(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function flagOf(key: string): string {
  return `--${key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

const FLAG_OF_PATH: readonly (readonly [prefix: string, flag: string])[] = [
  ["feed.format", "--format"],
  ["feed.databases", "--database"],
  ["feed.cdiffs", "--cdiffs"],
  ["feed.index.products", "--product"],
  ["feed.index.folders", "--listing"],
  ["feed.index", "--product"],
  ["feed.select", "--select"],
  ["feed.extras", "--extra"],
  ["trust.signers", "--signer"],
  ["trust.intermediates", "--intermediate"],
  ["trust.anchors", "--anchor"],
  ["feed.list.files", "--file"],
  ["feed.list.depth", "--listing"],
  ["feed.list.file", "--checksums"],
  ["addresses", "--address"],
  ["trust.digests", "--pin"],
  ["trust.threshold", "--threshold"],
  ["trust.signature", "--signature"],
  ["selection.include", "--include"],
  ["selection.exclude", "--exclude"],
  ["mount", "--mount"],
  ["schedule", "--schedule"],
  ["jitter", "--jitter"],
  ["budget", "--budget"],
  ["network.proxy", "--proxy"],
  ["network.parallel", "--parallel"],
  ["retention.revisions", "--keep"],
  ["retention.age", "--keep-younger"],
];

function flagOfPath(written: string): string {
  const flag = FLAG_OF_PATH.find(([prefix]) => written.startsWith(prefix))?.[1];
  return flag === undefined ? written : `${flag} (${written})`;
}
