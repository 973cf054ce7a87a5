import { randomBytes } from "node:crypto";
import { serveSignerLane } from "../signer/worker.ts";
import { endsWithItsLane } from "./ends-with-lane.ts";

/**
 * The signer: `sign-worker.ts 1 <its folder> <name of the log>`. Its lane is descriptor 3. It has no network and reads and
 * writes its own folder alone: the key of the audit log is in no other process. It ends when its lane is closed.
 */
const [lanes, folder, name] = process.argv.slice(2);
if (lanes !== "1" || folder === undefined || name === undefined)
  throw new Error("usage: sign-worker.ts 1 <folder> <name>");

endsWithItsLane();
// Without a listener the end of a lane would go unnoticed.
serveSignerLane({ laneFd: 3, folder, name, randomBytes }).onClose(() => {});
