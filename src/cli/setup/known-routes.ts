import path from "node:path";
import type { Config } from "../../core/config.ts";
import { Failure } from "../../core/kernel/errors.ts";
import type { SourceRoute } from "../../core/network/network-plan.ts";
import { isDualHomed } from "../../core/setup/settings.ts";
import { askDaemon } from "../../wire/client.ts";
import { type CommandContext, isRefusal } from "../context.ts";
import { daemonRoutes } from "../source-routes.ts";
import { type SetupPlace, socketOf } from "./setup-plan.ts";

/** The sources that the daemon has already: a packet filter that did not know them would cut them off. */
export async function knownRoutes(
  config: Config,
  place: SetupPlace,
  context: CommandContext,
): Promise<{ readonly routes: readonly SourceRoute[]; readonly notes: readonly string[] }> {
  if (!place.isSystem || !isDualHomed(config)) return { routes: [], notes: [] };
  const socket = socketOf(config, place, context);
  const unknown =
    "the daemon does not answer: the packet filter lets nothing out for sources that it has already; with the daemon running: " +
    "ringfort harden network --output /etc/ringfort/network";
  try {
    const routes = await daemonRoutes({ ask: (request) => askDaemon(path.resolve(socket), request, () => {}) });
    return isRefusal(routes) ? { routes: [], notes: [unknown] } : { routes, notes: [] };
  } catch (error) {
    if (!(error instanceof Failure && error.code === "daemon.unreachable")) throw error;
    return { routes: [], notes: [unknown] };
  }
}
