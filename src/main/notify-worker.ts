import { serveNotifyLane } from "../notify/worker.ts";
import { endsWithItsLane } from "./ends-with-lane.ts";

/**
 * The notify process: `notify-worker.ts 1`. Its lane is descriptor 3. It connects to mail servers and webhooks, and reads
 * nothing but its program. It ends when its lane is closed.
 */
endsWithItsLane();
// Without a listener the end of a lane would go unnoticed.
serveNotifyLane(3).onClose(() => {});
