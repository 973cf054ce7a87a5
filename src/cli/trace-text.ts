import { quoteOutside } from "../core/kernel/errors.ts";
import { formatDuration, MINUTE } from "../core/kernel/instant.ts";
import type { Results } from "../wire/requests.ts";
import type { Client } from "./client-pages.ts";
import type { CommandContext } from "./context.ts";
import { facts, table } from "./table.ts";
import { distance, timeAndDistance } from "./time-text.ts";

type Trace = Results["trace"];
type Admission = Trace["admissions"][number];
type Span = Trace["spans"][number];

/** Of each list, as many as a person reads. */
const MOST_ROWS = 20;

/** A content's story for a person: in the order of what happened. */
export function traceText(trace: Trace, clients: readonly Client[], context: CommandContext): string {
  const parts = [
    head(trace, context),
    admitted(trace, context),
    refused(trace, context),
    shown(trace, context),
    evidence(trace, context),
    fetched(trace, clients, context),
  ];
  return `${parts.filter((part) => part !== "").join("\n")}\n${proof(trace)}`;
}

function head({ sha256, stored, places, blocks }: Trace, { paint }: CommandContext): string {
  const now = places.map(({ source, path, since, revision }) =>
    since === revision ? `${path} of ${source} ${revision}` : `${path} of ${source} ${since} to ${revision}`,
  );
  const active = blocks.filter((one) => one.active).map(({ text, by, reason }) => `${text}, by ${by}: ${reason}`);
  return facts(
    [
      ["content", sha256],
      ["store", stored ? "its bytes are here" : "its bytes are not here"],
      ["named", now.length === 0 ? "by no revision that is here" : now.slice(0, MOST_ROWS).join("; ")],
      ["blocked", active.length === 0 ? "no" : { text: active.join("; "), tone: "bad" }],
    ],
    paint,
  );
}

function admitted({ admissions }: Trace, context: CommandContext): string {
  if (admissions.length === 0) return "It was never let in.\n";
  return admissions
    .slice(0, MOST_ROWS)
    .map((one) => {
      const { source, revision, at, paths, run } = one;
      const by = run === null ? "" : `, by ${quoteOutside(run.by, 128)}`;
      const title = `let in with revision ${revision} of ${source}, ${timeAndDistance(at, context.terminal)}${by}`;
      return `${title} [${one.entry}]\n${facts(verified(one, paths), context.paint)}`;
    })
    .join("");
}

function verified(
  { size, sealed, index }: Admission,
  paths: readonly string[],
): readonly (readonly [string, string])[] {
  const signers = (index?.signatures ?? []).map(
    ([scheme, over, status, signer]) => `${scheme} over ${over}: ${status} by ${signer}`,
  );
  const from = index?.address == null ? "" : `, from address ${index.address}`;
  return [
    ["  as", `${paths.join(", ")}, ${size} bytes`],
    ["  index", index === null ? "none was judged" : `${index.path}${from}: ${index.verdict} [${index.entry}]`],
    ["  signed", signers.length === 0 ? "-" : signers.join("; ")],
    [
      "  vouched",
      sealed === null ? "-" : `${sealed.vouchedBy}${sealed.unsigned ? " (unsigned)" : ""} [${sealed.entry}]`,
    ],
  ];
}

function refused({ verdicts }: Trace, { paint, terminal }: CommandContext): string {
  if (verdicts.length === 0) return "";
  const rows = verdicts
    .slice(-MOST_ROWS)
    .map(({ at, source, path, verdict, code, entry }) => [
      distance(at, terminal.now()),
      source,
      path,
      verdict,
      code,
      `[${entry}]`,
    ]);
  return table(["JUDGED", "SOURCE", "PATH", "VERDICT", "CODE", "ENTRY"], rows, paint);
}

function shown({ spans, complete }: Trace, { paint, terminal }: CommandContext): string {
  if (spans.length === 0) return "No channel has shown it.\n";
  const rows = spans.slice(-MOST_ROWS).map((span) => {
    const { channel, source, from, until, brought, ended } = span;
    const stay = (until ?? terminal.now()) - from;
    return [
      channel,
      `${source} ${brought.to}`,
      distance(from, terminal.now()),
      `${formatDuration(stay < MINUTE ? stay : Math.floor(stay / MINUTE) * MINUTE)}${until === null ? ", still" : ""}`,
      approved(span),
      ended === null ? null : `${ended.kind} to ${ended.to} by ${ended.by}`,
      `[${brought.entry}${ended === null ? "" : `, ${ended.entry}`}]`,
    ];
  });
  const heads = ["CHANNEL", "REVISION", "SHOWN", "FOR", "BECAUSE OF", "ENDED BY", "ENTRIES"];
  const more = complete ? "" : "Revisions were removed since: it may have been shown for longer than that.\n";
  return table(heads, rows, paint) + more;
}

function approved({ brought, proposal }: Span): string {
  const why = brought.reason === "" ? "" : `: ${brought.reason}`;
  if (proposal === null) return `${brought.by}${why}`;
  const signed = proposal.signOffs.map(({ by }) => by).join(", ");
  return `${proposal.kind} ${proposal.id} by ${proposal.by}, signed by ${signed || "nobody"}${why}`;
}

function evidence(trace: Trace, { paint, terminal }: CommandContext): string {
  if (trace.evidence.length === 0) return "";
  const rows = trace.evidence
    .slice(-MOST_ROWS)
    .map(({ at, source, revision, text, entry }) => [
      distance(at, terminal.now()),
      `${source} ${revision}`,
      text,
      `[${entry}]`,
    ]);
  return table(["FOUND", "REVISION", "EVIDENCE", "ENTRY"], rows, paint);
}

function fetched({ takers }: Trace, clients: readonly Client[], { paint, terminal }: CommandContext): string {
  if (takers.length === 0) return "No client that is remembered has fetched it.\n";
  const now = terminal.now();
  const counts = takers.map(({ channel, source, whole, part, firstAt, lastAt }) => [
    channel,
    source,
    whole,
    part,
    distance(firstAt, now),
    distance(lastAt, now),
  ]);
  const rows = clients
    .slice(0, MOST_ROWS)
    .map(({ client, agent, channel, taken }) => [
      client,
      agent,
      channel,
      taken === null ? null : distance(taken.firstAt, now),
      taken?.wholeAt == null ? "in parts" : "whole",
    ]);
  const all = takers.reduce((sum, { whole, part }) => sum + whole + part, 0);
  const more = all > rows.length ? "more: --json, or ringfort clients --hash DIGEST --all --csv\n" : "";
  return (
    `${table(["CHANNEL", "SOURCE", "WHOLE", "IN PARTS", "FIRST", "LAST"], counts, paint)}\n` +
    `${table(["CLIENT", "AGENT", "CHANNEL", "FETCHED", "AS"], rows, paint)}${more}`
  );
}

function proof({ auditSize, signed }: Trace): string {
  return (
    `Numbers in brackets are entries of the audit log: ${auditSize} there are, the first ${signed} of them signed.\n` +
    "ringfort audit-log export DIR, then ringfort audit-log verify DIR, proves them without this daemon.\n"
  );
}
