#!/usr/bin/env node
import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod";
import type { Surroundings } from "../cli/context.ts";
import { runCommandLine } from "../cli/program.ts";
import type { Terminal } from "../cli/terminal.ts";
import { loadConfigHere } from "./load-config.ts";

/** Who runs this, as the operating system names them; a container's user may have a number only. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}

/** The command line: `ringfort`. It talks to the daemon and touches nothing else. */
const { stdout, stderr, env } = process;

const terminal: Terminal = {
  out: (text) => void stdout.write(text),
  err: (text) => void stderr.write(text),
  outIsTerminal: stdout.isTTY,
  errIsTerminal: stderr.isTTY,
  // https://no-color.org: present and not empty.
  colour: (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
  columns: stderr.columns ?? stdout.columns ?? 80,
  now: () => Date.now(),
  minutesAhead: (at) => -new Date(at).getTimezoneOffset(),
};

const surroundings: Surroundings = {
  terminal,
  cwd: process.cwd(),
  user: userName(),
  version: z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"))).version,
  loadConfig: loadConfigHere,
  pause: async (milliseconds) => {
    await wait(milliseconds);
    return true;
  },
};

// `ringfort log | head` closes the pipe early; that is the reader's right and no bug.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await runCommandLine(process.argv.slice(2), surroundings);
