import type { Refusal } from "../core/kernel/errors.ts";
import type { RequestOf } from "../wire/client.ts";
import { MOST_CLIENTS_AT_ONCE } from "../wire/client-requests.ts";
import type { Results } from "../wire/requests.ts";
import { type CommandContext, isRefusal } from "./context.ts";

export type Client = Results["clients"]["clients"][number];

/** Clients that a person is shown. */
export const MOST_SHOWN = 50;
/** And that one command takes into memory. */
export const MOST_CLIENTS = 1_000_000;

/** Up to `most` clients, one page after another: the daemon answers with few at a time, so that nothing else waits for it. */
export async function clientPages(
  context: CommandContext,
  of: Omit<RequestOf<"clients">, "verb" | "after" | "limit">,
  most: number,
): Promise<Results["clients"] | Refusal> {
  const clients: Client[] = [];
  for (let after: string | null = null; ; ) {
    const limit = Math.min(MOST_CLIENTS_AT_ONCE, most - clients.length);
    const answer: Results["clients"] | Refusal = await context.ask({ verb: "clients", ...of, after, limit });
    if (isRefusal(answer)) return answer;
    clients.push(...answer.clients);
    after = answer.next;
    if (after === null || clients.length >= most) return { ...answer, clients };
  }
}
