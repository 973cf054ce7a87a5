import { hostFile } from "../../core/model/host-file.ts";
import { pageHead } from "./markdown.ts";
import { written } from "./schema-pages.ts";

export function hostFilePage(): string {
  return `${pageHead("The host file", "src/core/model/host-file.ts")}It tells a client where its mirrors are, which of them is meant for which network, and whom to believe. A deployment has one for
each channel: a staging machine differs from a production machine by this file alone. It is JSON of at most 1 MiB and
begins with \`"format": "ringfort-host-file-1"\`; an unknown key and a key that stands twice are errors. \`ringfort hostfile edit\` writes it, \`show\` prints it, \`check\` asks every mirror for its channel, and
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
| \`agent\` | this file, complete, in one form, for \`ringfort-agent\` | one schema reads and writes it |
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
