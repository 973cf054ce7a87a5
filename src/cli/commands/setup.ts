import type { Command } from "commander";
import { EXIT } from "../../core/kernel/errors.ts";
import type { Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { runSetup, type SetupOptions } from "../setup/run-setup.ts";

/** From an installed package to a service that runs. */
export function addSetupCommand(program: Command, perform: Perform): void {
  const command = program
    .command("setup")
    .description(
      "Make a running service of this machine: asks for interfaces, addresses, clients and the first source, shows what it will " +
        "write, writes the configuration, socket units, packet filter and kernel settings, starts the service and waits until it answers.",
    )
    .option("--yes", "ask nothing: take what is said here, and for the rest what would be offered")
    .option("--dry-run", "show what would be written, and write nothing")
    .option("--change", "change the configuration that is there; the old file is kept beside it")
    .option("--outside <interface>", "the interface towards the internet, or none")
    .option("--inside <interface>", "the interface towards the clients, or none")
    .option("--staging-address <address:port>", "where the channel staging is served")
    .option("--production-address <address:port>", "where the channel production is served")
    .option("--staging-clients <network...>", "networks of staging's clients, or none: whoever reaches it")
    .option("--production-clients <network...>", "networks of production's clients, or none: whoever reaches it")
    .option("--admins <network...>", "networks from which this host is administered by SSH, or none")
    .option("--resolvers <address...>", "the name servers that this host asks, or none: any, outside")
    .option("--ftp", "serve both channels by FTP too, on port 21 of their addresses")
    .option("--root <folder>", "set up the system in this folder, an image; nothing is started")
    .option("--no-start", "write, and leave the start to somebody else")
    .optionsGroup("The first source (else none; all its flags: ringfort source add --help):")
    .option("--source <name>", "what it is called")
    .option("--source-file <file>", "its whole description (YAML, docs/reference/source.md)")
    .option("--format <format>", "how the upstream is read: clamav, liveupdate or directory")
    .option("--address <url...>", "where it is: http, https, ftp or file; several are tried in order")
    .option("--checksums [file]", "directory: a checksum list names the files (else SHA256SUMS)")
    .option("--listing [depth]", "directory: the upstream lists the files, sub-folders down to a depth (else 0)")
    .option("--openpgp-key <file...>", "directory: armoured public key that signs the checksum list")
    .option("--minisign-key <key...>", "directory: minisign public key, or its file, that signs the checksum list")
    .option("--trust-none", "directory: nothing vouches for the content; it never leaves staging")
    .action((options: SetupOptions) => perform((context) => runSetup(options, context)));
  teach(command, {
    examples: [
      ["sudo ringfort setup", "the interview, on a terminal"],
      [
        "sudo ringfort setup --yes --outside eth0 --inside eth1 --staging-address 10.20.0.10:80 --production-address 10.20.0.20:80 --staging-clients 10.20.1.0/24 --production-clients 10.20.2.0/24 --source clamav --format clamav --address https://database.clamav.net/",
        "the same without a question",
      ],
      ["ringfort setup --yes --dry-run --json", "what it would write here, as a document"],
      ["ringfort setup --yes --root /srv/image --outside eth0 --inside eth1", "of an image, before it runs anywhere"],
    ],
    exits: [
      [EXIT.done, "written, and the service answers where it was started; or shown"],
      [EXIT.failure, "something could not be written, or the service does not start or answer"],
      [EXIT.usage, "no terminal and no --yes, or an answer that is none"],
      [EXIT.refused, "there is a configuration, and no --change"],
      [EXIT.later, "the service has not answered yet"],
    ],
    notes:
      "Every answer is judged where it is given, by the schema of the configuration. Run again it offers what is there. Where " +
      "--config names another file than /etc/ringfort/ringfort.yaml it writes that file alone.",
  });
}
