import path from "node:path";
import { type Command, Option } from "commander";
import { EXIT, quoteOutside } from "../../core/kernel/errors.ts";
import { PROFILES, type Profile, type Verdict } from "../../core/machine/check.ts";
import type { HostFacts } from "../../core/machine/facts.ts";
import { type Judged, judgeHost, worstOf } from "../../core/machine/judge-host.ts";
import { type AdviseOptions, advise, forAudit, seconds } from "../advise.ts";
import type { CommandContext, Outcome, Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { configuredFacts, productFacts, statusOrNull } from "../product-facts.ts";
import { table } from "../table.ts";
import type { Tone } from "../terminal.ts";

interface AuditOptions {
  readonly profile?: Profile;
  readonly root: string;
  readonly outside?: readonly string[];
  readonly expect?: readonly string[];
  readonly advisories?: readonly string[];
  readonly all?: boolean;
  readonly advise?: string;
}

/** The machine around Ringfort, and Ringfort on it. */
export function addAuditCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("audit")
      .description("Check this machine and this installation: processes, files, network, patches, kernel, releases.")
      .addOption(new Option("--profile <profile>", "what the machine is (else audit.profile)").choices(PROFILES))
      .option("--root <folder>", "look at an image of a machine below this folder", "/")
      .option("--outside <interface...>", "interfaces that lead outside (else host.outside, or the default route's)")
      .option("--expect <listener...>", "ADDRESS:PORT or *:PORT of services that are meant to be there")
      .option("--advisories <file...>", "files of advisories beside audit.advisories")
      .option("--all", "tell of what passes and of what does not apply, too")
      .option("--advise <unit>", "say what any unit of systemd could give up: FILE.service, or the name of a unit here")
      .option("--try", "with --advise, as root: run a copy of the unit under it, and keep what works")
      .option("--settle <seconds>", "with --try: how long a copy has to stay up (3)", seconds)
      .option("--check-command <command>", "with --try: what must end with 0 while the copy runs, for a shell")
      .option("--instead", "with --try: stop the unit for the time of the trial, where no copy can run beside it")
      .option("--writable <path...>", "with --advise: what the daemon writes, for ReadWritePaths=")
      .option("--output <file>", "with --advise: write a drop-in")
      .action((options: AuditOptions & AdviseOptions) =>
        perform((context) =>
          options.advise === undefined ? audit(forAudit(options), context) : advise(options.advise, options, context),
        ),
      ),
    {
      examples: [
        ["sudo ringfort audit", "what is wrong here, and the command that mends it"],
        ["ringfort audit --profile bastion --outside eth0 --json", "for a machine that reads"],
        ["ringfort audit --root /mnt/image", "an image, before it runs"],
        ["ringfort audit --advise nginx.service", "what nginx could give up, best gain first"],
        [
          "sudo ringfort audit --advise nginx --try --check-command 'curl -fsS http://localhost/' --output 50-less.conf",
          "and what of it works",
        ],
      ],
      notes:
        "What could not be looked at is UNKNOWN, and UNKNOWN is never clean: run it as root, with the daemon running. It " +
        "changes nothing. docs/reference/checks.md lists every check with its fix and where it comes from.",
      exits: [
        [EXIT.done, "every check that applies passes"],
        [EXIT.failure, "a check of severity critical or high fails"],
        [
          EXIT.refused,
          "only checks of severity medium or low fail; with --advise: the unit is malformed, or nothing can be tried on it",
        ],
        [EXIT.later, "none fails, but some could not be made; with --advise: nobody here can tell the score"],
      ],
    },
  );
}

async function audit(options: AuditOptions, context: CommandContext): Promise<Outcome> {
  const { config } = await context.loadConfig();
  const { surroundings, terminal } = context;
  const root = path.resolve(surroundings.cwd, options.root);
  // An image has no daemon that could be asked; the one that answers here is another machine's.
  const status = root === "/" ? await statusOrNull(context) : null;
  const workers = status?.processes.flatMap(({ pid }) => (pid === null ? [] : [pid])) ?? null;
  const facts: HostFacts = {
    ...(await surroundings.lookAtHost({
      root,
      data: config.data,
      outside: options.outside ?? (config.host.outside === undefined ? null : [config.host.outside]),
      workers,
      advisories: [
        ...config.audit.advisories,
        ...(options.advisories ?? []).map((file) => path.resolve(surroundings.cwd, file)),
      ],
    })),
    now: terminal.now(),
    configured: configuredFacts(config),
    expected: [...config.audit.expected, ...(options.expect ?? [])],
    product: await productFacts(context, config, status),
  };
  const profile = options.profile ?? config.audit.profile;
  const judged = judgeHost(facts, profile);
  return {
    json: jsonOf(judged, profile),
    text: textOf(judged, profile, options.all === true, context),
    exit: exitOf(judged),
  };
}

function exitOf(judged: readonly Judged[]): number {
  const worst = worstOf(judged);
  if (worst === "critical" || worst === "high") return EXIT.failure;
  if (worst !== null) return EXIT.refused;
  return judged.some(({ verdict }) => verdict.kind === "unknown") ? EXIT.later : EXIT.done;
}

const COUNTED = ["pass", "fail", "unknown", "not-applicable"] as const;

function countsOf(judged: readonly Judged[]): Readonly<Record<Verdict["kind"], number>> {
  const count = (kind: Verdict["kind"]): number => judged.filter(({ verdict }) => verdict.kind === kind).length;
  return Object.fromEntries(COUNTED.map((kind) => [kind, count(kind)])) as Record<Verdict["kind"], number>;
}

function jsonOf(judged: readonly Judged[], profile: Profile): unknown {
  return {
    profile,
    counts: countsOf(judged),
    worst: worstOf(judged),
    checks: judged.map(({ check: { id, severity, title, means, fix, origin }, verdict }) => ({
      id,
      verdict: verdict.kind,
      said: verdict.said,
      severity,
      title,
      means,
      fix,
      origin,
    })),
  };
}

const WORDS: Readonly<Record<Verdict["kind"], { readonly text: string; readonly tone: Tone }>> = {
  pass: { text: "pass", tone: "good" },
  fail: { text: "FAIL", tone: "bad" },
  unknown: { text: "UNKNOWN", tone: "bad" },
  "not-applicable": { text: "n/a", tone: "plain" },
};

function textOf(judged: readonly Judged[], profile: Profile, all: boolean, { paint }: CommandContext): string {
  const counts = countsOf(judged);
  const shown = judged.filter(({ verdict: { kind } }) => all || kind === "fail" || kind === "unknown");
  const rows = shown.map(({ check, verdict }) => [
    WORDS[verdict.kind],
    check.id,
    check.severity,
    check.title,
    verdict.said,
  ]);
  const list = rows.length === 0 ? "" : `${table(["", "CHECK", "SEVERITY", "ASKS", "SEEN"], rows, paint)}\n`;
  const failing = judged.filter(({ verdict }) => verdict.kind === "fail");
  const fixes = failing
    .map(({ check }) => `${check.id}: ${check.means} (${check.origin})\n  fix: ${quoteOutside(check.fix, 500)}\n`)
    .join("");
  const sum = `${counts.pass} pass, ${counts.fail} FAIL, ${counts.unknown} UNKNOWN, ${counts["not-applicable"]} do not apply (profile ${profile})\n`;
  return `${list}${fixes}${fixes === "" ? "" : "\n"}${sum}`;
}
