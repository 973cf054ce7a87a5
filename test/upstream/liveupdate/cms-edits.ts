import * as asn1js from "asn1js";
import { ContentInfo, EncapsulatedContentInfo, SignedData } from "pkijs";

/** The signature with its content inside (RFC 5652 section 5.2): not what lies beside it would then be verified. */
export function withContentInside(signature: Uint8Array, content: Uint8Array): Uint8Array {
  return edited(signature, (signed) => {
    signed.encapContentInfo = new EncapsulatedContentInfo({
      eContentType: signed.encapContentInfo.eContentType,
      eContent: new asn1js.OctetString({ valueHex: Uint8Array.from(content).buffer }),
    });
  });
}

/** One signature by the signers of both. */
export function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const { signerInfos } = signedData(other);
  return edited(one, (signed) => {
    signed.signerInfos.push(...signerInfos);
  });
}

/** The signature without any signer, which verifies in the sense that nothing in it fails. */
export function withoutSigners(signature: Uint8Array): Uint8Array {
  return edited(signature, (signed) => {
    signed.signerInfos = [];
  });
}

function signedData(signature: Uint8Array): SignedData {
  return new SignedData({ schema: ContentInfo.fromBER(Uint8Array.from(signature)).content });
}

function edited(signature: Uint8Array, change: (signed: SignedData) => void): Uint8Array {
  const outer = ContentInfo.fromBER(Uint8Array.from(signature));
  const signed = new SignedData({ schema: outer.content });
  change(signed);
  outer.content = signed.toSchema(true);
  return new Uint8Array(outer.toSchema().toBER());
}
