import { readFile } from "node:fs/promises";
import path from "node:path";
import { Failure, quoteOutside } from "../core/kernel/errors.ts";
import { type HostFile, hostFile } from "../core/model/host-file.ts";
import type { LiveupdateTrust, Trust } from "../core/model/source.ts";
import { pathText, valueIssues } from "./file-issues.ts";
import { entryFields, withFields } from "./hostfile-entry.ts";
import { UsageError } from "./report.ts";
import { shapeOf } from "./schema-shape.ts";
import { systemCode } from "./system-code.ts";

/** The flags of `hostfile edit`. */
export interface EditFlags {
  readonly new?: boolean;
  readonly deployment?: string;
  readonly channel?: string;
  readonly add?: readonly string[];
  readonly set?: readonly string[];
  readonly remove?: readonly string[];
  readonly trustSource?: readonly string[];
  readonly minisignKey?: readonly string[];
  readonly recallKey?: readonly string[];
  readonly dropKey?: readonly string[];
  readonly fromDaemon?: boolean;
}

/** What was learnt elsewhere for an edit: from the daemon, and from key files. */
export interface Learnt {
  /** Where the daemon serves the channel. */
  readonly addresses: readonly { readonly name: string; readonly url: string }[];
  readonly trusts: readonly Trust[];
  readonly minisign: readonly string[];
  readonly recall: readonly string[];
  readonly drop: readonly string[];
}

/** Makes the edited file: takes mirrors out, changes what is left, adds, in this order. Throws `UsageError` for what the flags ask in vain, and for values that no host file has. */
export function edited(before: HostFile | null, flags: EditFlags, learnt: Learnt): HostFile {
  const start: Readonly<Record<string, unknown>> = before ?? { format: "ringfort-host-file-1" };
  const value = {
    ...start,
    ...(flags.deployment === undefined ? {} : { deployment: flags.deployment }),
    ...(flags.channel === undefined ? {} : { channel: flags.channel }),
    hosts: editedHosts(before?.hosts ?? [], flags, learnt),
    trust: editedTrust(before?.trust ?? { minisign: [], recall: [] }, learnt),
  };
  const parsed = hostFile.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = valueIssues(parsed.error.issues, shapeOf(hostFile), value);
  throw new UsageError(
    issues.map((issue) => `${pathText(issue.path)}: ${quoteOutside(issue.message, 200)}`).join("; "),
  );
}

type Host = Readonly<Record<string, unknown>>;

function editedHosts(before: readonly Host[], flags: EditFlags, { addresses }: Learnt): readonly Host[] {
  let hosts = before;
  for (const name of flags.remove ?? []) {
    needed(hosts, name, "--remove");
    hosts = hosts.filter((host) => host["name"] !== name);
  }
  for (const fields of (flags.set ?? []).map((written) => entryFields("--set", written))) {
    const { name = "" } = fields;
    needed(hosts, String(name), "--set");
    hosts = hosts.map((host) => (host["name"] === name ? withFields(host, fields) : host));
  }
  for (const fields of (flags.add ?? []).map((written) => entryFields("--add", written)))
    hosts = [...hosts, withFields({}, fields)];
  for (const { name, url } of addresses)
    if (!hosts.some((host) => host["address"] === url))
      hosts = [...hosts, { name, type: new URL(url).protocol.slice(0, -1), address: url }];
  return hosts;
}

function needed(hosts: readonly Host[], name: string, flag: string): void {
  if (!hosts.some((host) => host["name"] === name))
    throw new UsageError(`${flag}: no mirror in the file is called "${quoteOutside(name)}"`);
}

function editedTrust(before: HostFile["trust"], { trusts, minisign, recall, drop }: Learnt): HostFile["trust"] {
  for (const key of drop)
    if (![...before.minisign, ...before.recall].includes(key))
      throw new UsageError("--drop-key: the file has no such key");
  const keys = (held: readonly string[], more: readonly string[]): string[] => [
    ...new Set([...held.filter((key) => !drop.includes(key)), ...more]),
  ];
  const published = trusts.flatMap((trust) => (trust.kind === "minisign" ? trust.keys : []));
  const [first, ...rest] = trusts.filter((trust) => trust.kind === "liveupdate");
  return {
    ...before,
    ...(first === undefined ? {} : { liveupdate: rest.reduce(joined, first) }),
    minisign: keys(before.minisign, [...published, ...minisign]),
    recall: keys(before.recall, recall),
  };
}

/** Whom either believes. A policy is the file's, for all its products: the weaker one must not become the other's. */
function joined(one: LiveupdateTrust, other: LiveupdateTrust): LiveupdateTrust {
  const differs = (["profile", "innerGuard"] as const).find((key) => one[key] !== other[key]);
  if (differs !== undefined)
    throw new UsageError(`--trust-source: the sources differ in trust.${differs}: make a host file for each`);
  const anchors = new Map([...one.anchors, ...other.anchors].map((anchor) => [JSON.stringify(anchor), anchor]));
  return {
    ...one,
    signers: [...new Set([...one.signers, ...other.signers])],
    intermediates: [...new Set([...one.intermediates, ...other.intermediates])],
    anchors: [...anchors.values()],
  };
}

const KEY = /^RW[A-Za-z0-9+/]{54}$/;

/** A minisign public key as it stands on the command line, or in the file that it names. Throws `config.unreadable`. */
export async function minisignKeys(
  flag: string,
  written: readonly string[] = [],
  cwd = ".",
): Promise<readonly string[]> {
  return await Promise.all(
    written.map(async (keyOrFile) => {
      if (KEY.test(keyOrFile)) return keyOrFile;
      const text = await readFile(path.resolve(cwd, keyOrFile), "utf8").catch((cause: unknown) => {
        const why = `neither a minisign public key nor a file that can be read (${systemCode(cause)})`;
        throw new Failure("config.unreadable", `${flag} ${quoteOutside(keyOrFile)}: ${why}`, { cause });
      });
      const key = text.split(/\r?\n/).find((line) => KEY.test(line.trim()));
      if (key === undefined)
        throw new Failure("config.unreadable", `${flag} ${quoteOutside(keyOrFile)}: holds no minisign public key`);
      return key.trim();
    }),
  );
}
