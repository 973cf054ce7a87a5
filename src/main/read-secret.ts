import process from "node:process";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/**
 * One line from standard input, without its end; on a terminal it is asked for and not shown. `null` when the user ends
 * the input instead.
 */
export async function readSecretHere(prompt: string): Promise<string | null> {
  const { stdin, stderr } = process;
  const terminal = stdin.isTTY;
  // What readline would echo goes nowhere; the prompt is ours.
  const nowhere = new Writable({ write: (_piece, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal });
  if (terminal) stderr.write(prompt);
  return new Promise((resolve) => {
    let answer: string | null = null;
    lines.once("line", (line) => {
      answer = line;
      lines.close();
    });
    lines.once("SIGINT", () => lines.close());
    lines.once("close", () => {
      if (terminal) stderr.write("\n");
      resolve(answer);
    });
  });
}
