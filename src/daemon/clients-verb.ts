import { parseSha256 } from "../core/kernel/digest.ts";
import { Failure } from "../core/kernel/errors.ts";
import type { ClientRow } from "../core/model/client-sighting.ts";
import type { Ledger } from "../core/ports.ts";
import type { Request } from "../wire/requests.ts";
import type { Answers } from "./control-server.ts";

type Wish = Extract<Request, { verb: "clients" }>;

/** Who has what: a page of clients, and of a revision how far it has come. */
export async function clientsAnswer(ledger: Ledger, wish: Wish): Promise<Answers["clients"]> {
  const { source, channel, revision, sha256, after, limit } = wish;
  if (revision !== null && source === null)
    throw new Failure("source.unknown", `revision ${revision} of which source? Numbers are each source's own`);
  if (source !== null && (await ledger.source(source)) === null)
    throw new Failure("source.unknown", `no source "${source}"`);
  const digest = sha256 === null ? null : parseSha256(sha256);
  const page = await ledger.sightings.clients({ source, channel, revision, sha256: digest, after, limit });
  const spread = source === null || revision === null ? [] : await ledger.sightings.spread(source, revision);
  return { clients: page.rows.map(shown), next: page.next, spread };
}

function shown(row: ClientRow): Answers["clients"]["clients"][number] {
  const { client, channel, source, firstSeen, lastSeen, visits, held, heldSince, taking } = row;
  const told = { client: client.name, agent: client.agent, channel, source, firstSeen, lastSeen, visits };
  return { ...told, revision: held, revisionSince: heldSince, taken: taking };
}
