import { signatureFinding } from "../../../src/core/model/feed-listing.ts";
import type { LiveupdateTrust } from "../../../src/core/model/source.ts";
import { parseDetachedCms } from "../../../src/formats/signatures/cms-structure.ts";
import { verifyPinnedCms } from "../../../src/formats/signatures/pinned-cms.ts";
import { type CmsSigner, signDetachedCms, signDetachedCmsBy } from "../../../src/formats/signatures/write-cms.ts";
import { modernTrust, oldTrust, vendorPki } from "../../upstream/liveupdate/pki.ts";
import { mutateDer } from "../der-tree.ts";
import { mutate } from "../mutate.ts";
import { type FuzzTarget, mustHold } from "../target.ts";

const NOW = Date.UTC(2026, 10, 25);
const CONTENT = Buffer.from("[GuardHeader]\nLastModifiedUtcSeconds=1769904000\n");
const OTHER = Buffer.from("[GuardHeader]\nLastModifiedUtcSeconds=1769904001\n");
/** How the first byte of an input has the rest treated. */
const PARSE = 0;
const VERIFY = 1;
const VERIFY_OTHER = 2;
/** Verifying reads every certificate of the trust anew: it costs twenty times what parsing does. */
const VERIFICATIONS = 20;

export async function cmsTarget(): Promise<FuzzTarget> {
  const pki = vendorPki(NOW);
  const trust = bothTrusts(modernTrust(pki), oldTrust(pki, "legacy-sha1"));
  const embed = [pki.authority, pki.leaf.certificate];
  const one = (signer: CmsSigner, options: Partial<Parameters<typeof signDetachedCms>[2]> = {}): Uint8Array =>
    signDetachedCms(CONTENT, signer, { signedAt: NOW, ...options });
  const corpus = [
    one(pki.leaf),
    one(pki.leaf, { embed }),
    one(pki.leaf, { attributes: false }),
    one(pki.rogue),
    one(pki.old.leaf),
    one(pki.old.leaf, { digest: "sha1", embed: [pki.old.authority] }),
    one(pki.old.leaf, { digest: "md5" }),
    signDetachedCmsBy(CONTENT, [pki.leaf, pki.rogue], { signedAt: NOW }),
  ];
  const material = {
    words: [Buffer.from([0x30, 0x80]), Buffer.from([0, 0]), Buffer.from([0x06, 0x09]), Buffer.from([0x24, 0x80])],
    corpus,
  };
  return {
    input(dice) {
      const kind = dice.once(VERIFICATIONS) ? dice.pick([VERIFY, VERIFY_OTHER]) : PARSE;
      let signature = dice.pick(corpus);
      for (let left = dice.pick([0, 1, 1, 1, 2, 3]); left > 0; left -= 1)
        signature = mutateDer(dice, signature, (content) => mutate(dice, content, { words: [], corpus }));
      if (dice.once(2)) signature = mutate(dice, signature, material);
      return Buffer.concat([Buffer.from([kind]), signature]);
    },
    async run(input) {
      const [kind, signature] = [input[0], input.subarray(1)];
      const structure = parseDetachedCms(signature);
      if (kind === PARSE) return typeof structure !== "string";
      const content = kind === VERIFY_OTHER ? OTHER : CONTENT;
      const findings = await verifyPinnedCms({ signature, content, over: "v.grd", trust, signedAt: NOW, now: NOW });
      mustHold(findings.length > 0, "no finding");
      for (const finding of findings) signatureFinding.parse(finding);
      const good = findings.filter(({ status }) => status === "good");
      mustHold(kind === VERIFY || good.length === 0, "good over content that nobody signed");
      mustHold(typeof structure !== "string" || good.length === 0, "good, and yet it cannot be read");
      return good.length === findings.length;
    },
  };
}

function bothTrusts(modern: LiveupdateTrust, old: LiveupdateTrust): LiveupdateTrust {
  return {
    ...old,
    signers: [...modern.signers, ...old.signers],
    intermediates: [...modern.intermediates, ...old.intermediates],
    anchors: [...modern.anchors, ...old.anchors].map((anchor) => ({ ...anchor, time: "ignored" })),
  };
}
