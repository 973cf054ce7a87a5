/** An IP address as a number, or a network as the number of its first address. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface IpNetwork extends IpAddress {
  /** Leading bits that are the network's: 0 to 32, or to 128. */
  readonly prefix: number;
  /** The text named an address within the network instead of the network's own. */
  readonly hostBits: boolean;
}

/** Why a subnet is none; one of these, each with a sentence of its own where people read it. */
export type NetworkFault = "unreadable" | "without-length" | "mask-unreadable" | "mask-gaps" | "mask-disagrees";

/**
 * Reads an address as `inet_pton` does and no wider: `010.0.0.1` is octal to some readers and decimal to others, and a
 * client would then be in two places. An IPv4 address inside an IPv6 one (RFC 4291 section 2.5.5.2) is the IPv4 one; a
 * zone (`%eth0`) says nothing about the network and is dropped.
 */
export function readAddress(text: string): IpAddress | null {
  const v4 = readV4(text);
  if (v4 !== null) return { family: 4, value: v4 };
  const v6 = readV6(text.replace(/%[A-Za-z0-9_.-]{1,32}$/, ""));
  if (v6 === null) return null;
  return v6 >> 32n === 0xffffn ? { family: 4, value: v6 & 0xffff_ffffn } : { family: 6, value: v6 };
}

/** Reads `10.1.0.0/16`, `10.1.0.0` with a mask of either form, or an IPv6 prefix (RFC 4291 section 2.3). */
export function readNetwork(subnet: string, mask: string | undefined): IpNetwork | NetworkFault {
  const [, base = "", length] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(subnet) ?? [];
  const address = readAddress(base);
  if (address === null || (address.family === 4 && base.includes(":"))) return "unreadable";
  const bits = bitsOf(address.family);
  const written = length === undefined ? null : Number(length);
  if (written !== null && written > bits) return "unreadable";
  const masked = mask === undefined ? null : readMask(mask, address.family);
  if (typeof masked === "string") return masked;
  if (written !== null && masked !== null && written !== masked) return "mask-disagrees";
  const prefix = written ?? masked;
  if (prefix === null) return "without-length";
  const value = networkPart(address.value, bits, prefix);
  return { family: address.family, value, prefix, hostBits: value !== address.value };
}

export function holds(network: IpNetwork, address: IpAddress): boolean {
  if (network.family !== address.family) return false;
  return networkPart(address.value, bitsOf(address.family), network.prefix) === network.value;
}

function bitsOf(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

function networkPart(value: bigint, bits: number, prefix: number): bigint {
  const rest = BigInt(bits - prefix);
  return (value >> rest) << rest;
}

/** A mask's length: `255.255.0.0`, `ffff:ffff::`, or only the number, with or without its slash. */
function readMask(mask: string, family: 4 | 6): number | "mask-unreadable" | "mask-gaps" {
  const bits = bitsOf(family);
  const short = /^\/?(\d{1,3})$/.exec(mask)?.[1];
  if (short !== undefined) return Number(short) <= bits ? Number(short) : "mask-unreadable";
  const value = family === 4 ? readV4(mask) : readV6(mask);
  if (value === null) return "mask-unreadable";
  const text = value.toString(2).padStart(bits, "0");
  return /^1*0*$/.test(text) ? text.lastIndexOf("1") + 1 : "mask-gaps";
}

function readV4(text: string): bigint | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return null;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

/** The text forms of RFC 4291 section 2.2. */
function readV6(text: string): bigint | null {
  const sides = text.split("::");
  if (sides.length > 2) return null;
  const [left, right] = [groupsOf(sides[0] ?? ""), groupsOf(sides[1] ?? "")];
  if (left === null || right === null) return null;
  const missing = 8 - left.length - right.length;
  // "::" stands for at least one group (RFC 5952 section 4.2.2 asks for two; writers exist that use it for one).
  if (sides.length === 1 ? missing !== 0 : missing < 1) return null;
  // A dotted end is the last 32 bits, so nothing may follow it.
  if (sides.length === 2 && (sides[0] ?? "").includes(".")) return null;
  const groups = [...left, ...Array.from({ length: missing }, () => 0n), ...right];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

function groupsOf(side: string): readonly bigint[] | null {
  if (side === "") return [];
  const parts = side.split(":");
  const groups: bigint[] = [];
  for (const [at, part] of parts.entries()) {
    if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`));
    else {
      const dotted = at === parts.length - 1 ? readV4(part) : null;
      if (dotted === null) return null;
      groups.push(dotted >> 16n, dotted & 0xffffn);
    }
  }
  return groups;
}
