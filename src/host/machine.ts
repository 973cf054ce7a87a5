import { readdir, readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import type { Machine } from "../core/setup/suggest.ts";

/** Looks at this machine's interfaces and name servers; what cannot be seen is left out, for it is only offered. */
export async function readMachine(): Promise<Machine> {
  const addresses = networkInterfaces();
  const present = await readdir("/sys/class/net").catch(() => Object.keys(addresses));
  const four = (await lines("/proc/net/route")).map((line) => line.split(/\s+/));
  const six = (await lines("/proc/net/ipv6_route")).map((line) => line.trim().split(/\s+/));
  const default4 = four.filter(([, to, , , , , , mask]) => to === "00000000" && mask === "00000000");
  // A route of the kernel's own that refuses stands on lo.
  const default6 = six.filter(([to, length]) => /^0{32}$/.test(to ?? "") && length === "00");
  const ways = new Set([...default4.map(([name]) => name), ...default6.map((fields) => fields.at(-1))]);
  const resolvers = (await lines("/etc/resolv.conf")).flatMap((line) => {
    const [, address] = /^\s*nameserver\s+([0-9a-fA-F.:]+)\s*$/.exec(line) ?? [];
    return address === undefined ? [] : [address];
  });
  return {
    interfaces: present
      .filter((name) => name !== "lo")
      .toSorted()
      .map((name) => ({
        name,
        addresses: (addresses[name] ?? []).flatMap(({ cidr }) => (cidr === null ? [] : [cidr])),
        hasDefaultRoute: ways.has(name),
      })),
    resolvers,
  };
}

async function lines(file: string): Promise<readonly string[]> {
  return (await readFile(file, "utf8").catch(() => "")).split("\n");
}
