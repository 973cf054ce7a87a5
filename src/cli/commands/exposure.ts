import type { Command } from "commander";
import { EXIT, quoteOutside } from "../../core/kernel/errors.ts";
import type { Results } from "../../wire/requests.ts";
import { type Client, clientPages, MOST_CLIENTS, MOST_SHOWN } from "../client-pages.ts";
import { type CommandContext, isRefusal, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { revisionNumber } from "../revision-ref.ts";
import { table } from "../table.ts";
import { distance } from "../time-text.ts";

interface ExposureOptions {
  readonly channel?: string;
  readonly csv?: boolean;
}

/** How far a revision has come among clients, and who they are. */
export function addExposureCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("exposure <source> <revision>")
      .description("How many clients took a revision, have left it, or will not get it; and which ones, with times.")
      .option("--channel <channel>", "list the clients of one channel only")
      .option("--csv", "print every client that took it as CSV, and nothing else")
      .action((source: string, number: string, options: ExposureOptions) =>
        perform(async (context) => {
          const revision = revisionNumber(number);
          const answer = await context.ask({ verb: "exposure", source, revision });
          if (isRefusal(answer)) return answer;
          const all = options.csv === true || context.options.json === true;
          const page = await clientPages(
            context,
            { source, revision, sha256: null, channel: options.channel ?? null },
            all ? MOST_CLIENTS : MOST_SHOWN,
          );
          if (isRefusal(page)) return page;
          const { clients } = page;
          const text = options.csv === true ? csv(clients) : shown(answer, clients, context);
          return { json: { ...answer, list: clients }, text, exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort exposure clamav 7", "contained and recovered, and the first clients that took it"],
        ["ringfort exposure clamav 7 --csv > took-7.csv", "every machine that took it, for whoever visits them"],
      ],
    },
  );
}

function shown(exposure: Results["exposure"], clients: readonly Client[], { paint, terminal }: CommandContext): string {
  const { source, revision, took, recovered, exposed, contained, next } = exposure;
  const still = exposed === 0 ? "" : `, ${exposed} hold it still`;
  const head =
    `${source}: revision ${revision} was taken by ${took}: ${recovered} recovered${still}; ${contained} contained` +
    `${next === 0 ? "" : `, ${next} get it at their next visit`}\n`;
  const channels = table(
    ["CHANNEL", "SHOWS IT", "CLIENTS", "TOOK", "RECOVERED", "HOLD IT", "CONTAINED", "NEXT"],
    exposure.channels.map((each) => [
      each.channel,
      each.shows ? { text: "yes", tone: "bad" } : "no",
      each.clients,
      each.took,
      each.recovered,
      each.exposed,
      each.contained,
      each.next,
    ]),
    paint,
  );
  const now = terminal.now();
  const rows = clients.map(({ client, agent, channel, taken, revision: holds, lastSeen }) => [
    client,
    agent,
    channel,
    taken === null ? null : distance(taken.firstAt, now),
    holds,
    distance(lastSeen, now),
  ]);
  const list =
    rows.length === 0 ? "" : `\n${table(["CLIENT", "AGENT", "CHANNEL", "TOOK IT", "HOLDS", "SEEN"], rows, paint)}`;
  const more = took > rows.length && rows.length > 0 ? "more: --csv or --json lists all\n" : "";
  return `${head}\n${channels}${list}${more}`;
}

const HEADINGS = ["client", "agent", "channel", "first taken", "whole at", "last taken", "files", "holds", "last seen"];

/** RFC 4180, times in ISO 8601. */
function csv(clients: readonly Client[]): string {
  const rows = clients.map(({ client, agent, channel, taken, revision, lastSeen }) => [
    client,
    agent,
    channel,
    time(taken?.firstAt ?? null),
    time(taken?.wholeAt ?? null),
    time(taken?.lastAt ?? null),
    String(taken?.files ?? 0),
    revision === null ? "" : String(revision),
    time(lastSeen),
  ]);
  return [HEADINGS, ...rows].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

function time(at: number | null): string {
  return at === null ? "" : new Date(at).toISOString();
}

/** A client chooses its name: one that begins like a formula would be one in the spreadsheet that this is opened in. */
function field(text: string): string {
  const plain = quoteOutside(text, 1_000);
  return `"${(/^[=+\-@]/.test(plain) ? `'${plain}` : plain).replaceAll('"', '""')}"`;
}
