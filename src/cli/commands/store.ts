import type { Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import { formatSize } from "../../core/kernel/size.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { table } from "../table.ts";
import { addCollection } from "./collection.ts";

/** Caring for the store: check and collect. */
export function addStoreCommands(program: Command, perform: Perform): void {
  const store = program.command("store").description("The store of verified bytes.");
  teach(
    store
      .command("check")
      .description("Read every blob again and compare it with the digest that is its name.")
      .option("--repair", "fetch again what is damaged or missing")
      .action(({ repair }: { readonly repair?: boolean }) =>
        perform(async (context) => {
          const answer = await context.ask({ verb: "store-check", repair: repair === true, by: context.by });
          if (isRefusal(answer)) return answer;
          const whole = answer.damaged.every(({ repaired }) => repaired);
          return { json: answer, text: checked(answer, context), exit: whole ? EXIT.done : EXIT.failure };
        }),
      ),
    {
      examples: [
        ["ringfort store check", "look"],
        ["ringfort store check --repair", "look and mend"],
      ],
      exits: [
        [EXIT.done, "everything is whole, or was repaired"],
        [EXIT.failure, "something is damaged or missing"],
      ],
    },
  );
  addCollection(program, perform);
}

function checked(check: Results["store-check"], { paint }: CommandContext): string {
  const head = `${counted(check.checked, "blob")} checked, ${formatSize(check.bytes)}: ${check.damaged.length} damaged or missing, ${check.unreferenced} named by no revision\n`;
  if (check.damaged.length === 0) return head;
  const rows = check.damaged.map(({ sha256, state, places, repaired }) => [
    sha256.slice(0, 16),
    repaired ? ({ text: "repaired", tone: "good" } as const) : ({ text: state, tone: "bad" } as const),
    places.map(({ source, revision, path }) => `${source} ${revision} ${path}`).join(", ") || null,
  ]);
  const next = check.damaged.some(({ repaired }) => !repaired)
    ? "next: ringfort store check --repair fetches them again\n"
    : "";
  return `${head}\n${table(["BLOB", "STATE", "IN"], rows, paint)}${next}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
