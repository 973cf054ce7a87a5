import { serveLoginLane } from "../login/worker.ts";
import { endsWithItsLane } from "./ends-with-lane.ts";

/**
 * The login process: `login-worker.ts 1`. Its lane is descriptor 3. It connects to the OpenID issuer that each job names, and
 * reads nothing but its program. It ends when its lane is closed.
 */
endsWithItsLane();
// Without a listener the end of a lane would go unnoticed.
serveLoginLane(3).onClose(() => {});
