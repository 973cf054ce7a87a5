import { quoteOutside } from "../../core/kernel/errors.ts";
import { LIMITS } from "../../core/kernel/limits.ts";
import { bytesSource } from "../archive/byte-source.ts";
import { readZip, ZipFault, type ZipMember } from "../archive/zip.ts";

interface Part {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The members of an index container: the text, its guard, the guard's signature, and what else the vendor put in. */
export interface IndexParts {
  readonly text: Part;
  readonly guard: Uint8Array;
  readonly signature: Uint8Array;
  readonly others: readonly Part[];
}

const CAPS = { members: LIMITS.indexMembers, expandedBytes: LIMITS.indexBytes, ratio: LIMITS.deflateRatio } as const;

/** Reads a container strictly: nobody signs it, and whatever two readers see differently in it would be unsigned. */
export async function readContainer(bytes: Uint8Array): Promise<IndexParts | string> {
  const zip = await readZip(bytesSource(bytes), CAPS);
  if (zip.kind === "malformed") return zip.detail;
  if (zip.kind === "past-cap") return `it unpacks to more than ${LIMITS.indexBytes} bytes`;
  const ending = (end: string): readonly ZipMember[] =>
    zip.members.filter(({ name }) => name.toLowerCase().endsWith(end));
  for (const { name, directory } of zip.members)
    if (directory || name.includes("/")) return `it holds a folder: ${quoteOutside(name)}`;
  const three = [".tri", ".grd", ".sig"].map((end) => ({ end, found: ending(end) }));
  const not = three.find(({ found }) => found.length !== 1);
  if (not !== undefined) return `it holds ${not.found.length} members that end in ${not.end}, and not one`;
  try {
    const parts: Part[] = [];
    for (const member of zip.members)
      parts.push({ name: member.name, bytes: await whole(zip.content(member), member.size) });
    return sorted(parts);
  } catch (cause) {
    if (!(cause instanceof ZipFault)) throw cause;
    return cause.message;
  }
}

function sorted(parts: readonly Part[]): IndexParts | string {
  const of = (end: string): Part | undefined => parts.find(({ name }) => name.toLowerCase().endsWith(end));
  const [text, guard, signature] = [of(".tri"), of(".grd"), of(".sig")];
  if (text === undefined || guard === undefined || signature === undefined) return "a member is missing";
  const others = parts.filter((part) => part !== text && part !== guard && part !== signature);
  return { text, guard: guard.bytes, signature: signature.bytes, others };
}

async function whole(content: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces, size);
}
