import { UsageError } from "./report.ts";

/** The flags of `source add --format liveupdate` that describe the feed. */
interface FeedFlags {
  readonly product?: readonly string[];
  readonly listing?: string | true;
  readonly full?: true;
  readonly extra?: readonly string[];
  readonly select?: readonly string[];
  readonly newest?: true;
}

/** Its flags that say who is trusted. */
interface TrustFlags {
  readonly signer?: readonly string[];
  readonly intermediate?: readonly string[];
  readonly anchor?: readonly string[];
  readonly legacySha1?: true;
}

/** The feed part of a source's description; the schema fills in what is left out. Throws `UsageError`. */
export function liveupdateFeed(flags: FeedFlags): unknown {
  const ways = [flags.product, flags.listing, flags.full].filter((way) => way !== undefined);
  if (ways.length > 1)
    throw new UsageError("--product, --listing and --full exclude each other: the indexes are named by one of them");
  if (ways.length === 0 && flags.extra === undefined)
    throw new UsageError(
      'say which indexes are read: --product "PRODUCT;VERSION;LANGUAGE"..., --listing [FOLDERS], --full, or only --extra PATH...',
    );
  return {
    format: "liveupdate",
    index: indexOf(flags),
    ...(flags.extra === undefined ? {} : { extras: flags.extra }),
    ...(flags.select === undefined ? {} : { select: selectOf(flags.select) }),
    ...(flags.newest === true ? { updates: "new" } : {}),
  };
}

function indexOf({ product, listing, full }: FeedFlags): unknown {
  if (product !== undefined) return { kind: "products", products: product.map(productOf) };
  if (full === true) return { kind: "full" };
  if (listing === undefined) return { kind: "none" };
  if (listing === true) return { kind: "listing" };
  // "." is the folder of the address itself, which has no name to write.
  return { kind: "listing", folders: listing.split(",").map((folder) => (folder === "." ? "" : folder)) };
}

function productOf(written: string): unknown {
  const [product = "", version = "", language, folder, ...more] = written.split(";");
  if (product === "" || version === "" || more.length > 0)
    throw new UsageError(
      `--product is "PRODUCT;VERSION;LANGUAGE;FOLDER/", the last two may be left out; not "${written}"`,
    );
  return { product, version, ...(language ? { language } : {}), ...(folder ? { folder } : {}) };
}

/** Patterns by what they are of: a key may come several times. */
function selectOf(written: readonly string[]): unknown {
  const patterns: Record<"product" | "version" | "language", string[]> = { product: [], version: [], language: [] };
  for (const pair of written) {
    const equals = pair.indexOf("=");
    const key = pair.slice(0, equals);
    if (key !== "product" && key !== "version" && key !== "language")
      throw new UsageError(`--select takes product=, version= or language=PATTERN, not "${pair}"`);
    patterns[key].push(pair.slice(equals + 1));
  }
  return Object.fromEntries(Object.entries(patterns).filter(([, of]) => of.length > 0));
}

/** The trust part, certificate files read and embedded. Throws `UsageError`, and what `read` throws. */
export async function liveupdateTrust(
  { signer = [], intermediate = [], anchor = [], legacySha1 }: TrustFlags,
  read: (flag: string, file: string) => Promise<string>,
): Promise<unknown> {
  if (signer.length === 0 || anchor.length === 0)
    throw new UsageError(
      "say who vouches for the content: --signer FILE for each signer, and --anchor FILE for the root",
    );
  const texts = (flag: string, files: readonly string[]): Promise<readonly string[]> =>
    Promise.all(files.map((file) => read(flag, file)));
  return {
    kind: "liveupdate",
    signers: await texts("--signer", signer),
    intermediates: await texts("--intermediate", intermediate),
    anchors: await Promise.all(
      anchor.map(async (written) => {
        const { file, options } = anchorOf(written);
        return { certificate: await read("--anchor", file), ...options };
      }),
    ),
    ...(legacySha1 === true ? { profile: "legacy-sha1" } : {}),
  };
}

/** "root.pem,time=ignored,usage=any": each anchor has its own policy, none is for all of them. */
function anchorOf(written: string): { readonly file: string; readonly options: Readonly<Record<string, string>> } {
  const [file = "", ...rest] = written.split(/,(?=(?:time|usage)=)/);
  return { file, options: Object.fromEntries(rest.map((pair) => pair.split("=") as [string, string])) };
}
