import { createHash } from "node:crypto";
import { canonicalName } from "../../core/intake/index-spelling.ts";
import { quoteOutside } from "../../core/kernel/errors.ts";
import type { Instant } from "../../core/kernel/instant.ts";
import type { SignatureFinding } from "../../core/model/feed-listing.ts";
import type { LiveupdateDialect, LiveupdateTrust } from "../../core/model/source.ts";
import { verifyPinnedCms } from "../signatures/pinned-cms.ts";
import { type IndexedPackage, packagesOf } from "./dialect.ts";
import { type Guard, type GuardedFile, readGuard } from "./guard.ts";
import { type IndexParts, readContainer } from "./index-container.ts";
import { indexTextBytes, readIndexText } from "./index-text.ts";
import { FULL_INDEX, indexName, isPlainName } from "./names.ts";

/** What one index says and what signs it. Facts: whether it may be acted on is judged elsewhere. */
export interface IndexReading {
  /** Why it could not be read, with the place. */
  readonly malformed: string | null;
  readonly signatures: readonly SignatureFinding[];
  /** Where it says otherwise than its guard, or than the name that it stands under. */
  readonly contradictions: readonly string[];
  readonly guard: Guard | null;
  /** With the digests of guard and text together, the guard's first. */
  readonly packages: readonly IndexedPackage[];
  /** Whether the index text or a package is bound by SHA-1 alone. */
  readonly weak: boolean;
}

/** What a guard lists, by name in lower case. */
type Listed = ReadonlyMap<string, GuardedFile>;

interface Input {
  /** Its path below the address. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly trust: LiveupdateTrust;
  readonly dialect: LiveupdateDialect | "opaque";
  readonly now: Instant;
}

const NOTHING: IndexReading = {
  malformed: null,
  signatures: [],
  contradictions: [],
  guard: null,
  packages: [],
  weak: false,
};

/** Reads an index container (`*_livetri.zip`): its three members, the signature over the guard, the guard over the rest. */
export async function readIndex(input: Input): Promise<IndexReading> {
  const parts = await readContainer(input.bytes);
  if (typeof parts === "string") return { ...NOTHING, malformed: parts };
  const read = readGuard(parts.guard);
  const signatures = await verifyPinnedCms({
    signature: parts.signature,
    content: parts.guard,
    over: input.name,
    trust: input.trust,
    signedAt: "guard" in read ? read.guard.lastModified : null,
    now: input.now,
  });
  if ("malformed" in read) return { ...NOTHING, signatures, malformed: read.malformed };
  const seen = { ...NOTHING, signatures, guard: read.guard };
  // What a stranger wrote is not gone into: it may be as long, and take as much time, as he likes.
  if (signatures.some(({ status }) => status !== "good")) return seen;
  const listed: Listed = new Map(read.guard.files.map((file) => [file.name.toLowerCase(), file]));
  const unlisted = parts.others.find(({ name }) => !listed.has(name.toLowerCase()))?.name ?? null;
  // A member that is signed by nobody is a place to put something where another reader looks.
  if (unlisted !== null) return { ...seen, malformed: `the guard does not list the member ${quoteOutside(unlisted)}` };
  const text = readIndexText(parts.text.bytes);
  if ("malformed" in text) return { ...seen, malformed: text.malformed };
  // What the guard does not bear out was changed by somebody: nothing in it is worth reading.
  const members = [{ name: parts.text.name, bytes: indexTextBytes(text.text) }, ...parts.others];
  const contradictions = members.flatMap((member) => memberFault(member, listed) ?? []);
  if (contradictions.length > 0) return { ...seen, contradictions: contradictions.slice(0, 64) };
  const named = input.dialect === "opaque" ? opaque(read.guard, parts) : packagesOf(text.text, input.dialect);
  if ("malformed" in named) return { ...seen, malformed: named.malformed };
  return { ...seen, ...compared(named.packages, listed, input.name, parts.text.name) };
}

/** The packages with their digests from guard and text together, and where the two, or the name, say different things. */
function compared(
  named: readonly IndexedPackage[],
  listed: Listed,
  container: string,
  textName: string,
): Pick<IndexReading, "packages" | "contradictions" | "weak"> {
  const weakText = (listed.get(textName.toLowerCase())?.sha256 ?? null) === null;
  const packages: IndexedPackage[] = [];
  const contradictions: string[] = [];
  for (const each of named) {
    const file = listed.get(each.file.toLowerCase()) ?? null;
    const fault = packageFault(each, file, container);
    // Of one with a fault nothing else is told: its name may be longer than any message takes.
    if (fault !== null) {
      contradictions.push(fault);
      continue;
    }
    // Behind an index text that SHA-1 alone binds, its own SHA-256 of a package is no stronger.
    const sha256 = file?.sha256 ?? (weakText ? null : each.sha256);
    packages.push({ ...each, sha256, sha1: file?.sha1 ?? each.sha1 });
  }
  const weak = weakText || packages.some(({ sha1, sha256 }) => sha256 === null && sha1 !== null);
  return { packages, weak, contradictions: contradictions.slice(0, 64) };
}

function memberFault(
  { name, bytes }: { readonly name: string; readonly bytes: Uint8Array },
  listed: Listed,
): string | null {
  const file = listed.get(name.toLowerCase());
  if (file === undefined) return `the guard does not list ${quoteOutside(name)}`;
  for (const algorithm of ["sha256", "sha1"] as const) {
    const wanted = file[algorithm];
    if (wanted !== null && createHash(algorithm).update(bytes).digest("hex") !== wanted)
      return `${quoteOutside(name)}: its ${algorithm} is not the guard's`;
  }
  return null;
}

function packageFault(each: IndexedPackage, file: GuardedFile | null, container: string): string | null {
  const name = quoteOutside(each.file);
  if (!isPlainName(each.file)) return `"${name}" is no plain name of a file beside the index`;
  for (const algorithm of ["sha256", "sha1"] as const) {
    const [said, bound] = [each[algorithm], file?.[algorithm] ?? null];
    if (said !== null && bound !== null && said !== bound) return `${name}: its ${algorithm} is not the guard's`;
  }
  // Signed indexes may be swapped, one product's under the name of another: only the name that they state binds them.
  const base = container.slice(container.lastIndexOf("/") + 1);
  const own = indexName(each.identity);
  if (base.toLowerCase() === FULL_INDEX || each.identity.product === "" || canonicalName(base) === own) return null;
  return `it is ${quoteOutside(own)} and stands under the name ${quoteOutside(base)}`;
}

/** Without a dialect nothing is known of packages but what the guard binds; it also says nothing of whose they are. */
function opaque({ files }: Guard, parts: IndexParts): { readonly packages: readonly IndexedPackage[] } {
  const inside = new Set([parts.text, ...parts.others].map(({ name }) => name.toLowerCase()));
  const identity = { product: "", version: "", language: "" };
  const rest = { identity, item: "", sequence: null, from: null, size: null, urls: [] };
  return {
    packages: files
      .filter(({ name }) => !inside.has(name.toLowerCase()))
      .map(({ name, sha1, sha256 }) => ({ ...rest, file: name, sha1, sha256 })),
  };
}
