import { deflateRawSync } from "node:zlib";
import { collisionKey, pathFault } from "../../../src/core/kernel/safe-path.ts";
import { bytesSource } from "../../../src/formats/archive/byte-source.ts";
import { readZip, ZipFault, type ZipMember } from "../../../src/formats/archive/zip.ts";
import { type Dice, diceOf } from "../../fixtures/dice.ts";
import { type ForgedZip, type ForgedZipMember, forgeZip } from "../../fixtures/zip-forge.ts";
import { soundZip, unsoundZip } from "../../fixtures/zip-mutations.ts";
import { mutate } from "../mutate.ts";
import { type FuzzTarget, mustHold } from "../target.ts";

const CAPS = { members: 50, expandedBytes: 1_000_000, ratio: 200 };
const WORDS = [
  "PK\u0001\u0002",
  "PK\u0003\u0004",
  "PK\u0005\u0006",
  "PK\u0007\u0008",
  "PK\u0006\u0006",
  "PK\u0006\u0007",
  "\u0001\0\u0010\0",
  "up",
];

export async function archiveTarget(): Promise<FuzzTarget> {
  const corpus = Array.from({ length: 64 }, (_, seed) => forgeZip(soundZip(diceOf(seed))));
  return {
    input: (dice) =>
      dice.pick<() => Uint8Array>([
        () => unsoundZip(dice),
        () => mutate(dice, dice.pick(corpus), { words: WORDS, corpus }),
        () => forgeZip(damagedContent(dice, soundZip(dice))),
      ])(),
    async run(input) {
      const read = await readZip(bytesSource(input), CAPS);
      if (read.kind !== "zip") return false;
      membersHold(read.members, input.length);
      try {
        for (const member of read.members) await contentHolds(member, read.content(member));
      } catch (cause) {
        if (cause instanceof ZipFault) return false;
        throw cause;
      }
      return true;
    },
  };
}

/** Every header right, and one member's packed bytes not: what reaches the inflater. */
function damagedContent(dice: Dice, zip: ForgedZip): ForgedZip {
  const place = dice.number(zip.members.length);
  const damaged = (member: ForgedZipMember): ForgedZipMember => {
    if (member.deflate !== true || dice.once(8)) return member;
    const packed = deflateRawSync(member.bytes ?? new Uint8Array(0));
    return { ...member, packed: mutate(dice, packed, { words: [], corpus: [packed] }) };
  };
  return { members: zip.members.map((member, at) => (at === place ? damaged(member) : member)) };
}

function membersHold(members: readonly ZipMember[], length: number): void {
  const paths = members.map(({ name, directory }) => (directory ? name.slice(0, -1) : name));
  for (const name of paths) mustHold(pathFault(name) === null, "an unsafe name");
  mustHold(new Set(paths.map(collisionKey)).size === paths.length, "two members that are one file");
  const sum = (field: "size" | "packedSize"): number => members.reduce((total, member) => total + member[field], 0);
  mustHold(sum("size") <= CAPS.expandedBytes && sum("size") <= CAPS.ratio * length, "past a cap");
  mustHold(members.length <= CAPS.members, "more members than the cap");
  mustHold(sum("packedSize") <= length, "members that overlap");
}

async function contentHolds({ size }: ZipMember, content: AsyncIterable<Uint8Array>): Promise<void> {
  let given = 0;
  for await (const piece of content) {
    given += piece.length;
    mustHold(given <= size, "more content than declared");
  }
  mustHold(given === size, "less content than declared");
}
