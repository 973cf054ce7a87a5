import type { Protocol } from "./protocol.ts";
import { http } from "./protocols/http/http.ts";

/** Every protocol that a channel can be served by. */
export const protocols = { http } as const satisfies Record<string, Protocol>;
