import path from "node:path";
import * as z from "zod";
import { liveupdateDialect } from "../core/model/source.ts";
import { duration, size } from "../core/model/written-value.ts";

const absolute = z
  .string()
  .min(1)
  .max(4_096)
  .regex(/^(?:\/|[A-Za-z]:[\\/])/, "an absolute path");

const text = z
  .string()
  .max(4_096)
  .regex(/^[^\u0000]*$/, "no zero bytes");

const installing = z
  .discriminatedUnion("way", [
    z
      .strictObject({
        way: z.literal("swap"),
        folder: absolute.describe(
          "Holds versions/<sequence>/ and the symbolic link `current`, which is replaced in one step.",
        ),
      })
      .describe("The package is unpacked beside the old version, then a link is moved. A zip package is needed."),
    z
      .strictObject({
        way: z.literal("command"),
        argv: z
          .array(text)
          .min(1)
          .max(64)
          .refine(
            (argv) => absolute.safeParse(argv[0]).success,
            "the program is an absolute path: no search path, no shell",
          )
          .describe("The program and its arguments; {file}, {sequence} and {from} stand for what they say."),
        env: z
          .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), text)
          .default({})
          .describe("The command's whole environment, but for RINGFORT_FILE, RINGFORT_SEQUENCE and RINGFORT_FROM."),
        timeLimit: duration.prefault("10m").describe("Then it is ended, with all that it started."),
      })
      .describe("A command of yours is given the verified package. Nothing out of a package is ever run."),
  ])
  .describe("How an update is put into its place.");

const detector = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("state") }).describe("What the agent itself has installed."),
    z
      .strictObject({
        kind: z.literal("file"),
        file: absolute.describe("A text file of the product; its first 64 KiB are read."),
        pattern: z
          .string()
          .min(1)
          .max(256)
          .refine(isPattern, "a regular expression")
          .refine((pattern) => /(?<!\\)\((?!\?)/.test(pattern), "a first group, which takes the sequence's digits")
          .describe("Its first group is the installed sequence."),
      })
      .describe("A file in which the product itself says what it has."),
  ])
  .prefault({ kind: "state" })
  .describe("How the installed sequence is known.");

const clientProduct = z
  .strictObject({
    product: z.string().min(1).max(128),
    version: z.string().min(1).max(64),
    language: z.string().min(1).max(64).default("SymAllLanguages"),
    mount: z
      .string()
      .max(1_024)
      .regex(/^\/(?:[A-Za-z0-9._-]+\/)*$/, "a mount begins and ends with /")
      .default("/liveupdate/")
      .describe("Where the mirror shows the source, below the host's address."),
    folder: z
      .string()
      .regex(/^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*$/)
      .default("")
      .describe('A sub-folder with "/" at its end, as "streaming/".'),
    item: z.string().min(1).max(64).optional().describe("Which content, where an index counts several."),
    dialect: liveupdateDialect.prefault({}).describe("How the index text is read, as in the mirror's source."),
    detector,
    install: installing,
  })
  .refine((product) => product.install.way !== "swap" || product.detector.kind === "state", {
    path: ["detector"],
    message: "what is swapped is known by its link: leave the detector out",
  });

/** The agent's configuration. Sizes are bytes, durations milliseconds, once read. */
export const agentConfig = z
  .strictObject({
    hostFile: absolute.describe("The host file: where the mirrors are, and whom to believe."),
    state: absolute.describe("The agent's own folder: what is installed, downloads, the lock."),
    products: z.array(clientProduct).min(1).max(1_000),
    every: duration.prefault("1h").describe("How often a daemon looks."),
    jitter: duration
      .prefault("10m")
      .describe("A daemon's run begins up to so much later, so that clients do not come at once."),
    report: z.boolean().default(true).describe("Tell the mirror the result of each run, over HTTP."),
    limits: z
      .strictObject({
        packageBytes: size.prefault("2 GB").describe("Bytes of one package."),
        runBytes: size.prefault("4 GB").describe("All bytes of one run."),
        expandedBytes: size.prefault("4 GB").describe("What one package may unpack to."),
        freeDisk: size.prefault("500 MB").describe("Bytes that stay free, whatever a mirror sends."),
        bytesPerSecond: size
          .optional()
          .describe("The most that is taken from a mirror; without it, as fast as it comes."),
        leastRate: size
          .prefault("1KiB")
          .describe("Bytes a second, averaged over 30 s; a slower mirror is left for the next."),
        fileTime: duration.prefault("2h").describe("The longest that one file may take."),
      })
      .prefault({}),
  })
  .refine(({ limits }) => limits.bytesPerSecond === undefined || limits.bytesPerSecond >= 2 * limits.leastRate, {
    path: ["limits", "bytesPerSecond"],
    message: "at least twice leastRate, or the agent would take its own pace for a slow mirror",
  })
  .superRefine((config, context) => {
    const seen = new Set<string>();
    const folders = config.products.flatMap(({ install }) => (install.way === "swap" ? [install.folder] : []));
    for (const [at, one] of config.products.entries()) {
      const issue = (key: string, message: string): void =>
        context.addIssue({ code: "custom", path: ["products", at, key], message });
      const name = [one.product, one.version, one.language].join("\n").toLowerCase();
      if (seen.has(name)) issue("product", "is listed twice");
      seen.add(name);
      if (one.install.way === "swap" && folders.filter((folder) => overlap(folder, one.install)).length > 1)
        issue("install", "its folder lies in that of another product, or holds it");
      // Vendors ship programs in their packages: none of them may become ours to run.
      const program = one.install.way === "command" ? (one.install.argv[0] ?? "") : null;
      if (program !== null && [config.state, ...folders].some((folder) => isInside(program, folder)))
        issue("install", "the program lies where the agent puts what it downloads");
    }
  })
  .describe("The configuration of ringfort-agent.");

export type AgentConfig = z.infer<typeof agentConfig>;
export type ClientProduct = AgentConfig["products"][number];

function isInside(file: string, folder: string): boolean {
  const between = path.relative(path.resolve(folder), path.resolve(file));
  return between === "" || (!between.startsWith("..") && !path.isAbsolute(between));
}

function overlap(folder: string, own: { readonly way: string } & { readonly folder?: string }): boolean {
  return own.folder !== undefined && (isInside(folder, own.folder) || isInside(own.folder, folder));
}

function isPattern(pattern: string): boolean {
  try {
    return new RegExp(pattern, "u") instanceof RegExp;
  } catch {
    return false;
  }
}
