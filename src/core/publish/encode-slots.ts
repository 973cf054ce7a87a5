import { firstSlot, KEYS, MOST_PROBES, SLOT_BYTES, slotKey } from "./view-layout.ts";

/** A table of slots as it stands in the file, little-endian whatever this machine is, and the key that it is found by. */
export interface Slotted {
  readonly table: DataView<ArrayBuffer>;
  readonly key: number;
}

/** How often a table is doubled, at most: SHA-256 needs none of it. */
const MOST_DOUBLINGS = 4;

/**
 * The slots of records, by a hash of each that is used before the next is asked for. Where `same` says that two are one
 * key, the earlier stays and the later has no slot.
 */
export function encodeSlots<R extends { readonly offset: number }>(
  records: readonly R[],
  hash: (record: R) => Uint8Array,
  same: (one: R, other: R) => boolean,
): Slotted {
  const least = 2 ** Math.ceil(Math.log2(Math.max(2, records.length * 2)));
  for (let slots = least; slots <= least * 2 ** MOST_DOUBLINGS; slots *= 2) {
    for (let key = 0; key < KEYS; key++) {
      const table = fill(records, wordsOf(records, hash, key), slots, same);
      if (table !== null) return { table, key };
    }
  }
  throw new Error("more names meet in one slot than SHA-256 lets anybody find");
}

/** The two words of each record's key: a million small objects would cost more than the hashing. */
function wordsOf<R>(records: readonly R[], hash: (record: R) => Uint8Array, key: number): Uint32Array {
  const words = new Uint32Array(records.length * 2);
  let at = 0;
  for (const record of records) {
    const { word, tag } = slotKey(hash(record), key);
    words[at] = word;
    words[at + 1] = tag;
    at += 2;
  }
  return words;
}

/** `null` when a look-up would have to walk too far. */
function fill<R extends { readonly offset: number }>(
  records: readonly R[],
  words: Uint32Array,
  slots: number,
  same: (one: R, other: R) => boolean,
): DataView<ArrayBuffer> | null {
  const table = new DataView(new ArrayBuffer(slots * SLOT_BYTES));
  // In each slot the place of its record in `records`, from 1.
  const filled = new Uint32Array(slots);
  const most = Math.min(slots, MOST_PROBES);
  for (let index = 0; index < records.length; index++) {
    const record = records[index] as R;
    const tag = words[2 * index + 1] ?? 0;
    let slot = firstSlot(words[2 * index] ?? 0, slots);
    let probes = 1;
    let other = filled[slot] ?? 0;
    while (other !== 0 && !(words[2 * other - 1] === tag && same(records[other - 1] as R, record))) {
      if (probes++ >= most) return null;
      slot = (slot + 1) % slots;
      other = filled[slot] ?? 0;
    }
    if (other !== 0) continue;
    filled[slot] = index + 1;
    table.setUint32(slot * SLOT_BYTES, tag, true);
    table.setUint32(slot * SLOT_BYTES + 4, record.offset / 8, true);
  }
  return table;
}
