import path from "node:path";
import type { Command } from "commander";
import { EXIT, quoteOutside, type Refusal } from "../../core/kernel/errors.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { progressLine } from "../progress-line.ts";
import { keyFrom } from "../publish/believed-key.ts";
import { realFolder } from "../publish/folder-files.ts";
import { verifyDirectory } from "../publish/verify-directory.ts";
import { localTime } from "../time-text.ts";

/** What was published, verified by whoever received it. */
export function addVerifyCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("verify <folder> [files...]")
      .description(
        "Verify a published folder, such as a release of Ringfort: the signature over SHA256SUMS, and each file.",
      )
      .requiredOption("--key <key>", "the minisign public key that you believe, or a file that holds it")
      .action((folder: string, files: readonly string[], { key }: { readonly key: string }) =>
        perform((context) => verified(context, folder, files, key)),
      ),
    {
      examples: [
        [
          "ringfort verify ringfort-0.1.0/ --key RWQ…",
          "all of a release: each file as signed, and nothing beside them",
        ],
        ["ringfort verify . ringfort_0.1.0_amd64.deb --key release.pub", "this one file of it"],
      ],
      exits: [
        [EXIT.done, "everything is there as it was signed"],
        [EXIT.refused, "something is not, and the code says what"],
      ],
      notes:
        "It needs no daemon, no configuration and no network. Take the key from somewhere else than the folder: one that came " +
        "along with the files was written by whoever wrote the files. An old release is as validly signed as a new one; the time " +
        "of the signature is shown.",
    },
  );
}

async function verified(
  { surroundings, terminal }: CommandContext,
  folder: string,
  files: readonly string[],
  key: string,
): Promise<Outcome | Refusal> {
  const believed = await keyFrom(key, (name) => path.resolve(surroundings.cwd, name));
  const line = progressLine(terminal, false);
  const answer = await verifyDirectory({
    folder: await realFolder(path.resolve(surroundings.cwd, folder)),
    key: believed,
    files,
    progress: (done, total) => line.show({ kind: "progress", phase: "hashing", done, total, unit: "files" }),
  }).finally(() => line.clear());
  if (isRefusal(answer)) return answer;
  const when = answer.signedAt === null ? "" : `, signed ${localTime(answer.signedAt, terminal)}`;
  const each = answer.files.map((file) => `  ${quoteOutside(file.path, 300)}\n`).join("");
  const text = `verified: ${answer.files.length} files as listed by the key ${answer.signer}${when}\n${each}`;
  return { json: answer, text, exit: EXIT.done };
}
