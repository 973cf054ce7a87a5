import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { CommandEnd, CommandWish } from "../client/doors.ts";

/** What is kept of a command's output, its end: that is where a program says what went wrong. */
const OUTPUT_CHARACTERS = 4_096;
/** Between asking a command to end and ending it. */
const GRACE = 5_000;

/**
 * Runs a declared install command: no shell, nothing on its standard input, the declared environment and nothing else,
 * in a process group of its own that ends with its time. A program that cannot be started ends with 127.
 */
export function runInstallCommand(wish: CommandWish): Promise<CommandEnd> {
  const [program, ...args] = wish.argv;
  const child = spawn(program, args, {
    cwd: wish.folder,
    env: { ...wish.env },
    shell: false,
    detached: process.platform !== "win32",
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const keep = (text: string): void => {
    output = (output + text).slice(-OUTPUT_CHARACTERS);
  };
  child.stdout.setEncoding("utf8").on("data", keep);
  child.stderr.setEncoding("utf8").on("data", keep);
  return new Promise((resolve) => {
    let late = false;
    let killer: NodeJS.Timeout | undefined;
    const limit = setTimeout(() => {
      late = true;
      signalGroup(child, "SIGTERM");
      killer = setTimeout(() => signalGroup(child, "SIGKILL"), GRACE);
    }, wish.timeLimit);
    const end = (code: number): void => {
      clearTimeout(limit);
      clearTimeout(killer);
      // What it left running may not outlive its time, nor hold our pipes.
      if (late) signalGroup(child, "SIGKILL");
      child.stdout.destroy();
      child.stderr.destroy();
      resolve(late ? { kind: "timeout" } : { kind: "exit", code, output: output.trim() });
    };
    child.once("error", (error) => {
      keep(error.message);
      end(127);
    });
    // "exit" and not "close": a child that it left behind may hold the pipes for ever. The last output is given a turn.
    child.once("exit", (code) => setImmediate(() => end(code ?? 128)));
  });
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? child.pid : -child.pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
