import type { Refusal } from "../core/kernel/errors.ts";
import type { RequestOf } from "../wire/client.ts";
import type { Results } from "../wire/requests.ts";
import { type CommandContext, isRefusal } from "./context.ts";

export type Client = Results["clients"]["clients"][number];

const PAGE = 1_000;
/** Clients that a person is shown. */
const MOST_SHOWN = 50;
/** And that one command takes into memory. */
const MOST_CLIENTS = 1_000_000;

/** The clients that took something, page by page: those that a person is shown, or `all`. */
export async function clientPages(
  context: CommandContext,
  of: Omit<RequestOf<"clients">, "verb" | "after" | "limit">,
  all: boolean,
): Promise<readonly Client[] | Refusal> {
  const clients: Client[] = [];
  const limit = all ? PAGE : MOST_SHOWN;
  for (let after: string | null = null; clients.length < MOST_CLIENTS; ) {
    const page: Results["clients"] | Refusal = await context.ask(
      { verb: "clients", ...of, after, limit },
      { silent: true },
    );
    if (isRefusal(page)) return page;
    clients.push(...page.clients);
    after = page.next;
    if (!all || after === null) break;
  }
  return clients;
}
