import path from "node:path";
import { Failure } from "../core/kernel/errors.ts";
import { type Duration, SECOND } from "../core/kernel/instant.ts";
import { MOST_SUSPECTS, MOST_TAKERS, type StopScope, type Suspect } from "../core/model/suspect.ts";
import { askDaemon, type RequestOf } from "../wire/client.ts";
import type { Results, Verb } from "../wire/requests.ts";
import { type CommandContext, isRefusal } from "./context.ts";
import { table } from "./table.ts";
import { distance } from "./time-text.ts";

/** What a stop says of those that took it already; `missing`: why it cannot. */
export type TakersSaid =
  | { readonly kind: "said"; readonly suspects: readonly Suspect[] }
  | { readonly kind: "missing"; readonly code: string; readonly detail: string };

/** The stop is done when this begins: a daemon that is hung must not keep somebody at the console waiting. */
const PATIENCE: Duration = 0.6 * SECOND;

/**
 * Who took what is stopped: from the ledger's own file, or, where a daemon holds that, from the daemon. Nothing that is
 * wrong with either is in the way of a stop, which was written before.
 */
export async function takersOf(scope: StopScope, context: CommandContext): Promise<TakersSaid> {
  try {
    const { data } = (await context.loadConfig()).config;
    return { kind: "said", suspects: await suspectsOf(data, scope, context) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { kind: "missing", code: error.code, detail: error.message };
  }
}

async function suspectsOf(data: string, scope: StopScope, context: CommandContext): Promise<readonly Suspect[]> {
  try {
    return await context.surroundings.ledgerFiles.takers(path.join(data, "ledger.sqlite"), scope);
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "store.busy") throw error;
    return askSuspects(path.join(data, "control.sock"), scope);
  }
}

async function askSuspects(socket: string, { source, channel }: StopScope): Promise<readonly Suspect[]> {
  const until = performance.now() + PATIENCE;
  const ask = async <V extends Verb>(request: RequestOf<V>): Promise<Results[V]> => {
    const answer = await askDaemon(socket, request, () => {}, Math.max(1, until - performance.now()));
    if (isRefusal(answer)) throw new Failure("worker.protocol", "the daemon refused to look");
    return answer;
  };
  const { positions } = await ask<"channels">({ verb: "channels", source });
  const shown = positions.flatMap(({ channel: at, source: name, revision }) =>
    revision === null || (channel !== null && channel !== at) ? [] : [`${name} ${revision}`],
  );
  const suspects: Suspect[] = [];
  for (const each of [...new Set(shown)].slice(0, MOST_SUSPECTS)) {
    const [name = "", number] = each.split(" ");
    const revision = Number(number);
    const of = { source: name, channel: null, revision, sha256: null, after: null, limit: MOST_TAKERS };
    const { clients, spread } = await ask<"clients">({ verb: "clients", ...of });
    suspects.push({
      source: name,
      revision,
      took: spread.reduce((sum, { took }) => sum + took, 0),
      clients: clients.flatMap(({ client, agent, channel: from, taken }) =>
        taken === null
          ? []
          : [{ client, agent, channel: from, firstAt: taken.firstAt, wholeAt: taken.wholeAt, lastAt: taken.lastAt }],
      ),
    });
  }
  return suspects;
}

export function takersText(said: TakersSaid, { paint, terminal }: CommandContext): string {
  if (said.kind === "missing")
    return (
      `who has taken it already cannot be said here: ${said.code}: ${said.detail}\n` +
      "next: ringfort exposure SOURCE REVISION, once a daemon answers; what is stopped stays stopped meanwhile\n"
    );
  if (said.suspects.length === 0) return "nothing of it was shown to anybody\n";
  const now = terminal.now();
  return said.suspects
    .map(({ source, revision, took, clients }) => {
      const head = `${source}: revision ${revision} was taken whole by ${took} clients`;
      if (clients.length === 0) return `${head}\n`;
      const rows = clients.map((each) => [
        each.client,
        each.agent,
        each.channel,
        each.wholeAt === null ? "in part" : "whole",
        distance(each.firstAt, now),
        distance(each.lastAt, now),
      ]);
      const list = table(["CLIENT", "AGENT", "CHANNEL", "TOOK", "FIRST", "LAST"], rows, paint);
      const all = clients.length < MOST_TAKERS ? "" : `the first ${MOST_TAKERS}; `;
      return `${head}\n${list}${all}all of them: ringfort exposure ${source} ${revision} --csv, with a daemon running\n`;
    })
    .join("\n");
}
