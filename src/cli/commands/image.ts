import path from "node:path";
import { type Command, Option } from "commander";
import type { ImageProgress } from "../../core/image/image-plan.ts";
import { judgeSuccession } from "../../core/image/judge-image.ts";
import { FORMATS, type ImageManifest, MANIFEST_FILE, type RootFormat } from "../../core/image/manifest.ts";
import { DATA_FOLDER } from "../../core/image/root-files.ts";
import { judgeRunningRoot } from "../../core/image/running-root.ts";
import { EXIT, quoteOutside, type Refusal, refuse } from "../../core/kernel/errors.ts";
import { SECOND } from "../../core/kernel/instant.ts";
import { formatSize } from "../../core/kernel/size.ts";
import type { Verdict } from "../../core/machine/check.ts";
import { socketUnits } from "../../core/network/socket-units.ts";
import { signManifest } from "../../formats/image/signed-manifest.ts";
import { minisignSignerOf } from "../../formats/signatures/key-file.ts";
import { type CommandContext, isRefusal, type Outcome, type Perform } from "../context.ts";
import { teach } from "../lesson.ts";
import { progressLine } from "../progress-line.ts";
import { keyFrom } from "../publish/believed-key.ts";
import { readKeyFile } from "../publish/signing-key.ts";
import { UsageError } from "../report.ts";
import { addRehearsalCommands } from "./image-rehearsal.ts";

interface BuildOptions {
  readonly key: string;
  readonly deb: string;
  readonly configuration: string;
  readonly files?: string;
  readonly name: string;
  readonly epoch?: string;
  readonly suite: string;
  readonly sources?: string;
  readonly include?: readonly string[];
  readonly format: RootFormat;
  readonly boot?: boolean;
}

interface VerifyOptions {
  readonly key: string;
  readonly after?: string;
  readonly running?: boolean;
}

/** The golden image: a root file system that is only read, and that says of each block whether it is the one that was built. */
export function addImageCommands(program: Command, perform: Perform): void {
  const image = program
    .command("image")
    .description("The golden image: built, signed, verified, and compared with what runs.");
  teach(
    image
      .command("build <folder>")
      .description(
        "Build a root file system with Ringfort and its configuration, a hash tree over it, and a signed manifest.",
      )
      .requiredOption("--key <file>", "a minisign key of ringfort key, which signs the manifest")
      .requiredOption("--deb <file>", "Ringfort's Debian package")
      .requiredOption("--configuration <file>", "the ringfort.yaml that goes in, with no secret in it")
      .option("--files <folder>", "files laid over the root: networks, a resolver, host names")
      .option("--name <name>", "the image's name, which is the host's too", "ringfort")
      .option("--epoch <time>", "the time of every file, in seconds since 1970 (else now)")
      .option("--suite <suite>", "Debian's release", "bookworm")
      .option(
        "--sources <file>",
        "apt's sources, for a mirror at a pinned state (else Debian's own archive, as it is now)",
      )
      .option("--include <package...>", "Debian packages beside those that are needed")
      .addOption(new Option("--format <format>", "the root's file system").choices(FORMATS).default("erofs"))
      .option("--boot", "a kernel too, and an initrd that opens the root by its hash and no other way")
      .action((folder: string, options: BuildOptions) => perform((context) => build(folder, options, context))),
    {
      examples: [
        [
          "sudo ringfort image build bastion-1 --key image.key --deb ringfort_0.1.0_amd64.deb --configuration bastion.yaml --boot",
          "an image that boots",
        ],
        [
          "ringfort image build bastion-1 --key image.key --deb ringfort.deb --configuration bastion.yaml --sources pinned.list --epoch 1790000000",
          "the same bytes in every build",
        ],
      ],
      notes:
        "It wants root and some minutes. Keys, passwords and ssh's host keys are refused: everybody who has the image has " +
        "what is in it. docs/image.md tells how it is written to a disk and booted.",
      exits: [
        [EXIT.failure, "a program is missing, or a step did not succeed; nothing is left of it"],
        [EXIT.refused, "something that is to go in is a secret"],
      ],
    },
  );
  teach(
    image
      .command("verify <image>")
      .description(
        "Verify an image's folder: the manifest's signature, each part, and each block against the root hash.",
      )
      .requiredOption("--key <key>", "the minisign public key that you believe, or a file that holds it")
      .option("--after <manifest>", "the manifest of the image in use: an older image is refused")
      .option("--running", "compare the running root with the manifest, instead of reading the parts")
      .action((folder: string, options: VerifyOptions) => perform((context) => verify(folder, options, context))),
    {
      examples: [
        ["ringfort image verify bastion-1 --key RWQ…", "before it is written to a disk"],
        ["ringfort image verify bastion-2 --key image.pub --after bastion-1/manifest.json", "and is it newer?"],
        ["sudo ringfort image verify manifest.json --key image.pub --running", "is that what runs here?"],
      ],
      notes:
        "It needs no daemon and no network, and no program of cryptsetup: the hash tree has a reader of our own. With --running " +
        "a manifest alone is enough, and root is needed to ask the kernel; what it does not tell is UNKNOWN.",
      exits: [
        [EXIT.done, "all of it is as it was signed"],
        [EXIT.refused, "something is not, and the code says what"],
        [EXIT.later, "with --running: the kernel does not tell"],
      ],
    },
  );
  addRehearsalCommands(image, perform);
}

async function build(folder: string, options: BuildOptions, context: CommandContext): Promise<Outcome | Refusal> {
  const { surroundings, terminal } = context;
  const at = (name: string): string => path.resolve(surroundings.cwd, name);
  const key = await readKeyFile(at(options.key));
  if (key.kind !== "minisign") throw new UsageError("--key is no minisign key: ringfort key new FILE --kind minisign");
  const signer = minisignSignerOf(key);
  const created = epochOf(options.epoch, Math.floor(terminal.now() / SECOND));
  const { config } = await surroundings.loadConfig(at(options.configuration));
  if (config.data !== DATA_FOLDER)
    throw new UsageError(
      `the configuration's data is ${quoteOutside(config.data, 300)}: in an image it is ${DATA_FOLDER}`,
    );
  const sockets = socketUnits(config);
  if ("kind" in sockets) return refuse("network.underdescribed", sockets.faults.join("\n"));
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(options.name)) throw new UsageError("--name is small letters, digits and -");
  for (const name of options.include ?? [])
    if (!/^[a-z0-9][a-z0-9+.-]+(?:\/[a-z][a-z0-9-]*)?$/.test(name))
      throw new UsageError(`"${quoteOutside(name)}" is no Debian package`);
  const line = progressLine(terminal, false);
  const built = await surroundings.images
    .build(
      {
        folder: at(folder),
        name: options.name,
        created,
        by: surroundings.version,
        deb: at(options.deb),
        configuration: at(options.configuration),
        sockets,
        files: options.files === undefined ? null : at(options.files),
        packages: options.include ?? [],
        suite: options.suite,
        sources: options.sources === undefined ? null : at(options.sources),
        format: options.format,
        boots: options.boot === true,
        publicKey: signer.publicKey,
        sign: (manifest) => signManifest(manifest, created, signer),
      },
      (progress) => line.show({ kind: "progress", ...progress }),
    )
    .finally(() => line.clear());
  if (isRefusal(built)) return built;
  const next = `next: ringfort image verify ${quoteOutside(folder, 300)} --key ${signer.publicKey}\n`;
  return { json: shown(built), text: describe(built) + next, exit: EXIT.done };
}

function epochOf(written: string | undefined, now: number): number {
  if (written === undefined) return now;
  if (!/^[1-9]\d{0,10}$/.test(written)) throw new UsageError("--epoch is a number of seconds since 1970");
  return Number(written);
}

async function verify(written: string, options: VerifyOptions, context: CommandContext): Promise<Outcome | Refusal> {
  const { surroundings, terminal } = context;
  const at = (name: string): string => path.resolve(surroundings.cwd, name);
  const keys = [await keyFrom(options.key, at)];
  const held = options.after === undefined ? null : await surroundings.images.manifest(at(options.after), keys);
  if (held !== null && isRefusal(held)) return held;
  const line = progressLine(terminal, false);
  const show = (progress: ImageProgress): void => line.show({ kind: "progress", ...progress });
  const image = await (options.running === true
    ? surroundings.images.manifest(at(manifestIn(written)), keys)
    : surroundings.images.read(at(written), keys, show)
  ).finally(() => line.clear());
  if (isRefusal(image)) return image;
  const older = held === null ? null : judgeSuccession(image, held);
  if (older !== null) return older;
  if (options.running !== true)
    return { json: { ...shown(image), running: null }, text: `verified:\n${describe(image)}`, exit: EXIT.done };
  return compared(image, judgeRunningRoot(await surroundings.images.runningRoot(), image));
}

function manifestIn(written: string): string {
  return written.endsWith(".json") ? written : path.join(written, MANIFEST_FILE);
}

/** What the kernel does not tell is neither good nor bad. */
function compared(image: ImageManifest, { kind, said }: Verdict): Outcome | Refusal {
  if (kind === "fail") return refuse("image.not-running", said);
  const unknown = kind !== "pass";
  const text = unknown ? `UNKNOWN: ${said}\n` : `this image runs: ${said}\n${describe(image)}`;
  return {
    json: { ...shown(image), running: { verdict: kind, said } },
    text,
    exit: unknown ? EXIT.later : EXIT.done,
  };
}

function shown({ name, created, root, verity, parts, packages, configuration, archives }: ImageManifest): {
  readonly [field: string]: unknown;
} {
  return {
    name,
    created,
    root,
    rootHash: verity.rootHash,
    blocks: verity.dataBlocks,
    parts,
    packages: packages.length,
    configuration: configuration.sha256,
    archives,
  };
}

function describe(image: ImageManifest): string {
  const bytes = image.parts.reduce((sum, { size }) => sum + size, 0);
  return (
    `${image.name} of ${new Date(image.created * SECOND).toISOString()}: ${image.parts.map(({ name }) => name).join(", ")} ` +
    `(${formatSize(bytes)}, ${image.packages.length} packages)\nroot hash ${image.verity.rootHash}\n`
  );
}
