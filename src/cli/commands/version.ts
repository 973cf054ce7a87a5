import type { Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import type { Perform } from "../context.ts";
import { teach } from "../lesson.ts";

export function addVersionCommand(program: Command, perform: Perform): void {
  teach(
    program
      .command("version")
      .description("The version of this command line. `ringfort status` tells the daemon's.")
      .action(() =>
        perform(async ({ surroundings: { version, isSingleFile } }) => ({
          json: { version, singleFile: isSingleFile },
          text: `ringfort ${version}\n${isSingleFile ? "one file: the command line. The daemon is in the package and in the container image.\n" : ""}`,
          exit: EXIT.done,
        })),
      ),
    { examples: [["ringfort version", "print it"]] },
  );
}
