/** The first four groups of an IPv6 address, its /64: a machine may take any number of addresses in its own. */
export function ipv6Network(address: string): string {
  const [head = "", tail = ""] = address.split("%", 1)[0]?.split("::") ?? [];
  const groups = [head, tail].map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - groups.flat().length;
  const zeros = Array.from({ length: Math.max(0, missing) }, () => "0");
  return [...(groups[0] ?? []), ...zeros, ...(groups[1] ?? [])].slice(0, 4).join(":");
}
