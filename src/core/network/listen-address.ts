import * as z from "zod";
import type { Family } from "./network-plan.ts";

export interface ListenAddress {
  readonly family: Family;
  readonly host: string;
  readonly port: number;
  readonly loopback: boolean;
  /** Every address of the machine. */
  readonly any: boolean;
}

/** An address to listen on in its parts, checked again: it becomes part of a rule. `null` for what is none. */
export function splitListen(listen: string): ListenAddress | null {
  const at = listen.lastIndexOf(":");
  const named = listen.slice(0, at).replaceAll(/^\[|\]$/g, "");
  const host = named === "localhost" ? "127.0.0.1" : named.toLowerCase();
  const family = familyOf(host);
  const port = Number(listen.slice(at + 1));
  if (family === null || !(port >= 0 && port <= 65_535)) return null;
  const loopback = host.startsWith("127.") || /^[0:]*:0*1$/.test(host);
  return { family, host, port, loopback, any: host === "0.0.0.0" || /^[0:]+$/.test(host) };
}

/** Of which version of IP an address or a network is; `null`: of none, so that it must not stand in a rule. */
export function familyOf(text: string): Family | null {
  if (z.union([z.ipv4(), z.cidrv4()]).safeParse(text).success) return "ip";
  return z.union([z.ipv6(), z.cidrv6()]).safeParse(text).success ? "ip6" : null;
}
