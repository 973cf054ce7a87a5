import { Command, CommanderError } from "commander";
import { EXIT } from "../core/kernel/errors.ts";
import { addAuditCommand } from "./commands/audit.ts";
import { addAuditLogCommands } from "./commands/audit-log.ts";
import { addBackupCommands } from "./commands/backup.ts";
import { addCanariesCommand } from "./commands/canaries.ts";
import { addChannelCommands } from "./commands/channels.ts";
import { addClientsCommand } from "./commands/clients.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addConfigCommands } from "./commands/config.ts";
import { addEvidenceCommands } from "./commands/evidence.ts";
import { addExportCommand } from "./commands/export.ts";
import { addExposureCommand } from "./commands/exposure.ts";
import { addHardenCommands } from "./commands/harden.ts";
import { addHostfileCommands } from "./commands/hostfile.ts";
import { addImageCommands } from "./commands/image.ts";
import { addKeyCommands } from "./commands/key.ts";
import { addLogCommand } from "./commands/log.ts";
import { addMetricsCommand } from "./commands/metrics.ts";
import { addNotifyCommands } from "./commands/notify.ts";
import { addObserveCommand } from "./commands/observe.ts";
import { addPolicyCommands } from "./commands/policy.ts";
import { addProposalCommands } from "./commands/proposals.ts";
import { addPublishCommand } from "./commands/publish.ts";
import { addRecallCommands } from "./commands/recall.ts";
import { addReleaseCommands } from "./commands/release.ts";
import { addRestraintCommands } from "./commands/restraints.ts";
import { addSetupCommand } from "./commands/setup.ts";
import { addSourceCommands } from "./commands/source.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addStopCommands } from "./commands/stop.ts";
import { addStoreCommands } from "./commands/store.ts";
import { addSyncCommand } from "./commands/sync.ts";
import { addTokenCommands } from "./commands/token.ts";
import { addTraceCommand } from "./commands/trace.ts";
import { addUserCommands } from "./commands/user.ts";
import { addVerifyCommand } from "./commands/verify.ts";
import { addVersionCommand } from "./commands/version.ts";
import {
  commandContext,
  type GlobalOptions,
  isRefusal,
  type Perform,
  type Surroundings,
  type Work,
} from "./context.ts";
import { teach } from "./lesson.ts";
import { report, troubleOf, troubleOfRefusal } from "./report.ts";

/** The tree of commands, each bound to `perform`. The reference page and the completions are made from it too. */
export function buildProgram(perform: Perform): Command {
  const program = new Command("ringfort")
    .description("Ringfort, a verifying mirror for security updates: sync from vendors, promote, roll back.")
    .option(
      "--config <file>",
      "the configuration file (else $RINGFORT_CONFIG, ./ringfort.yaml, /etc/ringfort/ringfort.yaml)",
    )
    .option("--socket <path>", "the daemon's control socket (else control.sock in the configured data folder)")
    .option("--json", "print one JSON document instead of text (docs/reference/json.md)")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .showHelpAfterError("ringfort help [command] tells more");
  addSetupCommand(program, perform);
  addSourceCommands(program, perform);
  addSyncCommand(program, perform);
  addChannelCommands(program, perform);
  addReleaseCommands(program, perform);
  addPolicyCommands(program, perform);
  addEvidenceCommands(program, perform);
  addProposalCommands(program, perform);
  addCanariesCommand(program, perform);
  addExposureCommand(program, perform);
  addTraceCommand(program, perform);
  addRestraintCommands(program, perform);
  addStopCommands(program, perform);
  addPublishCommand(program, perform);
  addVerifyCommand(program, perform);
  addRecallCommands(program, perform);
  addKeyCommands(program, perform);
  addStatusCommand(program, perform);
  addHostfileCommands(program, perform);
  addClientsCommand(program, perform);
  addLogCommand(program, perform);
  addUserCommands(program, perform);
  addTokenCommands(program, perform);
  addNotifyCommands(program, perform);
  addAuditCommand(program, perform);
  addAuditLogCommands(program, perform);
  addObserveCommand(program, perform);
  addStoreCommands(program, perform);
  addBackupCommands(program, perform);
  addExportCommand(program, perform);
  addConfigCommands(program, perform);
  addHardenCommands(program, perform);
  addImageCommands(program, perform);
  addCompletionCommand(program, perform);
  addMetricsCommand(program, perform);
  addVersionCommand(program, perform);
  return teach(program, {
    examples: [
      ["ringfort source add clamav --format clamav --address https://database.clamav.net/", "subscribe to a vendor"],
      ["ringfort sync clamav", "fetch, verify, and move staging"],
      ["ringfort promote clamav", "release what staging shows to production"],
      ["ringfort rollback clamav --channel production", "go back to what production showed before"],
    ],
    exits: [
      [EXIT.done, "done, or nothing new"],
      [EXIT.failure, "failure: the world broke"],
      [EXIT.usage, "usage: the command line was wrong, nothing was asked"],
      [EXIT.refused, "refused: an expected no, with a code"],
      [EXIT.later, "try later: the same call may go through"],
      [EXIT.waiting, "waiting for a sign-off"],
    ],
  });
}

/**
 * Runs one command line (without the program's own name) and returns its exit code. A bug is not caught. Results go to
 * the terminal's `out`, everything else to its `err`.
 */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { terminal } = surroundings;
  let exit: number = EXIT.done;
  const program: Command = buildProgram(async (work) => {
    exit = await runWork(work, surroundings, program.opts<GlobalOptions>());
  });
  const said: string[] = [];
  quiet(
    program,
    terminal.columns,
    (text) => said.push(text),
    (text) => terminal.out(text),
  );
  try {
    await program.parseAsync([...args], { from: "user" });
    return exit;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help that was asked for.
    if (error.exitCode === 0) return EXIT.done;
    if (!wantsJson(args)) terminal.err(said.join(""));
    else report({ kind: "usage", code: "usage", detail: usageDetail(error), exit: EXIT.usage }, terminal, true);
    return EXIT.usage;
  }
}

async function runWork(work: Work, surroundings: Surroundings, options: GlobalOptions): Promise<number> {
  const { terminal } = surroundings;
  const json = options.json === true;
  try {
    const outcome = await work(commandContext(surroundings, options));
    if (isRefusal(outcome)) return report(troubleOfRefusal(outcome), terminal, json);
    terminal.out(json ? `${JSON.stringify(outcome.json, null, 2)}\n` : outcome.text);
    return outcome.exit;
  } catch (error) {
    const trouble = troubleOf(error);
    if (trouble === null) throw error;
    return report(trouble, terminal, json);
  }
}

/** Takes commander's own words for errors aside, for under `--json` they go into a document. Sub-commands included. */
function quiet(command: Command, columns: number, err: (text: string) => void, out: (text: string) => void): void {
  command.configureOutput({
    writeErr: err,
    writeOut: out,
    getOutHelpWidth: () => columns,
    getErrHelpWidth: () => columns,
  });
  for (const inner of command.commands) quiet(inner, columns, err, out);
}

function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end === -1 ? args : args.slice(0, end)).includes("--json");
}

function usageDetail(error: CommanderError): string {
  return error.code === "commander.help" ? "a command is missing" : error.message.replace(/^error: /, "");
}
