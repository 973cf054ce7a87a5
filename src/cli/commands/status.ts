import type { Command } from "commander";
import { EXIT, quoteOutside } from "../../core/kernel/errors.ts";
import { formatDuration, SECOND } from "../../core/kernel/instant.ts";
import { formatSize } from "../../core/kernel/size.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { positionTable } from "../position-table.ts";
import { UsageError } from "../report.ts";
import { restraintTable } from "../restraint-table.ts";
import { sourceTable } from "../source-table.ts";
import { facts, table } from "../table.ts";
import { timeAndDistance } from "../time-text.ts";

/** Milliseconds between two looks of --watch. */
const WATCH_EVERY = 2 * SECOND;
/** Of docs/hardening.md. */
const LEVELS = { flags: { text: "L0", tone: "bad" }, kernel: "L1", users: "L2" } as const;
const CLEAR_SCREEN = "\u001b[H\u001b[2J";

export function addStatusCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("status")
      .description("The daemon, its processes and what they may do, the store, the sources, the channels.")
      .option("--watch", "look again every two seconds, until interrupted")
      .action(({ watch }: { readonly watch?: boolean }) =>
        perform(async (context) => {
          if (watch === true && context.options.json === true)
            throw new UsageError("--json prints one document; it does not go with --watch");
          for (;;) {
            const answer = await context.ask({ verb: "status" });
            if (isRefusal(answer)) return answer;
            const outcome: Outcome = { json: answer, text: statusText(answer, context), exit: EXIT.done };
            if (watch !== true) return outcome;
            context.terminal.out((context.terminal.outIsTerminal ? CLEAR_SCREEN : "") + outcome.text);
            if (!(await context.surroundings.pause(WATCH_EVERY))) return { ...outcome, text: "" };
          }
        }),
      ),
    {
      examples: [
        ["ringfort status", "look once"],
        ["ringfort status --watch", "keep looking"],
      ],
      exits: [
        [EXIT.done, "the daemon answered"],
        [EXIT.later, "no daemon answers"],
      ],
    },
  );
}

function statusText(status: Results["status"], context: CommandContext): string {
  const { paint, terminal } = context;
  const head = facts(
    [
      ["ringfort", `${status.version}, up ${formatDuration(Math.max(0, terminal.now() - status.startedAt))}`],
      ["data", status.data],
      [
        "store",
        `${status.store.blobs} blobs, ${formatSize(status.store.bytes)}; ${formatSize(status.store.freeBytes)} free`,
      ],
      ...status.channels.map(({ channel, url, https, ftp, seen }): readonly [string, string | null] => [
        quoteOutside(channel),
        [
          [url, https, ftp].filter((one) => one !== null).join("  ") || "-",
          ...(seen === 0 ? [] : [`${seen} clients in 24h`]),
        ].join("  "),
      ]),
    ],
    paint,
  );
  const processes = table(
    ["PROCESS", "PID", "STATE", "RESTARTS", "LEVEL", "MAY"],
    status.processes.map((one) => [
      one.role,
      one.pid,
      one.state === "stopped" ? { text: one.state, tone: "bad" } : one.state,
      one.restarts,
      one.level === null ? "" : LEVELS[one.level],
      one.permissions,
    ]),
    paint,
  );
  const certificates = certificateTable(status.channels, context);
  const blocks = [head, processes, ...certificates, sourceTable(status.sources, context)];
  if (status.positions.length > 0) blocks.push(positionTable(status.positions, context));
  if (status.rings.length > 0)
    blocks.push(
      table(
        ["SOURCE", "RING", "NEXT", "WAITS FOR", "OVERDUE"],
        status.rings.map(({ source, ring }) => [
          source,
          ring.channel,
          ring.next?.revision ?? null,
          ring.next?.hindrances.map(({ code }) => code).join(", ") || "the next look",
          { text: timeAndDistance(ring.overdueAt, terminal), tone: ring.overdue ? "bad" : "plain" },
        ]),
        paint,
      ),
    );
  if (status.restraints.length > 0) blocks.push(restraintTable(status.restraints, context));
  return blocks.join("\n");
}

function certificateTable(
  channels: Results["status"]["channels"],
  { paint, terminal }: CommandContext,
): readonly string[] {
  const rows = channels.flatMap(({ channel, certificates }) =>
    certificates.map(({ by, names, notAfter, refused }) => {
      const left = notAfter - terminal.now();
      const ends = left > 0 ? `in ${formatDuration(left)}` : "has ended";
      return [
        quoteOutside(channel),
        by,
        quoteOutside(names.join(" ")),
        left > 0 ? ends : { text: ends, tone: "bad" as const },
        refused === null ? "-" : { text: refused, tone: "bad" as const },
      ];
    }),
  );
  return rows.length === 0 ? [] : [table(["CERTIFICATE", "BY", "NAMES", "ENDS", "NEW ONE REFUSED"], rows, paint)];
}
