import type { Command } from "commander";
import { EXIT, type Refusal } from "../../core/kernel/errors.ts";
import { formatInstant } from "../../core/kernel/instant.ts";
import type { RequestOf } from "../../wire/client.ts";
import type { Results } from "../../wire/requests.ts";
import { type Client, clientPages } from "../client-pages.ts";
import { type CommandContext, isRefusal, type Perform } from "../context.ts";
import { csvText } from "../csv.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { table } from "../table.ts";
import { distance, timeAndDistance } from "../time-text.ts";

interface ClientOptions {
  readonly source?: string;
  readonly channel?: string;
  readonly revision?: string;
  readonly hash?: string;
  readonly limit: string;
  readonly all?: boolean;
  readonly csv?: boolean;
}

type Clients = Results["clients"];

export function addClientsCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("clients")
      .description("Which clients the servers have seen: what each holds, since when, and when it last came.")
      .option("--source <name>", "of one source only")
      .option("--channel <name>", "of one channel only")
      .option("--revision <number>", "those that took this revision, with --source; and how many have left it since")
      .option("--hash <digest>", "those that took the file with this SHA-256")
      .option("--limit <count>", "at most so many", "100")
      .option("--all", "every one, for an export")
      .option("--csv", "as comma-separated values (RFC 4180), times in UTC")
      .action((options: ClientOptions) =>
        perform(async (context) => {
          if (options.csv === true && context.options.json === true)
            throw new UsageError("--csv and --json exclude each other");
          const answer = await ask(context, options);
          if (isRefusal(answer)) return answer;
          const text = options.csv === true ? clientsCsv(answer.clients) : clientsText(answer, context);
          return { json: answer, text, exit: EXIT.done };
        }),
      ),
    {
      examples: [
        ["ringfort clients --source clamav", "who comes for it, and what each holds"],
        ["ringfort clients --source clamav --revision 41", "who took revision 41, and who has left it"],
        ["ringfort clients --hash DIGEST --all --csv > took-it.csv", "every client that has a file, for a spreadsheet"],
      ],
    },
  );
}

function ask(context: CommandContext, options: ClientOptions): Promise<Clients | Refusal> {
  const most = options.all === true ? Number.POSITIVE_INFINITY : limitOf(options.limit);
  return clientPages(context, wishOf(options), most);
}

function wishOf({
  source,
  channel,
  revision,
  hash,
}: ClientOptions): Omit<RequestOf<"clients">, "verb" | "after" | "limit"> {
  if (revision !== undefined && source === undefined)
    throw new UsageError("--revision needs --source: every source counts its own");
  if (revision !== undefined && hash !== undefined) throw new UsageError("--revision and --hash exclude each other");
  if (revision !== undefined && !/^[1-9]\d{0,8}$/.test(revision))
    throw new UsageError(`--revision is a number, not "${revision}"`);
  const sha256 = hash?.toLowerCase() ?? null;
  if (sha256 !== null && !/^[0-9a-f]{64}$/.test(sha256))
    throw new UsageError("--hash is a SHA-256 in hexadecimal, 64 digits");
  return {
    source: source ?? null,
    channel: channel ?? null,
    revision: revision === undefined ? null : Number(revision),
    sha256,
  };
}

function limitOf(written: string): number {
  if (!/^[1-9]\d{0,6}$/.test(written)) throw new UsageError(`--limit is a number from 1 on, not "${written}"`);
  return Number(written);
}

function clientsText({ clients, spread, next }: Clients, context: CommandContext): string {
  const { paint, terminal } = context;
  const blocks: string[] = [];
  if (spread.length > 0) {
    const rows = spread.map((one) => [one.channel, one.clients, one.took, one.left, one.holding]);
    blocks.push(table(["CHANNEL", "CLIENTS", "TOOK IT", "LEFT IT", "HOLD IT"], rows, paint));
  }
  if (clients.length === 0) blocks.push("no such client has been seen\n");
  else blocks.push(clientTable(clients, context));
  if (next !== null) blocks.push("There are more: --limit or --all shows them.\n");
  const silent = clients.length > 0 && clients.every(({ lastSeen }) => terminal.now() - lastSeen > 86_400_000);
  if (silent) blocks.push("None of them has come in the last day.\n");
  return blocks.join("\n");
}

function clientTable(clients: readonly Client[], { paint, terminal }: CommandContext): string {
  const took = clients.some(({ taken }) => taken !== null);
  const headings = ["CLIENT", "AGENT", "CHANNEL", "SOURCE", "HOLDS", "SINCE", "VISITS", "LAST SEEN"];
  const rows = clients.map((one) => [
    one.client,
    one.agent.slice(0, 40),
    one.channel,
    one.source,
    one.revision,
    one.revisionSince === null ? null : distance(one.revisionSince, terminal.now()),
    one.visits,
    timeAndDistance(one.lastSeen, terminal),
    ...(took ? takenCells(one, terminal) : []),
  ]);
  return table([...headings, ...(took ? ["TOOK IT", "FILES", "CAME BACK"] : [])], rows, paint);
}

function takenCells({ taken }: Client, terminal: CommandContext["terminal"]): readonly (string | number | null)[] {
  if (taken === null) return [null, null, null];
  const when = taken.wholeAt === null ? "in part" : timeAndDistance(taken.wholeAt, terminal);
  return [when, taken.files, taken.returns];
}

const COLUMNS: readonly (readonly [string, (client: Client) => string | number | null])[] = [
  ["client", ({ client }) => client],
  ["agent", ({ agent }) => agent],
  ["channel", ({ channel }) => channel],
  ["source", ({ source }) => source],
  ["revision", ({ revision }) => revision],
  ["revisionSince", ({ revisionSince }) => timeOf(revisionSince)],
  ["firstSeen", ({ firstSeen }) => timeOf(firstSeen)],
  ["lastSeen", ({ lastSeen }) => timeOf(lastSeen)],
  ["visits", ({ visits }) => visits],
  ["tookFirst", ({ taken }) => timeOf(taken?.firstAt ?? null)],
  ["tookWhole", ({ taken }) => timeOf(taken?.wholeAt ?? null)],
  ["files", ({ taken }) => taken?.files ?? null],
  ["bytes", ({ taken }) => taken?.bytes ?? null],
  ["returns", ({ taken }) => taken?.returns ?? null],
];

function timeOf(at: number | null): string | null {
  return at === null ? null : formatInstant(at);
}

function clientsCsv(clients: readonly Client[]): string {
  return csvText(
    COLUMNS.map(([name]) => name),
    clients.map((client) => COLUMNS.map(([, cell]) => cell(client))),
  );
}
