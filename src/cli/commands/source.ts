import path from "node:path";
import type { Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import { type SourceSpec, sourceSpec } from "../../core/model/source.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { plainYaml } from "../plain-yaml.ts";
import { UsageError } from "../report.ts";
import { revisionTable } from "../revision-table.ts";
import { type SourceFlags, sourceFromFlags } from "../source-flags.ts";
import { sourceTable } from "../source-table.ts";
import { facts } from "../table.ts";
import { timeAndDistance } from "../time-text.ts";
import { readYamlFile } from "../yaml-file.ts";

export function addSourceCommands(program: Command, perform: Perform): void {
  const source = program.command("source").description("Subscriptions to vendors: add, change, look at, remove.");
  addAdd(source, perform);
  teach(
    source
      .command("change <name>")
      .description("Replace a source's description. What it holds stays; the next sync goes by the new description.")
      .requiredOption("--from <file>", "the description (YAML, docs/reference/source.md)")
      .action((name: string, { from }: { readonly from: string }) =>
        perform(async (context) => {
          const spec = await described(from, name, context);
          const answer = await context.ask({ verb: "source-change", spec, by: context.by });
          return isRefusal(answer) ? answer : done(answer, `source ${name} changed\n`);
        }),
      ),
    {
      examples: [
        ["ringfort source show clamav --yaml > clamav.yaml", "write the description to a file"],
        ["ringfort source change clamav --from clamav.yaml", "hand it back, edited"],
      ],
    },
  );
  teach(
    source
      .command("list")
      .description("Every source with its last run and its next.")
      .action(() =>
        perform(async (context) => {
          const answer = await context.ask({ verb: "source-list" });
          return isRefusal(answer) ? answer : done(answer, sourceTable(answer.sources, context));
        }),
      ),
    { examples: [["ringfort source list", "show all sources"]] },
  );
  teach(
    source
      .command("show <name>")
      .description("One source: its description, its last run, its revisions.")
      .option("--yaml", "print the description as a file that --from takes")
      .action((name: string, { yaml }: { readonly yaml?: boolean }) =>
        perform(async (context) => {
          const answer = await context.ask({ verb: "source-show", source: name });
          if (isRefusal(answer)) return answer;
          return done(answer, yaml === true ? plainYaml(answer.spec) : shown(answer, context));
        }),
      ),
    {
      examples: [
        ["ringfort source show clamav", "show one source"],
        ["ringfort source show clamav --yaml", "print its description"],
      ],
    },
  );
  teach(
    source
      .command("remove <name>")
      .description("Forget a source with its revisions. One that a channel still shows is not removed without --force.")
      .option("--force", "remove it even while clients are served from it")
      .action((name: string, { force }: { readonly force?: boolean }) =>
        perform(async (context) => {
          const answer = await context.ask({
            verb: "source-remove",
            source: name,
            force: force === true,
            by: context.by,
          });
          return isRefusal(answer)
            ? answer
            : done(answer, `source ${name} removed; ringfort gc frees what only it held\n`);
        }),
      ),
    { examples: [["ringfort source remove old-vendor", "forget a source that no channel shows"]] },
  );
}

interface AddOptions extends SourceFlags {
  readonly from?: string;
}

function addAdd(source: Command, perform: Perform): void {
  const command = source
    .command("add <name>")
    .description("Subscribe to a vendor: from flags, or from a description file with --from.")
    .option(
      "--from <file>",
      "take the whole description from a file (YAML, docs/reference/source.md); no other flag beside it",
    )
    .option("--format <format>", "how the upstream is read: clamav, liveupdate or directory")
    .option("--address <url...>", "where it is: http, https, ftp or file; several are tried in order")
    .option("--database <name...>", "clamav: database names without their ending (else main daily bytecode)")
    .option("--cdiffs <count>", "clamav: how many incremental patches are carried for clients (else 30)")
    .option("--sign-root <file...>", "clamav: PEM certificate that detached .sign files must chain to")
    .option("--file <path...>", "directory: the file names are these")
    .option("--checksums [file]", "directory: a checksum list names the files (else SHA256SUMS)")
    .option(
      "--listing [depth]",
      "directory: the upstream lists the files, sub-folders down to a depth (else 0); liveupdate: it lists the indexes, in these folders (. is the top; as .,streaming/)",
    )
    .option("--product <product...>", 'liveupdate: "PRODUCT;VERSION;LANGUAGE;FOLDER/", the last two may be left out')
    .option("--full", "liveupdate: the old index of everything, livetri.zip")
    .option("--extra <path...>", "liveupdate: files with their own guard, as SymantecProductCatalog.zip")
    .option("--select <key=pattern...>", "liveupdate: only this product=, version= or language= (* is any text)")
    .option("--newest", "liveupdate: only packages that lead to a product's newest sequence")
    .option("--signer <file...>", "liveupdate: PEM certificate of a signer; no other is taken, whoever issued it")
    .option("--intermediate <file...>", "liveupdate: PEM certificate between signers and anchors")
    .option(
      "--anchor <file...>",
      "liveupdate: PEM root certificate; with ,time=checked, at-signing or ignored and ,usage=code-signing or any",
    )
    .option("--legacy-sha1", "liveupdate: take what is bound and signed by SHA-1, for content that has nothing better")
    .option("--openpgp-key <file...>", "directory: armoured public key that signs the checksum list")
    .option("--minisign-key <key...>", "directory: minisign public key, or its file, that signs the checksum list")
    .option("--signature <path>", "directory: the detached signature, where it has an unusual name")
    .option("--threshold <count>", "directory: how many of the keys must have signed (else 1)")
    .option("--pin <path=sha256...>", "directory: files and the digests that they must have")
    .option("--trust-none", "directory: nothing vouches for the content; it never leaves staging")
    .option("--schedule <when>", '"manual", "every 1h", or a cron pattern (else every 1h)')
    .option("--jitter <time>", "a run begins up to so much later (else 5m)")
    .option("--mount <path>", "where clients find it below a channel's address (else /NAME/)")
    .option("--include <pattern...>", "only paths that match (* within a segment, ** across)")
    .option("--exclude <pattern...>", "no paths that match")
    .option("--budget <key=value...>", "ceilings: bytes, artifactBytes, files, wallTime, leastRate, growth, ...")
    .option("--keep <count>", "how many revisions are kept at least (else 10)")
    .option("--keep-younger <age>", "revisions younger than this are kept (else 7d)")
    .option("--proxy <url>", "an HTTP proxy: http://host:port")
    .option("--proxy-login <user:passwordfile>", "the login at the proxy")
    .option("--login <user:passwordfile>", "the login at the upstream")
    .option("--ca <file...>", "PEM certificate trusted for https beside the system's own")
    .option("--allow-inside", "redirects may lead to loopback and private addresses")
    .option("--allow-scheme-change", "redirects may change http to https or back")
    .option("--parallel <count>", "transfers at once (else 8)")
    .action((name: string, { from, ...flags }: AddOptions) =>
      perform(async (context) => {
        if (from !== undefined && Object.keys(flags).length > 0)
          throw new UsageError("--from takes the whole description from a file; no other flag goes beside it");
        const spec =
          from === undefined
            ? await sourceFromFlags(name, flags, context.surroundings.cwd)
            : await described(from, name, context);
        const answer = await context.ask({ verb: "source-add", spec, by: context.by });
        return isRefusal(answer) ? answer : done(answer, `source ${name} added; next: ringfort sync ${name}\n`);
      }),
    );
  teach(command, {
    examples: [
      ["ringfort source add clamav --format clamav --address https://database.clamav.net/", "ClamAV's databases"],
      [
        "ringfort source add tools --format directory --address https://vendor.example/pub/ --checksums --openpgp-key vendor.asc",
        "files named by a signed SHA256SUMS",
      ],
      [
        'ringfort source add defs --format liveupdate --address http://vendor.example/ --product "Example AV Definitions;1.0" --signer leaf.pem --intermediate ca.pem --anchor root.pem',
        "one product of a LiveUpdate vendor",
      ],
      [
        "ringfort source add rules --format directory --address ftp://vendor.example/ --listing 1 --trust-none",
        "an unsigned folder, for staging only",
      ],
      ["ringfort source add big --from big.yaml", "everything from a description file"],
    ],
    exits: [
      [EXIT.done, "added"],
      [EXIT.failure, "the name is taken, or the description is not valid"],
      [EXIT.usage, "the flags make no description"],
    ],
  });
}

/** A description from a file, for the source of this name. */
async function described(file: string, name: string, context: CommandContext): Promise<SourceSpec> {
  const whole = path.resolve(context.surroundings.cwd, file);
  const spec = await readYamlFile(whole, sourceSpec, { unreadable: "config.unreadable", invalid: "source.invalid" });
  if (spec.name !== name) throw new UsageError(`${file} describes the source "${spec.name}", not "${name}"`);
  return spec;
}

function shown({ summary, spec, revisions }: Results["source-show"], context: CommandContext): string {
  const { paint, terminal } = context;
  const run = summary.lastRun;
  const head = facts(
    [
      ["source", spec.name],
      ["format", spec.feed.format],
      ["trust", { text: spec.trust.kind, tone: spec.trust.kind === "none" ? "bad" : "plain" }],
      ["addresses", spec.addresses.join(", ")],
      ["mount", spec.mount ?? `/${spec.name}/`],
      ["schedule", spec.schedule],
      ["next run", summary.syncing ? "under way" : timeAndDistance(summary.nextRun, terminal)],
      [
        "last run",
        run === null
          ? null
          : `${timeAndDistance(run.endedAt, terminal)}: ${run.outcome}${run.code === null ? "" : ` (${run.code})`}`,
      ],
      ["revisions", String(revisions.length)],
    ],
    paint,
  );
  return revisions.length === 0 ? head : `${head}\n${revisionTable(revisions, context)}`;
}

function done(json: unknown, text: string): Outcome {
  return { json, text, exit: EXIT.done };
}
