import type * as z from "zod";
import { config } from "../../core/config.ts";
import { hostFile } from "../../core/model/host-file.ts";
import { sourceSpec } from "../../core/model/source.ts";
import { results } from "../../wire/requests.ts";
import { shapeOf } from "../schema-shape.ts";
import { fieldRows } from "./field-rows.ts";
import { code, markdownTable, pageHead } from "./markdown.ts";

/** The schema of a file that people write, for their editors. */
export function editorSchema(schema: z.ZodType, title: string): string {
  const { $schema, ...shape } = { $schema: "", ...shapeOf(schema) };
  return `${JSON.stringify({ $schema, title, ...shape }, null, 2)}\n`;
}

function written(schema: z.ZodType): string {
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

export function hostFilePage(): string {
  return `${pageHead("The host file", "src/core/model/host-file.ts")}It tells a client where its mirrors are, which of them is meant for which network, and whom to believe. A deployment has one for
each channel: a staging machine differs from a production machine by this file alone. It is JSON of at most 1 MiB; an unknown key and a
key that stands twice are errors. \`ringfort hostfile edit\` writes it, \`show\` prints it, \`check\` asks every mirror for its channel, and
\`export\` puts it into the words of other clients ([cli.md](cli.md)). Editors complete and check it by
\`docs/reference/host-file.schema.json\`.

It holds no secret: a password stands in a file on the client, and only that file's name stands here. Whoever writes a client's
host file decides whom the client believes, so that it comes to the client by the way that its configuration comes, and never
from a mirror.

${written(hostFile)}
## Which mirror is asked

A client asks the mirrors whose \`subnet\` holds one of its own addresses, the narrowest subnet first; then those without a subnet. Among
equals the lowest \`order\` comes first, then HTTP before FTP before a share, then the order of the file. A mirror of another subnet is
asked only when there is no other. \`ringfort hostfile show FILE --for ADDRESS\` prints the order for one client. Lengths of IPv4 and IPv6
subnets are compared as numbers, which matters to a client that has addresses of both.

## What every channel answers

| path below the channel's address | answer |
| --- | --- |
| \`.ringfort/channel\` | \`{"ringfort":1,"channel":"staging"}\`: which channel this is; never cached. A copy of a channel on a share or an FTP server needs this file too, for \`check\` to know it |
| \`.ringfort/report\` | 204, whatever stands behind the \`?\`, up to 1,024 characters: the line in the access log is the report, and nothing reads it here |

The name of a channel is a name and no proof: whoever holds a mirror's address can say it. Trust comes from the signatures alone.

## Other clients

| \`export --as\` | what is written | tried with |
| --- | --- | --- |
| \`agent\` | this file, complete, in one form | \`ringfort-agent\` |
| \`freshclam\` | \`DatabaseMirror\` lines in the client's order, or \`PrivateMirror\` with \`--private-mirror\` | freshclam |
| \`apt\` | a deb822 source with \`Signed-By\`; one mirror, because apt fails over to no second | apt |
| \`suricata-update\` | a command line; one mirror, because it puts several together. It checks no signature | not tried |
| \`liveupdate-conf\` | \`workdir\` and \`logfile\`, as its maker documented them. None of the documented keys names a mirror; \`--experimental\` adds \`hosts/N/url\`, which is hearsay | not tried |
| \`liveupdt-hst\` | nothing: how \`LIVEUPDT.HST\` is written is documented nowhere, and a guess would be a client that silently stops updating | – |

A value that could end its line or its word in such a file is refused.

## Example

\`\`\`json
{
  "format": "ringfort-host-file-1",
  "deployment": "campus",
  "channel": "production",
  "hosts": [
    { "name": "HQ", "type": "http", "address": "http://10.0.0.5:8082/", "subnet": "10.0.0.0", "mask": "255.0.0.0" },
    { "name": "library", "type": "http", "address": "http://10.7.0.5:8082/", "subnet": "10.7.0.0/16" },
    { "name": "spare", "type": "share", "address": "/mnt/updates/", "order": 200 }
  ],
  "trust": { "minisign": ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"], "recall": [] }
}
\`\`\`
`;
}

const SPEC = {
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
    "config check",
    [
      ["`file`", "text or null", "absolute; null for the defaults"],
      ["`valid`", "true", ""],
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
  ["version", [["`version`", "text", "of the command line"]]],
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
  return verb.startsWith("source-") || verb.startsWith("store-") ? verb.replace("-", " ") : verb;
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
