import path from "node:path";
import type { Command } from "commander";
import { EXIT, Failure, type Refusal } from "../../core/kernel/errors.ts";
import type { Trust } from "../../core/model/source.ts";
import { hostsFor } from "../../core/publish/choose-hosts.ts";
import { hostFileFaults } from "../../core/publish/choose-hosts-faults.ts";
import type { Results } from "../../wire/requests.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { changesBetween } from "../hostfile-changes.ts";
import { checkHosts, exitOfCheck } from "../hostfile-check.ts";
import { type EditFlags, edited, type Learnt, minisignKeys } from "../hostfile-edit.ts";
import { readHostFile, refuseWrong, writeHostFile } from "../hostfile-store.ts";
import { checkTable, faultLines, hostFileText, shownFile } from "../hostfile-text.ts";
import { teach } from "../lesson.ts";
import { UsageError } from "../report.ts";
import { table } from "../table.ts";
import { addExport } from "./hostfile-export.ts";

/** The files that tell clients where their mirror is, and whom to believe. */
export function addHostfileCommands(program: Command, perform: Perform): void {
  const hostfile = program
    .command("hostfile")
    .description("Host files, which tell clients where their mirrors are and whom to believe.");
  addEdit(hostfile, perform);
  addShow(hostfile, perform);
  addExport(hostfile, perform);
  addCheck(hostfile, perform);
}

function addEdit(hostfile: Command, perform: Perform): void {
  const command = hostfile
    .command("edit <file>")
    .description("Change a host file, or begin one with --new. The old file stays until the new one is on the disk.")
    .option("--new", "begin a file that is not there yet")
    .option("--deployment <name>", "whose file it is")
    .option("--channel <name>", "the channel that every mirror in it serves")
    .option("--add <fields...>", "a mirror: name=,type=,address=,subnet=,mask=,order=,login=,password-file=")
    .option("--set <fields...>", "change the mirror called name=; an empty field goes away, rename= renames")
    .option("--remove <name...>", "take mirrors out")
    .option("--from-daemon", "add the addresses at which the daemon serves the channel")
    .option("--trust-source <source...>", "believe whom these sources of the daemon believe (liveupdate, minisign)")
    .option("--minisign-key <key...>", "a key, or its file, that signs directory content of our own")
    .option("--recall-key <key...>", "a key, or its file, that may take clients back")
    .option("--drop-key <key...>", "believe this key, or the one in its file, no longer")
    .action((file: string, flags: EditFlags) => perform((context) => edit(file, flags, context)));
  teach(command, {
    examples: [
      [
        "ringfort hostfile edit staging.json --new --deployment campus --channel staging --from-daemon",
        "the file of the staging machines",
      ],
      [
        "ringfort hostfile edit production.json --add name=HQ,type=http,address=http://10.0.0.5:8082/,subnet=10.0.0.0/8",
        "a mirror for one network",
      ],
      [
        "ringfort hostfile edit production.json --set name=HQ,order=10,subnet=",
        "change it, and let all networks use it",
      ],
      ["ringfort hostfile edit production.json --trust-source liveupdate campus", "believe whom these two believe"],
    ],
    exits: [
      [EXIT.done, "written, or nothing to change"],
      [EXIT.failure, "the file cannot be read or written, or would be wrong"],
      [EXIT.usage, "the flags make no host file"],
      [EXIT.later, "somebody else has written it meanwhile, or the daemon does not answer"],
    ],
  });
}

async function edit(written: string, flags: EditFlags, context: CommandContext): Promise<Outcome | Refusal> {
  const file = path.resolve(context.surroundings.cwd, written);
  if (Object.keys(flags).length === 0)
    throw new UsageError(
      "say what to change (ringfort help hostfile edit); no editor is started: this program starts none",
    );
  const held = flags.new === true ? null : await readHostFile(file);
  const learnt = await learn(flags, held?.value.channel ?? null, context);
  if (isRefusal(learnt)) return learnt;
  const value = edited(held?.value ?? null, flags, learnt);
  refuseWrong(value);
  const changes = changesBetween(held?.value ?? null, value);
  if (held === null || changes.length > 0) await writeHostFile(file, value, held);
  const faults = hostFileFaults(value);
  const rows = changes.map(({ what, from, to }) => [what, from, to]);
  const text =
    changes.length === 0 ? `${written} stays as it is\n` : table(["CHANGED", "FROM", "TO"], rows, context.paint);
  return { json: { file, changes, faults }, text: text + faultLines(faults, context), exit: EXIT.done };
}

/** Asks the daemon and reads the key files that the flags name, before anything is written. */
async function learn(flags: EditFlags, held: string | null, context: CommandContext): Promise<Learnt | Refusal> {
  const { cwd } = context.surroundings;
  const keys = {
    minisign: await minisignKeys("--minisign-key", flags.minisignKey, cwd),
    recall: await minisignKeys("--recall-key", flags.recallKey, cwd),
    drop: await minisignKeys("--drop-key", flags.dropKey, cwd),
  };
  const addresses = flags.fromDaemon === true ? await servedAt(flags.channel ?? held, context) : [];
  if ("kind" in addresses) return addresses;
  const trusts: Trust[] = [];
  for (const source of flags.trustSource ?? []) {
    const shown = await context.ask({ verb: "source-show", source });
    if (isRefusal(shown)) return shown;
    const { trust } = shown.spec;
    if (trust.kind !== "liveupdate" && trust.kind !== "minisign")
      throw new UsageError(
        `--trust-source: the source trusts by ${trust.kind}; a host file holds liveupdate and minisign`,
      );
    trusts.push(trust);
  }
  return { addresses, trusts, ...keys };
}

async function servedAt(channel: string | null, context: CommandContext): Promise<Learnt["addresses"] | Refusal> {
  if (channel === null) throw new UsageError("--from-daemon needs to know the channel: --channel");
  const status = await context.ask({ verb: "status" });
  if (isRefusal(status)) return status;
  const served = status.channels.find((one) => one.channel === channel);
  const urls = [namedUrl(served), served?.url ?? null, served?.ftp ?? null].filter((url) => url !== null);
  if (urls.length === 0) throw new Failure("channel.unknown", `the daemon serves no channel ${channel}`);
  return urls.map((url) => {
    const { host, protocol } = new URL(url);
    return { name: `${channel} at ${host}${BY[protocol] ?? ""}`, url };
  });
}

const BY: Readonly<Record<string, string>> = { "ftp:": " by FTP", "https:": " by HTTPS" };

/** HTTPS under the first name that its certificate speaks for: a client would not believe it under an address. */
function namedUrl(served: Results["status"]["channels"][number] | undefined): string | null {
  if (served === undefined || served.https === null) return null;
  const names = served.certificates.find(({ by }) => by === "https")?.names ?? [];
  const name = names.flatMap((each) => /^DNS:([^*]+)$/.exec(each)?.[1] ?? [])[0];
  if (name === undefined) return served.https;
  const url = new URL(served.https);
  url.hostname = name;
  return url.href;
}

function addShow(hostfile: Command, perform: Perform): void {
  const command = hostfile
    .command("show <file>")
    .description("What a host file says, and the order in which a client would ask its mirrors.")
    .option("--for <address...>", "show them for a client with these IP addresses")
    .action((written: string, { for: addresses }: { readonly for?: readonly string[] }) =>
      perform(async (context) => {
        const { value } = await readHostFile(path.resolve(context.surroundings.cwd, written));
        const faults = hostFileFaults(value);
        const asked = addresses === undefined ? null : hostsFor(value, addresses);
        const text = hostFileText(value, asked, context) + faultLines(faults, context);
        const json = {
          file: shownFile(value),
          faults,
          ...(asked === null ? {} : { asked: asked.map(({ name }) => name) }),
        };
        return { json, text, exit: EXIT.done };
      }),
    );
  teach(command, {
    examples: [
      ["ringfort hostfile show production.json", "all of it"],
      ["ringfort hostfile show production.json --for 10.1.2.3", "whom the client at 10.1.2.3 asks, in which order"],
    ],
  });
}

function addCheck(hostfile: Command, perform: Perform): void {
  const command = hostfile
    .command("check <file>")
    .description("Connect to every mirror of a host file and see whether it serves the file's channel.")
    .action((written: string) =>
      perform(async (context) => {
        const { value } = await readHostFile(path.resolve(context.surroundings.cwd, written));
        const { surroundings, terminal } = context;
        const hosts = await checkHosts(
          value,
          (entry) => surroundings.probe(entry),
          () => terminal.now(),
        );
        const text = checkTable(value, hosts, context) + faultLines(hostFileFaults(value), context);
        return { json: { channel: value.channel, hosts }, text, exit: exitOfCheck(hosts) };
      }),
    );
  teach(command, {
    notes:
      "It connects from this machine, as a client would: over each mirror's own transport, for at most five seconds. A\npassword is read from the mirror's passwordFile, where that file is on this machine too.",
    examples: [["ringfort hostfile check production.json", "ask every mirror for its channel"]],
    exits: [
      [EXIT.done, "every mirror answers and serves the channel"],
      [EXIT.failure, "a mirror does not answer, is no channel of Ringfort, or there is none"],
      [EXIT.refused, "a mirror serves another channel: its clients would get what is not meant for them"],
    ],
  });
}
