import { BlockList, isIP, isIPv4 } from "node:net";

/**
 * Addresses that are inside, seen from an update mirror: a vendor that redirects there asks us to reach what only we
 * can reach (IANA special-purpose registries, RFC 6890).
 */
const INSIDE_V4 = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const;

const INSIDE_V6 = [
  ["::", 128],
  ["::1", 128],
  // NAT64 for local use (RFC 8215) and Teredo (RFC 4380): what lies behind them cannot be read from the address.
  ["64:ff9b:1::", 48],
  ["2001::", 32],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const;

const inside = new BlockList();
for (const [network, prefix] of INSIDE_V4) inside.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of INSIDE_V6) inside.addSubnet(network, prefix, "ipv6");

/** Whether an address leads inside, also when it is wrapped in IPv6 (mapped, compatible, NAT64, 6to4). */
export function isInside(address: string): boolean {
  const bare = address.replace(/%.*$/, "");
  const family = isIP(bare);
  if (family === 4) return inside.check(bare, "ipv4");
  // Not an address at all: nothing that could be judged, so nothing that may pass.
  if (family !== 6) return true;
  const wrapped = wrappedV4(groupsOf(bare));
  return inside.check(bare, "ipv6") || (wrapped !== null && inside.check(wrapped, "ipv4"));
}

/** The IPv4 address inside an IPv6 one (RFC 4291 section 2.5.5, RFC 6052, RFC 3056). */
function wrappedV4(groups: readonly number[]): string | null {
  const [a = 0, b = 0, c = 0] = groups;
  const zeroUpTo = (count: number): boolean => groups.slice(0, count).every((group) => group === 0);
  const last = [groups[6] ?? 0, groups[7] ?? 0] as const;
  if (zeroUpTo(6) || (zeroUpTo(5) && groups[5] === 0xffff)) return dotted(last);
  if (zeroUpTo(4) && groups[4] === 0xffff && groups[5] === 0) return dotted(last);
  if (a === 0x64 && b === 0xff9b && groups.slice(2, 6).every((group) => group === 0)) return dotted(last);
  if (a === 0x2002) return dotted([b, c]);
  return null;
}

function dotted([high, low]: readonly [number, number]): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): readonly number[] {
  const [left = "", right] = address.split("::");
  const head = groupsOfSide(left);
  if (right === undefined) return head;
  const tail = groupsOfSide(right);
  return [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
}

function groupsOfSide(side: string): number[] {
  return side === "" ? [] : side.split(":").flatMap(groupOrDotted);
}

function groupOrDotted(part: string): number[] {
  if (!isIPv4(part)) return [Number.parseInt(part, 16)];
  const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
  return [a * 256 + b, c * 256 + d];
}
