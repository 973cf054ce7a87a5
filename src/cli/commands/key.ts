import { randomBytes } from "node:crypto";
import path from "node:path";
import { type Command, Option } from "commander";
import { EXIT, quoteOutside } from "../../core/kernel/errors.ts";
import { type KeyFile, newMinisignKey, newX509Key } from "../../formats/signatures/key-file.ts";
import type { CommandContext, Outcome, Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { plainYaml } from "../plain-yaml.ts";
import { readKeyFile, trustOfKey, writeKeyFile } from "../publish/signing-key.ts";
import { UsageError } from "../report.ts";

interface NewOptions {
  readonly kind: "x509" | "minisign";
  readonly name: string;
}

/** Keys of our own, for content that we publish and for recalls. */
export function addKeyCommands(program: Command, perform: Perform): void {
  const key = program.command("key").description("Keys of your own, to publish and to recall with.");
  teach(
    key
      .command("new <file>")
      .description("Make a key in a new file that only you may read.")
      .addOption(
        new Option("--kind <kind>", "x509 signs LiveUpdate content, minisign signs directories and recalls")
          .choices(["x509", "minisign"])
          .makeOptionMandatory(),
      )
      .option("--name <text>", "whose key it is: the subject of its certificates", "Ringfort")
      .action((file: string, options: NewOptions) => perform((context) => made(context, file, options))),
    {
      examples: [
        ['ringfort key new campus.key --kind x509 --name "Campus updates"', "a key for LiveUpdate content"],
        ["ringfort key new recall.key --kind minisign", "a key for recalls and for directories"],
      ],
      notes:
        "The file holds the secret. Keep it off the mirror's machine where you can, and back it up: clients believe this key, " +
        "and another one has to be told to each of them.",
    },
  );
  teach(
    key
      .command("show <file>")
      .description("The public part of a key: what others need to believe it. The secret is never shown.")
      .option("--trust", "print it as the `trust` of a source's description")
      .action((file: string, { trust }: { readonly trust?: boolean }) =>
        perform(async ({ surroundings }) => {
          const read = await readKeyFile(path.resolve(surroundings.cwd, file));
          return shown(read, trust === true);
        }),
      ),
    {
      examples: [
        ["ringfort key show recall.key", "the line that clients' host files and minisign -P take"],
        ["ringfort key show campus.key --trust", "what stands in the description of a source that trusts it"],
      ],
    },
  );
}

async function made(
  { surroundings, terminal }: CommandContext,
  file: string,
  { kind, name }: NewOptions,
): Promise<Outcome> {
  if (name === "" || name.length > 64 || /\p{Cc}/u.test(name) || !name.isWellFormed())
    throw new UsageError("--name is 1 to 64 characters on one line");
  const wish = { name, now: terminal.now(), randomBytes: (count: number) => randomBytes(count) };
  const key = kind === "x509" ? newX509Key(wish) : newMinisignKey(wish);
  await writeKeyFile(path.resolve(surroundings.cwd, file), key);
  const { json, text } = shown(key, false);
  return { json, text: `${quoteOutside(file, 300)} made; its public part:\n${text}`, exit: EXIT.done };
}

function shown(key: KeyFile, asTrust: boolean): Outcome {
  const trust = trustOfKey(key);
  const { kind, name } = key;
  const json =
    key.kind === "minisign"
      ? { kind, name, publicKey: key.publicKey, trust }
      : { kind, name, certificate: key.certificate, intermediates: key.intermediates, root: key.root, trust };
  if (asTrust) return { json, text: plainYaml({ trust }), exit: EXIT.done };
  const text =
    key.kind === "minisign" ? `${key.publicKey}\n` : [key.certificate, ...key.intermediates, key.root].join("");
  return { json, text, exit: EXIT.done };
}
