import { createHash } from "node:crypto";
import type { Instant } from "../../../src/core/kernel/instant.ts";
import type { IndexedPackage } from "../../../src/formats/liveupdate/dialect.ts";
import { writeGuard } from "../../../src/formats/liveupdate/write-guard.ts";
import { writeIndexText } from "../../../src/formats/liveupdate/write-index-text.ts";
import { type CmsSigner, signDetachedCms } from "../../../src/formats/signatures/write-cms.ts";
import { type RawMember, type RawZip, rawZip } from "./raw-zip.ts";

export interface NamedBytes {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** How a vendor writes its guards, signatures and member names: they differ by product, as the real ones do. */
export interface Manner {
  /** Of an index: text, guard, signature; of a package: guard and signature are `v.grd` and `v.sig`. */
  readonly members: readonly [text: string, guard: string, signature: string];
  readonly lineEnd: "\n" | "\r\n";
  readonly digests: readonly ("sha1" | "sha256")[];
  readonly signer: CmsSigner;
  /** DER certificates that go into the signature. */
  readonly embed: readonly Uint8Array[];
  /** What the signature itself is made with. */
  readonly digest: "sha256" | "sha1" | "md5";
  readonly at: Instant;
}

/**
 * What an attacker, or a vendor gone astray, does at each step of making a signed container. Steps before `sign` are
 * covered by the signature; those behind it are not.
 */
export interface Forgery {
  /** What the index text says. */
  readonly packages?: (packages: readonly IndexedPackage[]) => readonly IndexedPackage[];
  readonly text?: (text: string) => string;
  /** What the guard covers. */
  readonly guarded?: (files: readonly NamedBytes[]) => readonly NamedBytes[];
  readonly guard?: (text: string) => string;
  /** The signature over the guard, instead of the right one. */
  readonly sign?: (guard: Uint8Array) => Uint8Array;
  readonly manner?: Partial<Manner>;
  /** Behind the signature's back: what goes into the archive, and what stands around it. */
  readonly members?: (members: readonly RawMember[]) => readonly RawMember[];
  readonly around?: RawZip;
  readonly container?: (bytes: Buffer) => Uint8Array;
}

const LEGAL = "Synthetic test content of a vendor that never was";

/** A guard over files with its signature. */
function guardPair(
  files: readonly NamedBytes[],
  manner: Manner,
  forgery: Forgery,
): { readonly guard: Uint8Array; readonly signature: Uint8Array } {
  const { lineEnd, digests, signer, embed, digest, at } = manner;
  const covered = forgery.guarded?.(files) ?? files;
  const honest = writeGuard(covered, { legal: LEGAL, lastModified: at, lineEnd, digests });
  const guard =
    forgery.guard === undefined ? honest : Buffer.from(forgery.guard(Buffer.from(honest).toString("latin1")), "latin1");
  const signature = forgery.sign?.(guard) ?? signDetachedCms(guard, signer, { signedAt: at, embed, digest });
  return { guard, signature };
}

function packed(members: readonly RawMember[], { members: change, around, container }: Forgery): Uint8Array {
  const bytes = rawZip(change?.(members) ?? members, around);
  return container?.(bytes) ?? bytes;
}

/** The bytes of an index over packages that lie beside it. */
export function makeIndex(
  packages: readonly IndexedPackage[],
  sideFiles: readonly NamedBytes[],
  ordinary: Manner,
  forgery: Forgery = {},
): Uint8Array {
  const manner = { ...ordinary, ...forgery.manner };
  const honest = Buffer.from(writeIndexText(forgery.packages?.(packages) ?? packages, { lineEnd: manner.lineEnd }));
  const text = forgery.text === undefined ? honest : Buffer.from(forgery.text(honest.toString("latin1")), "latin1");
  const [textName, guardName, signatureName] = manner.members;
  const { guard, signature } = guardPair(
    [{ name: textName.toLowerCase(), bytes: text }, ...sideFiles],
    manner,
    forgery,
  );
  return packed(
    [
      { name: textName, bytes: text },
      { name: guardName, bytes: guard },
      { name: signatureName, bytes: signature, store: true },
    ],
    forgery,
  );
}

/** The bytes of a package, catalog or `.jdb`: files with the inner guard over each of them. */
export function makePackage(files: readonly NamedBytes[], ordinary: Manner, forgery: Forgery = {}): Uint8Array {
  const manner = { ...ordinary, ...forgery.manner };
  const { guard, signature } = guardPair(files, manner, forgery);
  return packed([...files, { name: "v.grd", bytes: guard }, { name: "v.sig", bytes: signature, store: true }], forgery);
}

/** Bytes that no compression shrinks, the same whenever they are made. */
export function noise(seed: string, size: number): Buffer {
  const blocks: Buffer[] = [];
  for (let index = 0; index * 64 < size; index += 1)
    blocks.push(createHash("sha512").update(`${seed} ${index}`).digest());
  return Buffer.concat(blocks).subarray(0, size);
}

export function digestHex(algorithm: "sha1" | "sha256", bytes: Uint8Array): string {
  return createHash(algorithm).update(bytes).digest("hex");
}
