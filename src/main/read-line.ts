import process from "node:process";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/**
 * One line from standard input, without its end; on a terminal it is asked for and not shown. `null` when the user ends
 * the input instead.
 */
export async function readSecretHere(prompt: string): Promise<string | null> {
  // What readline would echo goes nowhere; the prompt is ours.
  const nowhere = new Writable({ write: (_piece, _encoding, done) => done() });
  if (process.stdin.isTTY) process.stderr.write(prompt);
  const line = await readLine(nowhere, "");
  if (process.stdin.isTTY) process.stderr.write("\n");
  return line;
}

/** Whether the person at the terminal says yes; anything else is a no. */
export async function confirmHere(question: string): Promise<boolean> {
  return /^y(es)?$/i.test(((await readLine(process.stderr, question)) ?? "").trim());
}

/** What is typed after a question, as it is shown; `null` when the user ends the input instead. */
export async function readAnswerHere(question: string): Promise<string | null> {
  return await readLine(process.stderr, question);
}

async function readLine(output: NodeJS.WritableStream, prompt: string): Promise<string | null> {
  const { stdin } = process;
  const lines = createInterface({ input: stdin, output, terminal: stdin.isTTY, prompt });
  if (prompt !== "") lines.prompt();
  return new Promise((resolve) => {
    let answer: string | null = null;
    lines.once("line", (line) => {
      answer = line;
      lines.close();
    });
    lines.once("SIGINT", () => lines.close());
    lines.once("close", () => resolve(answer));
  });
}
