import * as z from "zod";
import { alarmSpec, checkName, checkSpec } from "./check.ts";
import { retentionRule } from "./retention-rule.ts";
import { address, artifactPath, duration, size } from "./written-value.ts";

export const sourceName = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    "a name is 1 to 63 of a-z, 0-9 and -, and neither begins nor ends with -",
  );

export const channelName = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
    "a channel's name is 1 to 63 of a-z, 0-9 and -, and begins with a letter",
  );

const clamavFeed = z.strictObject({
  format: z.literal("clamav"),
  databases: z
    .array(z.string().regex(/^[A-Za-z0-9_-]{1,64}$/))
    .min(1)
    .max(64)
    .default(["main", "daily", "bytecode"])
    .describe("Database names without their ending."),
  cdiffs: z
    .int()
    .min(0)
    .max(200)
    .default(30)
    .describe("How many incremental patches behind the newest version are carried for clients."),
});

const directoryFeed = z.strictObject({
  format: z.literal("directory"),
  list: z
    .discriminatedUnion("kind", [
      z
        .strictObject({
          kind: z.literal("files"),
          files: z.array(artifactPath).min(1).max(100_000).describe("Paths below the address."),
        })
        .describe("The file names are written down here."),
      z
        .strictObject({
          kind: z.literal("listing"),
          depth: z.int().min(0).max(16).default(0).describe("How many levels of sub-folders are followed."),
        })
        .describe("The upstream lists them: an HTTP index page, an FTP directory, or a folder."),
      z
        .strictObject({
          kind: z.literal("checksums"),
          file: artifactPath.default("SHA256SUMS").describe("The list's path below the address."),
        })
        .describe("A checksum list names them: GNU or BSD style, SHA-256 or SHA-512."),
    ])
    .describe("Where the file names come from."),
});

const namePattern = z.string().min(1).max(256);
const namePatterns = z.array(namePattern).min(1).max(256).default(["*"]);

/**
 * Which keys of an index text (`.tri`) mean what. The vendor's grammar is undocumented: nothing is claimed of it, and
 * whoever lawfully holds a real file describes it here. Keys are compared without regard to case.
 */
export const liveupdateDialect = z.strictObject({
  section: z.string().max(64).default("Package*").describe("Sections that each describe one package (a pattern)."),
  product: z.string().max(64).default("Product"),
  version: z.string().max(64).default("Version"),
  language: z.string().max(64).default("Language"),
  item: z.string().max(64).default("ItemSeqName").describe("Which content of the product the sequence counts."),
  sequence: z.string().max(64).default("ItemSeqData").describe("The sequence that the package brings a client to."),
  from: z.string().max(64).default("ItemSeqFrom").describe("The sequence that a delta starts from."),
  file: z.string().max(64).default("FileName"),
  size: z.string().max(64).default("Size").describe("Bytes."),
  sha1: z.string().max(64).default("SHA1"),
  sha256: z.string().max(64).default("SHA256"),
});

const liveupdateFeed = z.strictObject({
  format: z.literal("liveupdate"),
  index: z
    .discriminatedUnion("kind", [
      z
        .strictObject({
          kind: z.literal("products"),
          products: z
            .array(
              z.strictObject({
                product: z.string().min(1).max(128),
                version: z.string().min(1).max(64),
                language: z.string().min(1).max(64).default("SymAllLanguages"),
                folder: z
                  .string()
                  .regex(/^(?:[A-Za-z0-9._-]+\/)*$/)
                  .default("")
                  .describe('A sub-folder with "/" at its end, as "streaming/".'),
              }),
            )
            .min(1)
            .max(1_000),
        })
        .describe("Products that are written down: the name of each one's index is computed from it."),
      z
        .strictObject({
          kind: z.literal("listing"),
          folders: z
            .array(z.string().regex(/^(?:[A-Za-z0-9._-]+\/)*$/))
            .min(1)
            .max(16)
            .default([""]),
        })
        .describe("Every `*_livetri.zip` that the upstream lists; `select` takes from them."),
      z.strictObject({ kind: z.literal("full") }).describe("The old index of everything, `livetri.zip`."),
      z
        .strictObject({ kind: z.literal("none") })
        .describe("No index: only `extras`, for the catalog as a source of its own."),
    ])
    .describe("Which indexes are read."),
  select: z
    .strictObject({ product: namePatterns, version: namePatterns, language: namePatterns })
    .prefault({})
    .describe(
      "Patterns with `*`, without regard to case, over what the signed index says; `all` as a language is `*`.",
    ),
  updates: z
    .enum(["new", "all"])
    .default("all")
    .describe(
      "`new`: of each product only packages that lead to its newest sequence; `all`: every package an index names.",
    ),
  extras: z
    .array(artifactPath)
    .max(64)
    .default([])
    .describe("Files that carry their own guard: SymantecProductCatalog.zip, *.jdb."),
  dialect: z
    .union([z.literal("opaque"), liveupdateDialect])
    .prefault({})
    .describe("How the index text is read; `opaque` reads it not at all: names are then bound by the guard alone."),
});

export const feed = z
  .discriminatedUnion("format", [
    clamavFeed.describe("ClamAV's signature databases with their incremental patches."),
    liveupdateFeed.describe("LiveUpdate: signed indexes per product with the packages that they name."),
    directoryFeed.describe("Plain files: written down, listed by the upstream, or named by a checksum list."),
  ])
  .describe("How the upstream's index is read.");

const threshold = z.int().min(1).max(16).default(1).describe("How many different keys must have signed.");
const signaturePath = artifactPath
  .optional()
  .describe("The detached signature's path below the address, where it is not beside the list under its usual name.");

const certificatePem = z.string().max(65_536);

/** Trust in LiveUpdate guards; `formats/signatures/pinned-cms.ts` says how each field is applied. */
export const liveupdateTrust = z.strictObject({
  kind: z.literal("liveupdate"),
  signers: z
    .array(certificatePem)
    .min(1)
    .max(16)
    .describe("PEM certificates of the signers: another signer under the same root is refused."),
  intermediates: z
    .array(certificatePem)
    .max(16)
    .default([])
    .describe("PEM certificates between signers and anchors; those inside a signature are never used."),
  anchors: z
    .array(
      z.strictObject({
        certificate: certificatePem,
        time: z
          .enum(["checked", "at-signing", "ignored"])
          .default("checked")
          .describe("Validity times of the chain: against our clock, against the guard's own date, or not at all."),
        usage: z
          .enum(["code-signing", "any"])
          .default("code-signing")
          .describe("What the chain's extended key usages must allow, where it states any."),
      }),
    )
    .min(1)
    .max(16)
    .describe("Roots, each with what is asked of chains that end in it."),
  profile: z
    .enum(["modern", "legacy-sha1"])
    .default("modern")
    .describe("`legacy-sha1` accepts SHA-1 in guards and signatures, for content that carries nothing better."),
  innerGuard: z
    .enum(["required", "where-present"])
    .default("required")
    .describe("Whether a zip package must carry a guard over its own members."),
});

export const trust = z
  .discriminatedUnion("kind", [
    liveupdateTrust.describe("Pinned signers over LiveUpdate guards, under anchors with a policy each."),
    z
      .strictObject({
        kind: z.literal("clamav"),
        roots: z
          .array(z.string().max(65_536))
          .max(16)
          .default([])
          .describe("PEM certificates that the detached `.sign` files must chain to."),
      })
      .describe("The ClamAV production keys, which Ringfort knows."),
    z
      .strictObject({
        kind: z.literal("openpgp"),
        keys: z.array(z.string().max(1_000_000)).min(1).max(16).describe("Armoured public keys."),
        signature: signaturePath,
        threshold,
      })
      .describe("A detached or clear-text OpenPGP signature over the checksum list."),
    z
      .strictObject({
        kind: z.literal("minisign"),
        keys: z
          .array(z.string().regex(/^RW[A-Za-z0-9+/]{54}$/, "a minisign public key is 56 characters that begin with RW"))
          .min(1)
          .max(16)
          .describe("The base64 lines of public keys."),
        signature: signaturePath,
        threshold,
      })
      .describe("A minisign signature over the checksum list."),
    z
      .strictObject({
        kind: z.literal("pinned"),
        digests: z
          .record(artifactPath, z.string().regex(/^[0-9a-f]{64}$/, "a SHA-256 is 64 lower-case hexadecimal digits"))
          .describe("Path below the address → SHA-256."),
      })
      .describe("The SHA-256 of each wanted file, written down here."),
    z
      .strictObject({ kind: z.literal("none") })
      .describe("Nothing vouches for the content. It is shown in red and never leaves staging."),
  ])
  .describe("Who vouches for the content.");

/** The budget of a source, checked while streaming: the limit comes before trust. */
const budget = z.strictObject({
  bytes: size.prefault("20 GB").describe("All bytes of one run."),
  artifactBytes: size.prefault("4 GB").describe("Bytes of one file."),
  files: z.int().min(1).max(1_000_000).default(100_000).describe("Files in the feed."),
  wallTime: duration.prefault("2h").describe("The longest that a run may take."),
  leastRate: size
    .prefault("1KiB")
    .describe("Bytes a second, averaged over leastRateWindow; a slower upstream is left for the next address."),
  leastRateWindow: duration.prefault("30s").describe("What leastRate is measured over."),
  redirects: z.int().min(0).max(10).default(3).describe("Redirects that one request follows."),
  expansion: z
    .number()
    .min(1)
    .max(10_000)
    .default(200)
    .describe("How many times its packed size an archive may unpack to."),
  growth: z
    .number()
    .min(1)
    .max(1_000)
    .default(4)
    .describe("How many times the last revision's bytes and files a new one may have."),
  freeDisk: size.prefault("1 GB").describe("Bytes that stay free on the store's file system."),
});

const login = z.strictObject({
  user: z.string().max(255),
  passwordFile: z.string().max(4_096).describe("A file that holds the password; the daemon reads it."),
});

const network = z.strictObject({
  proxy: z
    .string()
    .regex(/^http:\/\/[^/@]+\/?$/, "a proxy is http://host:port")
    .optional()
    .describe("An HTTP proxy for every request."),
  proxyLogin: login.optional().describe("The login at the proxy."),
  login: login.optional().describe("The login at the upstream."),
  allowSchemeChange: z.boolean().default(false).describe("Redirects may change http to https or back."),
  allowInside: z.boolean().default(false).describe("Redirects may lead to loopback, link-local and private addresses."),
  parallel: z.int().min(1).max(16).default(8).describe("Transfers at once."),
  connectTimeout: duration.prefault("10s").describe("The longest that a connection may take to stand."),
  authorities: z
    .array(z.string().max(65_536))
    .max(16)
    .default([])
    .describe("PEM certificates trusted for https beside the system's own."),
});

/** Which kinds of trust each format knows. */
const TRUSTS: Readonly<Record<string, readonly string[]>> = {
  clamav: ["clamav"],
  liveupdate: ["liveupdate"],
  directory: ["openpgp", "minisign", "pinned", "none"],
};

export const sourceSpec = z
  .strictObject({
    name: sourceName.describe("Its name: 1 to 63 of a-z, 0-9 and -."),
    feed,
    addresses: z.array(address).min(1).max(16).describe("Tried in order; each prefixes every path of the feed."),
    trust,
    selection: z
      .strictObject({
        include: z
          .array(z.string().max(1_024))
          .max(256)
          .default(["**"])
          .describe("Patterns: `*` within a segment, `**` across segments."),
        exclude: z.array(z.string().max(1_024)).max(256).default([]).describe("Patterns, of the same form."),
      })
      .prefault({})
      .describe("Only paths that match a pattern of include and none of exclude."),
    mount: z
      .string()
      // What a channel's pointer file takes: a longer one could never be published, also not at the next start.
      .max(1_024)
      .regex(/^\/(?:[A-Za-z0-9._-]+\/)*$/, "a mount begins and ends with /")
      // Clients take such segments out of an address before they ask: nobody would find it there.
      .refine((text) => !/\/\.{1,2}\//.test(text), "a mount has no . or .. between its slashes")
      .refine((text) => !/^\/\.ringfort\//i.test(text), "below /.ringfort/ a channel answers for itself")
      .refine((text) => !/^\/by-hash\//i.test(text), "below /by-hash/ contents stand under their digests")
      .optional()
      .describe("Where clients find it below a channel's address; `/<name>/` when left out."),
    schedule: z
      .string()
      .max(200)
      .default("every 1h")
      .describe('"manual", "every 1h", or a cron pattern of five fields.'),
    jitter: duration
      .prefault("5m")
      .describe("A run begins up to so much later than scheduled, so that mirrors do not come all at once."),
    budget: budget.prefault({}).describe("Checked while bytes arrive: the limit comes before trust."),
    network: network.prefault({}).describe("How the upstream is reached."),
    checks: z
      .array(checkSpec)
      .max(16)
      .default([])
      .refine((checks) => new Set(checks.map(checkName)).size === checks.length, "two checks have one name")
      .describe("Run over each new revision, in order, in a jail without network; evidence for the health gate."),
    alarms: alarmSpec.prefault({}).describe("When the vendor's own behaviour is unusual."),
    retention: retentionRule
      .prefault({})
      .describe(
        "Which revisions a collection keeps. What a channel, a pin, a hold or a proposal needs it always keeps.",
      ),
  })
  .superRefine((spec, context) => {
    const allowed = TRUSTS[spec.feed.format];
    if (allowed !== undefined && !allowed.includes(spec.trust.kind)) {
      context.addIssue({
        code: "custom",
        path: ["trust", "kind"],
        message: `a ${spec.feed.format} feed is trusted by ${allowed.join(", ")}, not by ${spec.trust.kind}`,
      });
    }
    if (spec.trust.kind === "minisign" && spec.trust.threshold > 1) {
      const message = "a .minisig file holds one signature, so that a threshold above 1 can never be met";
      context.addIssue({ code: "custom", path: ["trust", "threshold"], message });
    }
    if (
      (spec.trust.kind === "openpgp" || spec.trust.kind === "minisign") &&
      spec.feed.format === "directory" &&
      spec.feed.list.kind !== "checksums"
    ) {
      context.addIssue({
        code: "custom",
        path: ["feed", "list"],
        message: `${spec.trust.kind} signs a checksum list: use list kind "checksums"`,
      });
    }
  });

/** Our subscription to one upstream, complete, as the ledger holds it. */
export type SourceSpec = z.infer<typeof sourceSpec>;
/** What a person writes: everything with a default may be left out. */
export type SourceSpecInput = z.input<typeof sourceSpec>;
export type Feed = z.infer<typeof feed>;
export type FeedFormatName = Feed["format"];
export type Trust = z.infer<typeof trust>;
export type LiveupdateFeed = z.infer<typeof liveupdateFeed>;
export type LiveupdateTrust = z.infer<typeof liveupdateTrust>;
export type LiveupdateDialect = z.infer<typeof liveupdateDialect>;
export type Budget = z.infer<typeof budget>;

/** Where clients find the source below a channel's address: `/` at both ends. */
export function mountOf(spec: Pick<SourceSpec, "name" | "mount">): string {
  return spec.mount ?? `/${spec.name}/`;
}
