import type { Socket } from "../../core/observed/look.ts";
import { type SocketRow, socketsIn, WAITING } from "../network.ts";
import type { Root } from "../root.ts";

/** Bytes of one table of sockets. */
const MOST_TABLE = 64 * 1024 * 1024;
/** proc_net_tcp(5): TCP_ESTABLISHED. */
const ESTABLISHED = "01";

/** What is known of a socket beside the descriptor that holds it. */
export type SocketFacts = Omit<Socket, "fd">;

/** The sockets of one network name space, by inode. `of`: a process in it, or the name of this one. */
export function socketTable(root: Root, of: number | "self"): ReadonlyMap<string, SocketFacts> {
  const found = new Map<string, SocketFacts>();
  for (const [file, protocol] of [
    ["tcp", "tcp"],
    ["tcp6", "tcp"],
    ["udp", "udp"],
    ["udp6", "udp"],
  ] as const) {
    const text = root.text(`proc/${of}/net/${file}`, MOST_TABLE);
    if ("is" in text) for (const row of socketsIn(text.is, protocol)) found.set(row.inode, internet(row));
  }
  const local = root.text(`proc/${of}/net/unix`, MOST_TABLE);
  if ("is" in local) for (const [inode, facts] of localSockets(local.is)) found.set(inode, facts);
  for (const file of ["raw", "raw6"]) {
    const text = root.text(`proc/${of}/net/${file}`, MOST_TABLE);
    if ("is" in text)
      for (const { inode, address } of socketsIn(text.is, "udp"))
        found.set(inode, { protocol: "raw", state: "other", local: address, port: null, peer: null });
  }
  return found;
}

function internet({ protocol, state, address, port, peer }: SocketRow): SocketFacts {
  const isConnected = state === ESTABLISHED;
  const isWaiting = state === WAITING[protocol];
  // An unconnected socket of UDP takes what anybody sends: it listens.
  const told = isWaiting ? "listening" : isConnected ? "connected" : "other";
  return { protocol, state: told, local: address, port, peer: isConnected ? peer : null };
}

/** proc/net/unix: address, references, protocol, flags, type, state, inode, path. __SO_ACCEPTCON marks who listens. */
function localSockets(text: string): readonly (readonly [string, SocketFacts])[] {
  return text.split("\n").flatMap((line) => {
    const [, flags = "", state = "", inode, path] =
      /^[0-9a-f]+: [0-9A-F]+ [0-9A-F]+ ([0-9A-F]+) [0-9A-F]+ ([0-9A-F]+) +(\d+)(?: (.*))?$/.exec(line) ?? [];
    if (inode === undefined) return [];
    const listens = (Number.parseInt(flags, 16) & 0x1_0000) !== 0;
    const told = listens ? "listening" : state === "03" ? "connected" : path === undefined ? "other" : "bound";
    return [[inode, { protocol: "unix", state: told, local: path ?? null, port: null, peer: null }] as const];
  });
}
