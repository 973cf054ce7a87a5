import type { Instant } from "../../core/kernel/instant.ts";
import { writeZip } from "../archive/write-zip.ts";
import { type CmsSigner, signDetachedCms } from "../signatures/write-cms.ts";
import type { IndexedPackage } from "./dialect.ts";
import { writeGuard } from "./write-guard.ts";
import { writeIndexText } from "./write-index-text.ts";

/** What an index and a package are signed with, when, and what their guards say. */
export interface Signing {
  readonly signer: CmsSigner;
  /** DER certificates that go into the signature for clients that want them there; ours never use them. */
  readonly embed?: readonly Uint8Array[];
  readonly at: Instant;
  readonly legal: string;
  readonly lineEnd?: "\n" | "\r\n";
  readonly digests?: readonly ("sha1" | "sha256")[];
}

/**
 * The bytes of a `*_livetri.zip`: index text, guard over it and over the files that will lie beside it, and the detached
 * signature over the guard's exact bytes. The caller names the file by `indexName` of the packages' identity.
 */
export function writeIndex(
  input: Signing & {
    readonly packages: readonly IndexedPackage[];
    readonly sideFiles: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  },
): Uint8Array {
  const { packages, sideFiles, at } = input;
  const text = writeIndexText(packages, input.lineEnd === undefined ? {} : { lineEnd: input.lineEnd });
  const { guard, signature } = guarded([{ name: "liveupdt.tri", bytes: text }, ...sideFiles], input);
  return writeZip(
    [
      { name: "Liveupdt.tri", bytes: text },
      { name: "Liveupdt.grd", bytes: guard },
      { name: "Liveupdt.sig", bytes: signature },
    ],
    at,
  );
}

/** A guard over these files with the signature over it. */
export function guarded(
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
  { signer, embed, at, legal, lineEnd, digests }: Signing,
): { readonly guard: Uint8Array; readonly signature: Uint8Array } {
  const guard = writeGuard(files, {
    legal,
    lastModified: at,
    ...(lineEnd === undefined ? {} : { lineEnd }),
    ...(digests === undefined ? {} : { digests }),
  });
  const signature = signDetachedCms(guard, signer, { signedAt: at, ...(embed === undefined ? {} : { embed }) });
  return { guard, signature };
}
