// oxlint-disable-next-line import/no-unassigned-import -- it must run before anything wakes the thread pool
import "./thread-pool.ts";
import process from "node:process";
import { parseArgs } from "node:util";
import { report, troubleOf } from "../cli/report.ts";
import { EXIT } from "../core/kernel/errors.ts";
import { loadConfigHere } from "./load-config.ts";
import { type HouseOptions, openHouse } from "./open-house.ts";
import { version } from "./own-files.ts";
import { systemLogHere } from "./system-log.ts";
import { terminalHere } from "./terminal-here.ts";
import { wallKeeper } from "./wall-keeper.ts";

const USAGE = `ringfortd: the Ringfort daemon

  ringfortd [--config FILE]     runs in the foreground until SIGTERM or SIGINT
  ringfortd --version

SIGHUP has it read its certificates again; it also does so by itself, every half minute.
Without --config: $RINGFORT_CONFIG, ./ringfort.yaml, /etc/ringfort/ringfort.yaml, then ./ringfort-data
with staging on 127.0.0.1:8081 and production on 127.0.0.1:8082.
Events go to standard error, one JSON line each, unless systemLog in the configuration says otherwise. The command line "ringfort" talks to it.
`;

/** Exits at once on a bug: the store is crash-safe by design, and a daemon in an unknown state is not. */
function onBug(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(70);
}

async function run(): Promise<void> {
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      help: { type: "boolean" },
      version: { type: "boolean" },
      // Said by itself to itself, behind the wall.
      walled: { type: "boolean" },
    },
  });
  if (values.help === true || values.version === true) {
    process.stdout.write(values.help === true ? USAGE : `${version()}\n`);
    return;
  }
  const loaded = await loadConfigHere(values.config ?? null);
  if (values.walled !== true) wallKeeper(loaded);
  const { config } = loaded;
  const log = systemLogHere(config.systemLog, version());
  const echo: HouseOptions["echo"] = (line, event) => log.record(event, line);
  const house = await openHouse({ config, atStep: () => {}, echo, onBug });
  const stop = (): void => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.off(signal, stop);
    void house
      .stop()
      .finally(() => log.close())
      .then(() => process.exit(EXIT.done), onBug);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  process.on("SIGHUP", () => void house.reload().catch(onBug));
}

process.on("unhandledRejection", onBug);
run().catch((error: unknown) => {
  const terminal = terminalHere();
  const trouble = troubleOf(error);
  if (trouble !== null) {
    report(trouble, terminal, false);
    process.exitCode = EXIT.failure;
  } else if (error instanceof TypeError && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS_")) {
    process.exitCode = report(
      { kind: "usage", code: "usage", detail: error.message, exit: EXIT.usage },
      terminal,
      false,
    );
    process.stderr.write(`\n${USAGE}`);
  } else {
    onBug(error);
  }
});
