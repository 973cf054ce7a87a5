import process from "node:process";
import { serveLanes } from "../fetch/worker.ts";
import { endsWithItsLane } from "./ends-with-lane.ts";

/**
 * The fetch process: `fetch-worker.ts <lanes> [version]`, its lanes on the descriptors from 3 on. It runs under
 * `--permission` with the network and no files, or for file addresses with one folder and no network.
 */
const [lanes, version] = process.argv.slice(2);
if (lanes === undefined || !/^[1-9]\d?$/.test(lanes)) throw new Error("usage: fetch-worker.ts <lanes> [version]");

endsWithItsLane();
serveLanes(Number(lanes), {
  userAgent: version === undefined ? "Ringfort" : `Ringfort/${version}`,
  now: () => performance.now(),
  onEnd: (cause) => process.exit(cause === null ? 0 : 1),
});
