import process from "node:process";
import { serveConsoleLane } from "../console/worker.ts";
import { endsWithItsLane } from "./ends-with-lane.ts";

/**
 * The console's process: `console.ts`, its lane on descriptor 3. It listens for people and programs, and connects to the
 * keeper's socket for it; it reads nothing but its program. It ends with its lane.
 */
endsWithItsLane();
serveConsoleLane(3, (cause) => process.exit(cause === null ? 0 : 1));
