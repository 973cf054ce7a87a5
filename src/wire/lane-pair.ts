import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { FrameHandler } from "./frame.ts";
import { Lane } from "./lane.ts";

export interface LanePair {
  readonly ours: Lane;
  /** A socket to hand to a child process as one of its descriptors. */
  readonly theirs: net.Socket;
}

/**
 * Makes both ends of one lane. Node has no socketpair, so the ends meet at a socket in a folder that only we may enter,
 * which is gone when this resolves. Theirs may send messages of so many bytes.
 */
export async function lanePair(handler: FrameHandler, mostMessageBytes?: number): Promise<LanePair> {
  const folder = await mkdtemp(path.join(tmpdir(), "ringfort-"));
  const meeting = path.join(folder, "lane");
  const server = net.createServer({ pauseOnConnect: true });
  try {
    server.listen(meeting);
    await once(server, "listening");
    const [ours, [theirs]] = await Promise.all([
      Lane.connect(meeting, handler, mostMessageBytes),
      once(server, "connection") as Promise<[net.Socket]>,
    ]);
    return { ours, theirs };
  } finally {
    server.close();
    await rm(folder, { recursive: true, force: true });
  }
}
