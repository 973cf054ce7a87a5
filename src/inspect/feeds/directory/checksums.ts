import { quoteOutside } from "../../../core/kernel/errors.ts";
import type { Instant } from "../../../core/kernel/instant.ts";
import { LIMITS } from "../../../core/kernel/limits.ts";
import type { ListedArtifact, Series, SignatureFinding } from "../../../core/model/feed-listing.ts";
import type { Trust } from "../../../core/model/source.ts";
import type { NeededFile, QuarantinedFile } from "../../../wire/jobs.ts";
import type { QuarantineReader, Reading } from "../../feed-format.ts";
import { bareArtifact, readArtifact, unreadable } from "../../listed-artifact.ts";
import { readChecksumList } from "./checksum-list.ts";
import { inspectListSignatures, isClearSigned, type SignatureFile, signaturePlaces } from "./list-signatures.ts";
import { pinnedDigests } from "./pins.ts";
import { decodeText } from "./text-lines.ts";

interface Input {
  /** The checksum list's path. */
  readonly file: string;
  readonly trust: Trust;
  readonly now: Instant;
  readonly files: readonly QuarantinedFile[];
  readonly quarantine: QuarantineReader;
}

/**
 * Reads a feed whose index is a checksum list: the list, then its detached signature where the trust needs one. Both
 * are part of what is published, for clients verify with them; the digests of the bytes read here bind them.
 */
export async function readChecksums(input: Input): Promise<Reading> {
  const { file, trust, now, files, quarantine } = input;
  const list = find(files, file);
  if (list === null) return { kind: "needs", files: firstNeeds(file, trust) };
  if (list.absent) return unreadable(`${quoteOutside(file)}: the list is not there`);
  const bytes = await quarantine.read(list, LIMITS.indexBytes);
  const text = decodeText(bytes);
  if (text === null) return unreadable(`${quoteOutside(file)}: not UTF-8`);

  const place = seekSignature(input, text);
  if (place.kind === "needs") return place;
  const detached = place.file === null ? null : await readSignature(place.file, quarantine);
  const { signedText, findings } = await inspectListSignatures({ file, trust, now, bytes, text, detached });
  // The frame of a clear-text signed list could not be read: there is no text that anyone has signed.
  if (signedText === null)
    return unreadable(`${quoteOutside(file)}: its clear-text signature cannot be read`, findings);
  return listing(input, signedText, findings, [
    readArtifact(file, bytes),
    ...(detached === null ? [] : [readArtifact(detached.path, detached.bytes)]),
  ]);
}

function listing(
  { file, trust }: Input,
  text: string,
  signatures: readonly SignatureFinding[],
  own: readonly ListedArtifact[],
): Reading {
  const list = readChecksumList(text);
  if (list.malformed !== null) return unreadable(`${quoteOutside(file)}: ${list.malformed}`, signatures);
  // A list made over the whole folder also names itself, half written, and the signature of the list before it.
  const ownPaths = new Set(own.map(({ path }) => path));
  const named = list.files.filter(({ path }) => !ownPaths.has(path));
  const artifacts =
    trust.kind === "pinned"
      ? [
          ...named.map(({ path }) => bareArtifact(path, pinnedDigests(trust, path))),
          ...own.filter(({ path }) => Object.hasOwn(trust.digests, path)),
        ]
      : [...named.map(({ path, digests }) => bareArtifact(path, digests)), ...own];
  if (artifacts.length > LIMITS.feedNames)
    return unreadable(`${quoteOutside(file)}: more than ${LIMITS.feedNames} names`);
  return {
    kind: "listing",
    listing: { artifacts, series: timeOfSigning(file, signatures) },
    findings: { signatures: [...signatures], malformed: null },
  };
}

/** The list moves forward with the time of its newest good signature, in seconds: an old one replayed is known by it. */
function timeOfSigning(file: string, signatures: readonly SignatureFinding[]): Series[] {
  const times = signatures.flatMap(({ status, signedAt }) =>
    status === "good" && signedAt !== null ? [Math.floor(signedAt / 1_000)] : [],
  );
  return times.length === 0 ? [] : [{ name: file.slice(-256), version: Math.max(...times) }];
}

function firstNeeds(file: string, trust: Trust): NeededFile[] {
  const places = signaturePlaces(file, trust);
  // Where there is one place for it, the signature is fetched with the list: the vendor may replace both meanwhile.
  const [only] = places.length === 1 ? places : [];
  return [
    needed(file, false, LIMITS.indexBytes),
    ...(only === undefined ? [] : [needed(only, true, LIMITS.signatureBytes)]),
  ];
}

/** The first place where the signature is, or the next to look at; none when the list carries its own. */
function seekSignature(
  { file, trust, files }: Input,
  text: string,
):
  | { readonly kind: "needs"; readonly files: readonly NeededFile[] }
  | { readonly kind: "sought"; readonly file: QuarantinedFile | null } {
  const places = signaturePlaces(file, trust);
  if (places.length > 1 && isClearSigned(text)) return { kind: "sought", file: null };
  for (const place of places) {
    const found = find(files, place);
    if (found === null) return { kind: "needs", files: [needed(place, true, LIMITS.signatureBytes)] };
    if (!found.absent) return { kind: "sought", file: found };
  }
  return { kind: "sought", file: null };
}

async function readSignature(file: QuarantinedFile, quarantine: QuarantineReader): Promise<SignatureFile> {
  return { path: file.path, bytes: await quarantine.read(file, LIMITS.signatureBytes) };
}

function needed(path: string, optional: boolean, most: number): NeededFile {
  return { path, list: false, first: null, optional, most };
}

function find(files: readonly QuarantinedFile[], path: string): QuarantinedFile | null {
  return files.find((file) => file.path === path) ?? null;
}
