import type * as z from "zod";
import { config } from "../../core/config.ts";
import { releasePolicy } from "../../core/model/policy.ts";
import { sourceSpec } from "../../core/model/source.ts";
import { results } from "../../wire/requests.ts";
import { shapeOf } from "../schema-shape.ts";
import { fieldRows } from "./field-rows.ts";
import { code, markdownTable, pageHead } from "./markdown.ts";
import { OBSERVED } from "./observed-rows.ts";
import { SET_UP } from "./setup-rows.ts";

/** The schema of a file that people write, for their editors. */
export function editorSchema(schema: z.ZodType, title: string): string {
  const { $schema, ...shape } = { $schema: "", ...shapeOf(schema) };
  return `${JSON.stringify({ $schema, title, ...shape }, null, 2)}\n`;
}

/** The table of what may be written for a schema. */
export function written(schema: z.ZodType): string {
  const rows = fieldRows(shapeOf(schema)).map(({ path, type, fallback, description }) => [
    code(path),
    type,
    fallback,
    description,
  ]);
  return markdownTable(["key", "type", "default", "what it is"], rows);
}

const UNITS = `A length of time is written \`90s\`, \`1h 30m\`, \`250ms\` or as a number of milliseconds; bytes are written
\`400 MB\` (powers of ten), \`64KiB\` (powers of two) or as a number.
`;

export function configurationPage(): string {
  return `${pageHead("The configuration file", "src/core/config.ts")}The daemon and the command line read one YAML 1.2 file: the one that \`--config\` names, else the one that the
environment variable \`RINGFORT_CONFIG\` names, else \`./ringfort.yaml\`, else \`/etc/ringfort/ringfort.yaml\`. With none of them
the data folder is \`./ringfort-data\`, and the channels are \`staging\` on 127.0.0.1:8081 and \`production\` on 127.0.0.1:8082.
A commented sample is \`ringfort.example.yaml\`; editors complete and check it by \`docs/reference/ringfort.schema.json\`.
\`ringfort config check\` names everything that is wrong, with line and column; \`ringfort config show\` prints what is in effect.

The file holds at most 1 MiB. An unknown key, a key that stands twice, an unknown tag and a second document are errors.
Sources are not in it: they are added with \`ringfort source add\` ([source.md](source.md)).

${UNITS}
${written(config)}`;
}

export function sourcePage(): string {
  return `${pageHead("The description of a source", "src/core/model/source.ts")}What \`ringfort source add NAME --from FILE\` and \`ringfort source change NAME --from FILE\` take, as YAML 1.2 of at most 1 MiB;
\`ringfort source show NAME --yaml\` prints one. Editors complete and check it when its first line is
\`# yaml-language-server: $schema=docs/reference/source.schema.json\` with the way to that file. In place of a file, the flags of
\`ringfort source add\` make the same description ([cli.md](cli.md)).

${UNITS}
A word in brackets says for which format or kind the key is.

${written(sourceSpec)}
## Example

\`\`\`yaml
name: tools
feed:
  format: directory
  list: { kind: checksums, file: SHA256SUMS }
addresses: [https://vendor.example/pub/]
trust:
  kind: minisign
  keys: [RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3]
schedule: every 4h
budget:
  bytes: 5 GB
\`\`\`
`;
}

export function policyPage(): string {
  return `${pageHead("The release policy of a source", "src/core/model/policy.ts")}What \`ringfort policy set NAME --from FILE\` takes, as YAML 1.2 of at most 1 MiB; \`ringfort policy show NAME --yaml\` prints one, and
\`ringfort policy presets PRESET\` one to begin with. Editors complete and check it when its first line is
\`# yaml-language-server: $schema=docs/reference/policy.schema.json\` with the way to that file. What it means is in
[release.md](../release.md).

${UNITS}
${written(releasePolicy)}
## Example

\`\`\`yaml
zone: Europe/Helsinki
rings:
  - channel: staging
  - channel: pilot
    automatic: true
    soak: 1h
    health: { canaries: 3 }
    share: 0.1
  - channel: production
    automatic: true
    soak: 4h
    staleness: 24h
    collision: ask
    health: {}
    signOffs: [{ role: approver, people: 1 }]
    hours: [{ days: [mon, tue, wed, thu], from: "08:00", to: "16:00" }]
    blackout: [{ begin: "2026-12-18T16:00", end: "2027-01-07T08:00" }]
\`\`\`
`;
}

const SPEC = {
  policy: "a release policy, complete: [policy.md](policy.md); times in milliseconds",
  spec: "a source's description, complete: [source.md](source.md); times in milliseconds, sizes in bytes",
};

const ERROR_TEXT = `A refusal, a failure or a wrong command line prints, with the exit code that belongs to it:

\`\`\`json
{ "error": { "kind": "refused", "code": "promotion.already-there", "detail": "production shows revision 7" } }
\`\`\`

${markdownTable(
  ["field", "type", "what it is"],
  [
    ["`error.kind`", "`refused` or `failed` or `usage`", "an expected no; the world broke; the command line was wrong"],
    ["`error.code`", "text", "[errors.md](errors.md); `usage` for a wrong command line"],
    ["`error.detail`", "text", "the place, for people; not promised"],
    [
      "`error.issues[]`",
      "list of object",
      "only of `config.invalid` and `source.invalid`: each with `file`, `line`, `column` (from 1), `path`, `message`",
    ],
  ],
)}`;

const LOCAL: readonly (readonly [title: string, rows: readonly (readonly string[])[]])[] = [
  [
    "sync --all",
    [
      ["`sources[].source`", "text", "in the order of the run"],
      ["`sources[].result`", "object", "as of `sync`, where it went well"],
      ["`sources[].error`", "object", "`kind`, `code`, `detail` as above, where it did not"],
    ],
  ],
  [
    "stop",
    [
      ["`stopped`", "object", "`source`, `channel` (null: every one), `reason`, `by`, `at`"],
      ["`ended[]`", "list of whole number", "processes that did not stop by themselves, and were ended"],
    ],
  ],
  [
    "resume",
    [
      ["`resumed[]`", "list of object", "as `stopped` of `stop`"],
      ["`stopped[]`", "list of object", "what stays stopped"],
    ],
  ],
  [
    "policy presets",
    [
      ["`presets[].name`, `.says`", "text", "without a name"],
      [
        "`name`, `policy`",
        "text, object",
        "with a name: the preset over this installation's channels ([policy.md](policy.md))",
      ],
    ],
  ],
  [
    "config check",
    [
      ["`file`", "text or null", "absolute; null for the defaults"],
      ["`valid`", "true", ""],
      ["`notes`", "list of text", "what is valid and should be known"],
    ],
  ],
  [
    "config show",
    [
      ["`file`", "text or null", "absolute; null for the defaults"],
      [
        "`config`",
        "object",
        "[configuration.md](configuration.md), with every default; times in milliseconds, sizes in bytes",
      ],
    ],
  ],
  [
    "hostfile edit",
    [
      ["`file`", "text", "absolute"],
      ["`changes[]`", "list of object", "each with `what`, `from` and `to`; null: not there"],
      ["`faults[]`", "list of object", "each with `code`, `host`, `at`, `weight` (`wrong` or `unwise`), `message`"],
    ],
  ],
  [
    "hostfile show",
    [
      ["`file`", "object", "[host-file.md](host-file.md), with every default; a login in an address is left out"],
      ["`faults[]`", "list of object", "as of `hostfile edit`"],
      ["`asked[]`", "list of text", "only with `--for`: names of mirrors, in the order that this client asks them"],
    ],
  ],
  [
    "hostfile export",
    [
      ["`kind`", "text", "what `--as` said"],
      ["`name`", "text", "what the client's own programs call such a file"],
      ["`file`", "text or null", "absolute; null where it is only printed"],
      ["`text`", "text", "the file"],
      ["`notes[]`", "list of text", "what its reader must know beside it"],
    ],
  ],
  [
    "hostfile check",
    [
      ["`channel`", "text", "the file's"],
      ["`hosts[].name`, `.type`, `.address`", "text", "as in the file; a login in an address is left out"],
      ["`hosts[].result`", "`right` or `another-channel` or `no-channel` or `no-answer` or `not-asked`", ""],
      ["`hosts[].channel`", "text or null", "what the mirror says it serves"],
      [
        "`hosts[].code`",
        "text or null",
        "of the failure ([errors.md](errors.md)), or of the fault for which it was not asked",
      ],
      ["`hosts[].detail`", "text", "for people; not promised"],
      ["`hosts[].took`", "whole number", "milliseconds"],
    ],
  ],
  [
    "harden network",
    [
      ["`rules`", "text", "the packet filter, as `nft -f` reads it; without --output and --check"],
      ["`settings[].path`, `.value`", "text", "below /proc/sys, in the order in which they are to be written"],
      ["`firewalls[].firewall`", "`outer` or `inner`", "towards the internet, towards the clients"],
      ["`firewalls[].from`, `.to`, `.protocol`, `.ports`, `.why`", "text", "a connection that it must let through"],
      ["`files[]`", "list of text", "only with --output: what was written"],
      ["`differences[].what`", "`rule-missing` or `rule-unexpected` or `rule-order` or `setting`", "only with --check"],
      ["`differences[].where`", "text", "the chain or set, or the setting's path"],
      ["`differences[].wanted`, `.found`", "text or null", "as the kernel says it"],
    ],
  ],
  [
    "image rehearse, image rehearsed",
    [
      [
        "`record.at`",
        "whole number",
        "milliseconds since 1970-01-01T00:00:00Z; `record` is null where the kernel does not tell what runs",
      ],
      ["`record.by`", "text", "Ringfort's version"],
      ["`record.image.name`, `.created`, `.rootHash`", "text, whole number, text", "the image that ran"],
      ["`record.seconds`", "whole number", "from the kernel's start until every blob was found whole"],
      ["`record.shown[].channel`, `.source`, `.revision`", "text, text, whole number", "what the channels showed"],
    ],
  ],
  [
    "image build, image verify",
    [
      [
        "`name`, `created`",
        "text, whole number",
        "the image's name; the time of every file in it, in seconds since 1970",
      ],
      [
        "`root`, `rootHash`, `blocks`",
        "text, text, whole number",
        "the file system, its root hash, its blocks of 4,096 bytes",
      ],
      ["`parts[].name`, `.size`, `.sha256`", "text, size, text", "the files of the image"],
      ["`packages`", "whole number", "how many Debian packages are in it; the manifest names each"],
      ["`configuration`", "text", "the digest of the configuration and of the files laid over the root"],
      ["`archives[].index`, `.sha256`", "text", "the signed index of each package archive"],
      ["`running`", "null or object", "`image verify --running`: `verdict` (`pass` or `unknown`) and `said`"],
    ],
  ],
  [
    "verify",
    [
      ["`signer`", "text", "the key's id"],
      ["`signedAt`", "whole number or null", "milliseconds since 1970-01-01T00:00:00Z, as the signer says"],
      ["`files[].path`, `.sha256`", "text", "as listed, and as found"],
    ],
  ],
  [
    "version",
    [
      ["`version`", "text", "of the command line"],
      ["`singleFile`", "true or false", "whether this is the command line alone, in one file"],
    ],
  ],
  ...OBSERVED,
  ...SET_UP,
  [
    "completion",
    [
      ["`shell`", "text", ""],
      ["`script`", "text", ""],
    ],
  ],
];

/** The command line that each verb of the daemon belongs to. */
function commandOf(verb: string): string {
  return /^(?:source|store|policy)-/.test(verb) ? verb.replace("-", " ") : verb;
}

export function jsonPage(): string {
  const head = `${pageHead("What --json prints", "src/wire/requests.ts")}With \`--json\` a command prints exactly one JSON document on its standard output and nothing else there. Fields may be added in a
later version; those below stay. An instant is whole milliseconds since 1970-01-01T00:00:00Z, a size is bytes.

## Errors

${ERROR_TEXT}`;
  const ofDaemon = Object.entries(results).map(
    ([verb, schema]) =>
      [
        commandOf(verb),
        fieldRows(shapeOf(schema), SPEC).map(({ path, type, description }) => [code(path), type, description]),
      ] as const,
  );
  const sections = [...ofDaemon, ...LOCAL].map(
    ([title, rows]) => `\n## ${title}\n\n${markdownTable(["field", "type", "what it is"], rows)}`,
  );
  return head + sections.join("");
}
