import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Instant } from "../../../src/core/kernel/instant.ts";
import type { LiveupdateTrust } from "../../../src/core/model/source.ts";
import { type NewCertificate, pem, writeCertificate } from "../../../src/formats/signatures/write-certificate.ts";
import type { CmsSigner } from "../../../src/formats/signatures/write-cms.ts";

/**
 * The certificates of a vendor that never was, in the shape of the public record (liveupdate.md 2.6): a private root, a
 * code-signing authority that alone states a key usage, leaves without one. Keys are made once per process: they cost
 * more than all that a test does with them.
 */
export interface VendorPki {
  readonly root: Uint8Array;
  readonly authority: Uint8Array;
  /** Signs the product groups' content; pinned. */
  readonly leaf: CmsSigner;
  /** Under the same root and authority, in order, and nobody that a source pins. */
  readonly rogue: CmsSigner;
  /** Of the product group, valid until ten days before `now`. */
  readonly expired: CmsSigner;
  /** Of the product group, for web servers only. */
  readonly webServer: CmsSigner;
  /** Root, authority and leaf of an RSA chain that had expired by 2013. */
  readonly old: { readonly root: Uint8Array; readonly authority: Uint8Array; readonly leaf: CmsSigner };
}

interface Pair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const NAMES = [
  "root",
  "authority",
  "leaf",
  "rogue",
  "expired",
  "webServer",
  "oldRoot",
  "oldAuthority",
  "oldLeaf",
] as const;

let pairs: Readonly<Record<(typeof NAMES)[number], Pair>> | null = null;

function keys(): NonNullable<typeof pairs> {
  pairs ??= Object.fromEntries(
    NAMES.map((name) => [
      name,
      name.startsWith("old")
        ? generateKeyPairSync("rsa", { modulusLength: 2_048 })
        : generateKeyPairSync("ec", { namedCurve: "P-256" }),
    ]),
  ) as NonNullable<typeof pairs>;
  return pairs;
}

const YEAR = 365.25 * 24 * 60 * 60 * 1_000;
const TEN_DAYS = 10 * 24 * 60 * 60 * 1_000;

/** The day in whose light the legacy chain was valid. */
export const OLD_DAYS: Instant = Date.UTC(2008, 5, 1);

export function vendorPki(now: Instant): VendorPki {
  const k = keys();
  let serial = 0x1000n;
  const issue = (
    subject: string,
    pair: Pair,
    issuer: { readonly subject: string; readonly key: KeyObject },
    more: Pick<NewCertificate, "ca" | "usages"> & { readonly from?: Instant; readonly until?: Instant } = {},
  ): Uint8Array => {
    serial += 1n;
    const { from = now - 5 * YEAR, until = now + 5 * YEAR, ...rest } = more;
    return writeCertificate({
      subject,
      serial,
      notBefore: Math.floor(from / 1_000) * 1_000,
      notAfter: Math.floor(until / 1_000) * 1_000,
      publicKey: pair.publicKey,
      issuer,
      ...rest,
    });
  };
  const rootBy = { subject: ROOT, key: k.root.privateKey };
  const authorityBy = { subject: AUTHORITY, key: k.authority.privateKey };
  const oldRootBy = { subject: `${ROOT} 2005`, key: k.oldRoot.privateKey };
  const oldAuthorityBy = { subject: `${AUTHORITY} 2005`, key: k.oldAuthority.privateKey };
  const signer = (pair: Pair, certificate: Uint8Array): CmsSigner => ({ key: pair.privateKey, certificate });
  const old = { from: Date.UTC(2005, 0, 1), until: Date.UTC(2013, 0, 1) };
  return {
    root: issue(ROOT, k.root, rootBy, { ca: true }),
    authority: issue(AUTHORITY, k.authority, rootBy, { ca: true, usages: ["code-signing"] }),
    leaf: signer(k.leaf, issue(LEAF, k.leaf, authorityBy)),
    rogue: signer(k.rogue, issue("Example Corporation - Another Group", k.rogue, authorityBy)),
    expired: signer(k.expired, issue(LEAF, k.expired, authorityBy, { until: now - TEN_DAYS })),
    webServer: signer(k.webServer, issue(LEAF, k.webServer, authorityBy, { usages: ["server-auth"] })),
    old: {
      root: issue(`${ROOT} 2005`, k.oldRoot, oldRootBy, { ca: true, ...old }),
      authority: issue(`${AUTHORITY} 2005`, k.oldAuthority, oldRootBy, { ca: true, usages: ["code-signing"], ...old }),
      leaf: signer(k.oldLeaf, issue("Example Corporation", k.oldLeaf, oldAuthorityBy, old)),
    },
  };
}

const ROOT = "Example Internal Root";
const AUTHORITY = "Example Code Signing CA";
const LEAF = "Product Group - LiveUpdate";

/** What a source of today's content trusts. */
export function modernTrust(pki: VendorPki, signer: CmsSigner = pki.leaf): LiveupdateTrust {
  return {
    kind: "liveupdate",
    signers: [pem(signer.certificate)],
    intermediates: [pem(pki.authority)],
    anchors: [{ certificate: pem(pki.root), time: "checked", usage: "code-signing" }],
    profile: "modern",
    innerGuard: "required",
  };
}

/** What a source of the expired chain trusts: its times are those of the guards. */
export function oldTrust({ old }: VendorPki, profile: LiveupdateTrust["profile"]): LiveupdateTrust {
  return {
    kind: "liveupdate",
    signers: [pem(old.leaf.certificate)],
    intermediates: [pem(old.authority)],
    anchors: [{ certificate: pem(old.root), time: "at-signing", usage: "code-signing" }],
    profile,
    innerGuard: "required",
  };
}
