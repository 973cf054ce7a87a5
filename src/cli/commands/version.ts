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
        perform(async ({ surroundings: { version } }) => ({
          json: { version },
          text: `ringfort ${version}\n`,
          exit: EXIT.done,
        })),
      ),
    { examples: [["ringfort version", "print it"]] },
  );
}
