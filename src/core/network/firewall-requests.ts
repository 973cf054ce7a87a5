import type { NetworkPlan } from "./network-plan.ts";

/** One rule to ask of whoever runs the firewalls around a tiered DMZ. All else they drop. */
export interface FirewallRequest {
  readonly firewall: "outer" | "inner";
  readonly from: string;
  readonly to: string;
  readonly protocol: "tcp" | "udp";
  readonly ports: string;
  readonly why: string;
}

/**
 * What the firewall on either side must let through. The outer one stands between the internet and this host, the inner one
 * between this host and its clients. Connections begin at `from` alone; nothing begins at this host towards the inside.
 */
export function firewallRequests({ services, egress }: NetworkPlan): readonly FirewallRequest[] {
  const out = egress.map(({ name, protocol, port, to, ftp }): FirewallRequest => {
    const ports = ftp ? `${port}, 1024-65535` : String(port);
    return { firewall: "outer", from: "this host, outside", to: to ?? "any", protocol, ports, why: name };
  });
  const inward = services.map(({ name, address, family, ports, clients }): FirewallRequest => {
    const asked = clients.filter((networks) => networks.length > 0);
    const from = asked.map((networks) => networks.join(", ")).join(" and in ");
    return {
      firewall: "inner",
      from: from === "" ? "any client" : from,
      to: address ?? `this host, inside (${family === "ip" ? "IPv4" : "IPv6"})`,
      protocol: "tcp",
      ports: ports.map(([low, high]) => (low === high ? String(low) : `${low}-${high}`)).join(", "),
      why: name,
    };
  });
  const back = services
    .filter(({ callsBack }) => callsBack)
    .map(
      ({ name, address, clients }): FirewallRequest => ({
        firewall: "inner",
        from: address ?? "this host, inside",
        to: clients.flat().join(", ") || "any client",
        protocol: "tcp",
        ports: "1024-65535",
        why: `${name}, active`,
      }),
    );
  return [...out, ...inward, ...back];
}
