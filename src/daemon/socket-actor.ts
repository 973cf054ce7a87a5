import type { Actor } from "../core/model/actor.ts";

/**
 * Who asks over the control socket. Whoever may open it is the daemon's user or root, and has every role; the name is
 * what the command line says of itself, and proves nothing (docs/release.md, "Who signs"). Who asks over the API is known by the gate.
 */
export function socketActor(by: string): Actor {
  return { name: by, roles: ["operator", "approver", "admin"] };
}
