import type { HostEntry, HostFile } from "../model/host-file.ts";
import { holds, type IpAddress, readAddress, readNetwork } from "./choose-hosts-network.ts";

/** HTTP first: it resumes, and a firewall lets it through. A share comes last: it needs what the machine has mounted. */
const RANK: Readonly<Record<HostEntry["type"], number>> = { http: 0, https: 0, ftp: 1, share: 2 };

interface Placed {
  readonly entry: HostEntry;
  /** Bits of its subnet when a client's address is in it, -1 without a subnet, `null` in another subnet. */
  readonly nearness: number | null;
  readonly at: number;
}

/**
 * The mirrors that a client asks, in this order ("TCP/IP by location"): those of its own subnet, the narrowest first;
 * then those for everybody. One that is meant for another subnet is asked only when there is no other: a client at a
 * place that nobody has thought of is better updated over a long line than not at all. Among equals the entry's `order`
 * decides, then HTTP before FTP before a share, then the file.
 *
 * `addresses` are the client's own; what is no address is passed over, and so is a subnet that cannot be read
 * (`hostFileFaults` names it): it is another's.
 */
export function hostsFor(file: HostFile, addresses: readonly string[]): readonly HostEntry[] {
  const own = addresses.map(readAddress).filter((address) => address !== null);
  const placed = file.hosts.map((entry, at) => ({ entry, nearness: nearness(entry, own), at }));
  const near = placed.filter((one) => one.nearness !== null);
  return (near.length > 0 ? near : placed).toSorted(byPlace).map(({ entry }) => entry);
}

function nearness(entry: HostEntry, own: readonly IpAddress[]): number | null {
  if (entry.subnet === undefined) return -1;
  const network = readNetwork(entry.subnet, entry.mask);
  if (typeof network === "string") return null;
  return own.some((address) => holds(network, address)) ? network.prefix : null;
}

function byPlace(a: Placed, b: Placed): number {
  return (
    (b.nearness ?? -2) - (a.nearness ?? -2) ||
    a.entry.order - b.entry.order ||
    RANK[a.entry.type] - RANK[b.entry.type] ||
    a.at - b.at
  );
}
