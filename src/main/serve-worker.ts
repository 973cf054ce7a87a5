import { randomBytes, randomInt } from "node:crypto";
import process from "node:process";
import { serveOverLane } from "../serve/worker.ts";
import { endsWithItsLane } from "./ends-with-lane.ts";

/**
 * The process of one channel: its lane on descriptor 3, pipes for its access logs on 4 (HTTP) and, with FTP, on 5. It runs under
 * `--permission` with leave to read the program, the blobs and the views, and to use the network; which it gives back as
 * soon as it listens, so that whoever takes it over can answer clients and reach nobody else.
 */
endsWithItsLane();
serveOverLane({
  laneFd: 3,
  logFd: 4,
  ftpLogFd: 5,
  now: () => Date.now(),
  elapsed: () => performance.now(),
  random: () => randomBytes(16).toString("hex"),
  pick: (below) => randomInt(below),
  // The permission model is absent where somebody runs this file by hand.
  dropNetwork: () => process.permission?.drop("net"),
  onEnd: (cause) => process.exit(cause === null ? 0 : 1),
});
