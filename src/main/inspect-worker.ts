import { blobReader } from "../inspect/blob-reader.ts";
import { quarantineReader } from "../inspect/quarantine-reader.ts";
import { serveInspectLane } from "../inspect/worker.ts";
import { endsWithItsLane } from "./ends-with-lane.ts";

/**
 * The inspection process: `inspect-worker.ts <lanes> <quarantine folder> <blobs folder>`. Its lanes are the descriptors from 3 on. It
 * runs under Node's permission model with leave to read the program, the quarantine and the blobs, and nothing else: it parses what
 * strangers wrote. It ends when its last lane is closed, for then nothing is left that could wake it.
 */
const [lanes, quarantine, blobs] = process.argv.slice(2);
if (lanes === undefined || quarantine === undefined || blobs === undefined || !/^[1-9]\d?$/.test(lanes))
  throw new Error("usage: inspect-worker.ts <lanes> <quarantine folder> <blobs folder>");

endsWithItsLane();
const reader = quarantineReader(quarantine);
for (let fd = 3; fd < 3 + Number(lanes); fd += 1) {
  // Without a listener the end of a lane would go unnoticed.
  serveInspectLane(fd, reader, blobReader(blobs)).onClose(() => {});
}
