/** Bytes of all extra fields of one header: the times and owners that are allowed need less. */
export const EXTRA_MOST = 128;

/**
 * Extra fields (APPNOTE 4.5) that tell of times and owners, with the lengths that their content may have. All others are
 * refused: some give the member another name (0x7075) or size (0x0001) for the readers that know them, and the rest is
 * room in which anything can hide.
 */
const ALLOWED: ReadonlyMap<number, (content: Buffer, central: boolean) => boolean> = new Map([
  [0x000a, isNtfsTimes],
  [0x5455, isUnixTimes],
  [0x5855, (content): boolean => content.length === 8 || content.length === 12],
  [0x7875, isUnixOwner],
]);

/** What is wrong with the extra fields of a header, or `null`. */
export function extraFault(extra: Buffer, central: boolean): string | null {
  if (extra.length > EXTRA_MOST) return `more than ${EXTRA_MOST} bytes of extra fields`;
  const seen = new Set<number>();
  let at = 0;
  while (at < extra.length) {
    if (at + 4 > extra.length) return "an extra field is cut off";
    const id = extra.readUInt16LE(at);
    const end = at + 4 + extra.readUInt16LE(at + 2);
    const hex = `0x${id.toString(16).padStart(4, "0")}`;
    if (end > extra.length) return `the extra field ${hex} is cut off`;
    if (seen.has(id)) return `the extra field ${hex} stands there twice`;
    seen.add(id);
    const isAllowed = ALLOWED.get(id);
    if (isAllowed === undefined) return `the extra field ${hex} is not one of times and owners`;
    if (!isAllowed(extra.subarray(at + 4, end), central)) return `the extra field ${hex} is not as it is defined`;
    at = end;
  }
  return null;
}

/** APPNOTE 4.5.5: four reserved bytes, then attribute 1 with three times of 8 bytes. */
function isNtfsTimes(content: Buffer): boolean {
  return (
    content.length === 32 &&
    content.readUInt32LE(0) === 0 &&
    content.readUInt16LE(4) === 1 &&
    content.readUInt16LE(6) === 24
  );
}

/** Info-ZIP's times: flags, then four bytes for each flag; the central header has the first time alone. */
function isUnixTimes(content: Buffer, central: boolean): boolean {
  const flags = content[0] ?? 0xff;
  if ((flags & ~7) !== 0) return false;
  const times = [1, 2, 4].filter((flag) => (flags & flag) !== 0).length;
  return content.length === 1 + 4 * (central ? flags & 1 : times);
}

/** Info-ZIP's owner: version 1, then user and group, each a length and as many bytes. */
function isUnixOwner(content: Buffer): boolean {
  const userLength = content[1] ?? 0xff;
  const groupLength = content[2 + userLength] ?? 0xff;
  return content[0] === 1 && userLength <= 8 && groupLength <= 8 && content.length === 3 + userLength + groupLength;
}
