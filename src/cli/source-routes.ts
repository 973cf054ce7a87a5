import type { Refusal } from "../core/kernel/errors.ts";
import type { SourceRoute } from "../core/network/network-plan.ts";
import { type CommandContext, isRefusal } from "./context.ts";

/** Where the daemon's sources come from: an address, and the proxy before it, are all that a packet filter needs. */
export async function daemonRoutes(context: Pick<CommandContext, "ask">): Promise<readonly SourceRoute[] | Refusal> {
  const list = await context.ask({ verb: "source-list" }, { silent: true });
  if (isRefusal(list)) return list;
  const routes: SourceRoute[] = [];
  for (const { name } of list.sources) {
    const answer = await context.ask({ verb: "source-show", source: name }, { silent: true });
    if (isRefusal(answer)) return answer;
    const { addresses, network } = answer.spec;
    routes.push({ name, addresses, proxy: network.proxy ?? null });
  }
  return routes;
}
