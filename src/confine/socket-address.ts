/** An Internet address as the kernel takes it: `struct sockaddr_in` (16 bytes) or `sockaddr_in6` (28 bytes) of Linux. */

const AF_INET = 2;
const AF_INET6 = 10;
/** Room for either. */
export const MOST_ADDRESS_BYTES = 28;

export function encodeAddress(host: string, port: number): Uint8Array {
  const six = host.includes(":");
  const bytes = Buffer.alloc(six ? MOST_ADDRESS_BYTES : 16);
  bytes.writeUInt16LE(six ? AF_INET6 : AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  if (six) bytes.set(groupsOf(host), 8);
  else bytes.set((host === "localhost" ? "127.0.0.1" : host).split(".").map(Number), 4);
  return bytes;
}

export function decodeAddress(bytes: Uint8Array): { readonly host: string; readonly port: number } | null {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = view.readUInt16LE(0);
  const port = view.readUInt16BE(2);
  if (family === AF_INET) return { host: view.subarray(4, 8).join("."), port };
  if (family !== AF_INET6) return null;
  const groups = Array.from({ length: 8 }, (_, index) => view.readUInt16BE(8 + 2 * index).toString(16));
  return { host: new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1), port };
}

export function familyOf(host: string): number {
  return host.includes(":") ? AF_INET6 : AF_INET;
}

/** The 16 bytes of an IPv6 address. URL's reader knows every spelling, and writes one. */
function groupsOf(host: string): Uint8Array {
  const plain = new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const [head = [], tail = []] = plain.split("::", 2).map((half) => half.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [...head, ...zeros, ...tail].entries())
    bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * index);
  return bytes;
}
