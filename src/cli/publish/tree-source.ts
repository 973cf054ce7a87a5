import { pathToFileURL } from "node:url";
import { Failure, quoteOutside, type Refusal } from "../../core/kernel/errors.ts";
import type { SourceSpec, SourceSpecInput } from "../../core/model/source.ts";
import { type Identity, indexName } from "../../formats/liveupdate/names.ts";
import type { KeyFile } from "../../formats/signatures/key-file.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal } from "../context.ts";
import { UsageError } from "../report.ts";
import { LIST } from "./signed-list.ts";
import { trustOfKey } from "./signing-key.ts";

export interface TreeSource {
  readonly name: string;
  /** Where it is mounted; `/NAME/` where left out. */
  readonly mount?: string;
  /** Absolute. */
  readonly tree: string;
  readonly key: KeyFile;
  /** The product that was published; `null` for a directory. */
  readonly product: Identity | null;
}

/** What became of the source: made, changed to take one more product too, or found as it should be. */
export interface Ensured {
  readonly source: string;
  readonly made: boolean;
  readonly changed: boolean;
}

/**
 * Makes the source that carries a tree into the mirror, the way that every vendor's content takes. One that is there must
 * read this tree and believe this key; a product that it lacks is added to it. Throws `UsageError` when it cannot.
 */
export async function ensureSource(wish: TreeSource, context: CommandContext): Promise<Ensured | Refusal> {
  const { by } = context;
  const existing = await existingSource(wish.name, context);
  if (existing === null) {
    const answer = await context.ask({ verb: "source-add", spec: specOf(wish), by });
    return isRefusal(answer) ? answer : { source: wish.name, made: true, changed: false };
  }
  refuseOther(existing, wish);
  const wider = withProduct(existing, wish.product);
  if (wider === null) return { source: wish.name, made: false, changed: false };
  const answer = await context.ask({ verb: "source-change", spec: wider, by });
  return isRefusal(answer) ? answer : { source: wish.name, made: false, changed: true };
}

/**
 * Throws `UsageError` when a source of that name cannot carry the tree: asked before anything is signed. A daemon that
 * does not answer is no fault here; the tree is written without it.
 */
export async function refuseOtherSource(wish: TreeSource, context: CommandContext): Promise<void> {
  const existing = await existingSource(wish.name, context).catch((cause: unknown) => {
    if (cause instanceof Failure) return null;
    throw cause;
  });
  if (existing !== null) refuseOther(existing, wish);
}

function refuseOther(existing: SourceSpec, wish: TreeSource): void {
  const fault = faultOf(existing, wish);
  if (fault !== null) throw new UsageError(`source ${wish.name} is there already, and ${fault}`);
}

/** Runs the source once. */
export async function syncSource(source: string, context: CommandContext): Promise<Results["sync"] | Refusal> {
  return await context.ask({ verb: "sync", source, by: context.by });
}

async function existingSource(source: string, context: CommandContext): Promise<SourceSpec | null> {
  try {
    const answer = await context.ask({ verb: "source-show", source }, { silent: true });
    return isRefusal(answer) ? null : answer.spec;
  } catch (cause) {
    if (cause instanceof Failure && cause.code === "source.unknown") return null;
    throw cause;
  }
}

function specOf({ name, mount, tree, key, product }: TreeSource): SourceSpecInput {
  return {
    name,
    addresses: [addressOf(tree)],
    trust: trustOfKey(key),
    feed:
      product === null
        ? { format: "directory", list: { kind: "checksums", file: LIST } }
        : { format: "liveupdate", index: { kind: "products", products: [{ ...product, folder: "" }] } },
    // What we publish grows as we like, and packs as well as it does: both are signed by ourselves.
    budget: { growth: 1_000, expansion: 1_100 },
    ...(mount === undefined ? {} : { mount }),
  };
}

function addressOf(tree: string): string {
  const { href } = pathToFileURL(tree);
  return href.endsWith("/") ? href : `${href}/`;
}

function faultOf(existing: SourceSpec, { tree, key, product, mount }: TreeSource): string | null {
  const { addresses, trust, feed } = existing;
  const wanted = addressOf(tree);
  if (!addresses.some((address) => (address.endsWith("/") ? address : `${address}/`) === wanted))
    return `does not read this tree (${addresses.map((address) => quoteOutside(address)).join(", ")})`;
  if (feed.format !== (product === null ? "directory" : "liveupdate")) return `its format is ${feed.format}`;
  if (mount !== undefined && existing.mount !== mount) return `clients do not see it at ${mount}`;
  const believed =
    key.kind === "minisign"
      ? trust.kind === "minisign" && trust.keys.includes(key.publicKey)
      : trust.kind === "liveupdate" && trust.signers.some((signer) => signer.trim() === key.certificate.trim());
  return believed ? null : "it does not trust this key: change it with ringfort source change";
}

function withProduct(spec: SourceSpec, product: Identity | null): SourceSpec | null {
  const { feed } = spec;
  if (product === null || feed.format !== "liveupdate" || feed.index.kind !== "products") return null;
  const { products } = feed.index;
  const known = products.some((each) => each.folder === "" && indexName(each) === indexName(product));
  if (known) return null;
  return {
    ...spec,
    feed: { ...feed, index: { kind: "products", products: [...products, { ...product, folder: "" }] } },
  };
}
