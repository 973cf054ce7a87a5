import type { Socket } from "node:net";

/**
 * Bytes given to a socket that the kernel has not taken yet. Node counts a write as written when it begins and tells
 * of its end only: a slow client would seem to take nothing for minutes. The handle knows how far it is.
 */
export function unsentBytes(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, "_handle");
  const size: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "writeQueueSize") : 0;
  return typeof size === "number" ? size : socket.writableLength;
}
