import * as z from "zod";
import { clientNetworks, confinement, hostConfig, interfaceName } from "./config-network.ts";
import { oidcConfig } from "./config-oidc.ts";
import { auditLog, clients, logs } from "./config-record.ts";
import { httpsFields, PAIR_ISSUE, pairFields, pairPlace } from "./config-tls.ts";
import { PROFILES } from "./machine/check.ts";
import { channelName } from "./model/source.ts";
import { duration, size } from "./model/written-value.ts";
import { subscriber } from "./notices/subscriber.ts";

/**
 * The daemon's configuration: one schema gives defaults, validation, the editor's completion
 * (docs/reference/ringfort.schema.json) and the reference page (docs/reference/configuration.md). Sources are not in
 * it: they are added through the command line and live in the ledger, with their history.
 */
export const listen = z
  .string()
  .regex(
    /^(?:\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost):\d{1,5}$/,
    "an address to listen on is ADDRESS:PORT, for example 10.20.0.10:80 or [fd00::10]:80",
  )
  .refine((text) => Number(text.slice(text.lastIndexOf(":") + 1)) <= 65_535, "a port is at most 65535");

const session = z.strictObject({
  idle: duration
    .prefault("10s")
    .describe(
      "A client that comes back within this time sees the revision that it began with, also after a promotion.",
    ),
  most: duration.prefault("2m").describe("The longest that a client is kept on the revision that it began with."),
});

const limits = z.strictObject({
  connections: z.int().min(1).max(65_536).default(512).describe("Connections a channel serves at once."),
  connectionsPerClient: z.int().min(1).max(65_536).default(32).describe("Connections one client address may hold."),
  requestsPerConnection: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(100)
    .describe("Requests after which a connection is closed."),
  headerTimeout: duration.prefault("5s").describe("The longest that a request's head may take."),
  keepAlive: duration.prefault("3s").describe("How long an idle connection is kept."),
  leastRate: size
    .prefault("1KiB")
    .describe("Bytes a second below which a reader is cut off, measured over leastRateWindow."),
  leastRateWindow: duration.prefault("8s").describe("What leastRate is measured over."),
});

const portNumber = z.int().min(0).max(65_535);

const ftpTls = z
  .strictObject({
    mode: z
      .enum(["offered", "required"])
      .default("offered")
      .describe("`required`: no login and no transfer without AUTH TLS and PROT P."),
    ...pairFields,
    boundData: z
      .boolean()
      .default(true)
      .describe(
        "A data connection must resume the TLS session of its control connection, so that nobody else can take it. " +
          "`false` for clients that cannot.",
      ),
  })
  .refine((tls) => pairPlace(tls) !== null, PAIR_ISSUE);

const ftp = z.strictObject({
  listen: listen.describe("The address and port of FTP, its own."),
  passive: z
    .strictObject({
      from: portNumber.default(0).describe("The first port of the range; 0: any that the system has."),
      to: portNumber.default(0).describe("The last."),
      announce: z
        .ipv4()
        .optional()
        .describe("The address that PASV names, where a translator of addresses stands in between."),
    })
    .refine(
      ({ from, to }) => from <= to && (from === 0) === (to === 0),
      "a range is two ports, the first not above the last",
    )
    .prefault({})
    .describe("Where data connections come in."),
  active: z
    .boolean()
    .default(false)
    .describe(
      "Whether PORT and EPRT are answered, to the client's own address and no port below 1024. The server's process " +
        "then keeps the right to connect, which it otherwise gives up.",
    ),
  allow: clientNetworks
    .default([])
    .describe(
      "Of the channel's clients, those that may use FTP; none: all of them. It narrows `allow` of the channel.",
    ),
  password: z
    .string()
    .min(1)
    .max(255)
    .regex(/^[ -~]*$/, "printable ASCII only")
    .optional()
    .describe("What anonymous clients must send as their password. It is no secret: it crosses the line in clear."),
  sessions: z.int().min(1).max(65_536).default(256).describe("Sessions at once."),
  sessionsPerClient: z.int().min(1).max(65_536).default(16).describe("Sessions one client address may have."),
  commandsPerMinute: z
    .int()
    .min(60)
    .max(100_000_000)
    .default(60_000)
    .describe(
      "Commands that one client address may send in a minute, all its sessions together; connections, TLS handshakes and " +
        "long listings count too. A sixth may come at once; past it the client waits. Raise it for clients behind one " +
        "translator of addresses.",
    ),
  idle: duration.prefault("2m").describe("How long a session may say nothing."),
  longest: duration
    .prefault("1h")
    .describe("The longest that a session, and with it the revision that it began with, is kept."),
  tls: ftpTls.optional().describe("AUTH TLS (RFC 4217); absent: it is refused."),
});
export type FtpConfig = z.infer<typeof ftp>;

const tree = z.strictObject({
  folder: z
    .string()
    .min(1)
    .max(3_000)
    .describe("The folder of this channel's trees, its own, outside the data folder. Servers serve `current` in it."),
  method: z
    .enum(["link", "copy"])
    .default("link")
    .describe(
      "`link`: files are the store's own under another name, and share their bytes; `copy`: they have their own, which " +
        "costs nothing on XFS and btrfs and their size elsewhere.",
    ),
  grace: duration.prefault("1h").describe("How long a tree stays for who still reads it after a move."),
});

const https = z
  .strictObject({ listen: listen.describe("The address and port of HTTPS, its own."), ...httpsFields })
  .refine((tls) => pairPlace(tls) !== null, PAIR_ISSUE);
export type HttpsConfig = z.infer<typeof https>;

const channel = z
  .strictObject({
    listen: listen.optional().describe("The address and port of plain HTTP, its own."),
    allow: clientNetworks
      .default([])
      .describe(
        "Networks or addresses of this channel's clients, for example 10.20.0.0/16; none: every client. Others are cut " +
          "off before a byte of theirs is read, whatever protocol they speak.",
      ),
    caches: clientNetworks
      .default([])
      .describe(
        "Networks or addresses of HTTP caches before this channel (docs/caches.md). Each of their requests sees what " +
          "the channel shows now; it is not held on a revision, which would be that of another client.",
      ),
    interface: interfaceName
      .optional()
      .describe(
        "The network interface that the channel answers on, and no other: a host that has a route to its address " +
          "through another interface gets nothing. Linux only; also this machine itself then reaches it no more.",
      ),
    https: https.optional().describe("Serves the channel by HTTPS, beside plain HTTP or instead of it."),
    ftp: ftp.optional().describe("Serves the channel by FTP, read-only."),
    tree: tree
      .optional()
      .describe("Keeps a tree of plain files of the channel, for nginx, vsftpd or Samba. Absent: it does not."),
  })
  .refine(
    ({ listen: plain, https: secure, ftp: files }) => (plain ?? secure ?? files) !== undefined,
    "a channel has at least one of listen, https and ftp",
  );

/** RFC 5424 section 6.2.1, table 1: the facilities that a daemon may send under, by their usual names. */
export const FACILITIES = {
  user: 1,
  daemon: 3,
  auth: 4,
  syslog: 5,
  cron: 9,
  authpriv: 10,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;

const systemLog = z.strictObject({
  to: z
    .enum(["stderr", "syslog", "off"])
    .default("stderr")
    .describe(
      "`stderr`: every event is a line on standard error, with its severity in front where that is the systemd " +
        "journal; `syslog`: those that `events` takes also go to `address`; `off`: standard error stays empty.",
    ),
  address: z
    .string()
    .refine((text) => syslogAddress(text) !== null, "an address is udp://HOST:PORT or tcp://HOST:PORT")
    .default("udp://127.0.0.1:514")
    .describe(
      "For `syslog`: RFC 5424 messages over UDP (RFC 5426), or over TCP with octet counting (RFC 6587). Neither is " +
        "encrypted or confirmed: what is lost on the way is in the event log.",
    ),
  facility: z
    .enum(Object.keys(FACILITIES) as [keyof typeof FACILITIES, ...(keyof typeof FACILITIES)[]])
    .default("daemon")
    .describe("The facility that messages are sent under."),
  enterprise: z
    .int()
    .min(1)
    .max(4_294_967_295)
    .default(32_473)
    .describe(
      "The private enterprise number under which an event's fields stand in the structured data; 32473 is the one for " +
        "examples (RFC 5612), and a site that has a number of its own says it here.",
    ),
  events: z
    .array(z.string().min(1).max(64))
    .min(1)
    .max(64)
    .default([
      "daemon.*",
      "sync.ended",
      "channel.*",
      "certificate.*",
      "*.refused",
      "*.failed",
      "*-refused",
      "*-failed",
      "worker.died",
      "audit-log.*",
      "blob.*",
      "source.*",
    ])
    .describe("For `syslog`: which events are sent, as patterns with `*` (docs/reference/events.md)."),
});

/** The parts of a syslog address, or `null` for what is none. A port is required: none is the default of both. */
export function syslogAddress(
  text: string,
): { readonly transport: "udp" | "tcp"; readonly host: string; readonly port: number } | null {
  const [, transport, host, port] = /^(udp|tcp):\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text) ?? [];
  if (transport === undefined || host === undefined || Number(port) < 1 || Number(port) > 65_535) return null;
  return {
    transport: transport === "udp" ? "udp" : "tcp",
    host: host.replace(/^\[|\]$/g, ""),
    port: Number(port),
  };
}

const consoleConfig = z
  .strictObject({
    listen: listen.describe("The address and port of the API; anything but the loopback needs `tls`."),
    tls: z
      .strictObject(pairFields)
      .refine((fields) => pairPlace(fields) !== null, PAIR_ISSUE)
      .optional()
      .describe("HTTPS. Without it passwords and tokens would cross the line in clear."),
    oidc: oidcConfig.optional().describe("People also log in through this OpenID provider (docs/api.md)."),
  })
  .refine(
    ({ listen: at, tls }) => tls !== undefined || /^(?:127\.|localhost:|\[::1\]:)/.test(at),
    "an address that others can reach needs tls: people log in there",
  );
export type ConsoleConfig = z.infer<typeof consoleConfig>;

const audit = z.strictObject({
  profile: z
    .enum(PROFILES)
    .default("server")
    .describe(
      "`trial`: somebody's workstation; `server`: a machine on an inside network; `bastion`: one between two networks.",
    ),
  expected: z
    .array(z.string().regex(/^(?:\*|[0-9a-fA-F.:[\]]+):\d{1,5}$/, "ADDRESS:PORT, or *:PORT"))
    .max(256)
    .default([])
    .describe("Listeners beside Ringfort's that are meant to be there, for example 10.20.0.1:22."),
  advisories: z
    .array(z.string().min(1).max(4_096))
    .max(64)
    .default([])
    .describe(
      "Files of advisories: the Debian security tracker's JSON, or OSV's (one, an array, or one a line). Best those of a " +
        "source that Ringfort mirrors, in its channel's tree.",
    ),
  image: z
    .strictObject({
      manifest: z.string().min(1).max(4_096).describe("Its manifest.json, with manifest.json.minisig beside it."),
      key: z.string().length(56).describe("The minisign public key that signs images."),
    })
    .optional()
    .describe("The golden image that this machine runs from (docs/image.md)."),
});

export const config = z
  .strictObject({
    data: z
      .string()
      .min(1)
      .max(4_096)
      .describe(
        "The data folder (docs/store-format.md). A relative path is taken from the configuration file's folder.",
      ),
    channels: z
      .record(channelName, channel)
      .refine((channels) => Object.keys(channels).length >= 1, "at least one channel")
      .describe("In the order of promotion. A sync moves the first by itself; every further one is moved by a person."),
    session: session
      .prefault({})
      .describe("How long a client is kept on one revision, so that it never sees two mixed."),
    limits: limits.prefault({}).describe("What one client, and all together, may take of a channel's server."),
    collect: z
      .strictObject({
        grace: duration
          .prefault("24h")
          .describe(
            "How long a blob that nothing names, and a revision that its channel has left, stays; longer than the slowest transfer.",
          ),
        every: duration
          .prefault("6h")
          .refine((every) => every >= 1_000, "a collection reads much of the record: not more often than once a second")
          .describe("How often the daemon collects of the sources whose retention is automatic."),
      })
      .prefault({})
      .describe("Garbage collection."),
    fetch: z
      .strictObject({ lanes: z.int().min(1).max(16).default(8).describe("Transfers at once, all sources together.") })
      .prefault({})
      .describe("The fetch process."),
    console: consoleConfig
      .optional()
      .describe(
        "Serves the API to people with accounts and to programs with tokens (docs/api.md). Absent: it does not.",
      ),
    logs: logs.prefault({}).describe("The access logs."),
    clients: clients
      .prefault({})
      .describe("What is recorded of clients. Addresses may be personal data (docs/operations.md)."),
    confinement: confinement.prefault({}).describe("How far the daemon's processes are confined (docs/hardening.md)."),
    audit: audit.prefault({}).describe("What `ringfort audit` judges this machine by (docs/hardening.md)."),
    host: hostConfig
      .prefault({})
      .describe("The host around the daemon, for `ringfort harden network` (docs/hardening.md)."),
    auditLog: auditLog.prefault({}).describe("The proof of what was done (docs/audit-log.md)."),
    notify: z
      .record(z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, "a name of small letters, digits and -"), subscriber)
      .refine((all) => Object.keys(all).length <= 32, "at most 32 subscribers")
      .prefault({})
      .describe("Who is told of events, by mail or webhook (docs/notifications.md)."),
    systemLog: systemLog.prefault({}).describe("Where events go beside the event log (docs/reference/events.md)."),
  })
  .superRefine(({ channels, collect, session: { most } }, context) => {
    const issue = (path: readonly string[], message: string): void =>
      context.addIssue({ code: "custom", path: [...path], message });
    if (collect.grace < most)
      issue(
        ["collect", "grace"],
        "the grace must outlast session.most: a client may still be reading what is collected",
      );
    const seen = new Map<string, string>();
    for (const [name, { listen: at, https: secure, ftp: byFtp }] of Object.entries(channels)) {
      if (at !== undefined) takeAddress(seen, at, name, (message) => issue(["channels", name, "listen"], message));
      if (secure !== undefined)
        takeAddress(seen, secure.listen, name, (message) => issue(["channels", name, "https", "listen"], message));
      if (byFtp === undefined) continue;
      takeAddress(seen, byFtp.listen, name, (message) => issue(["channels", name, "ftp", "listen"], message));
      if (collect.grace < byFtp.longest)
        issue(
          ["collect", "grace"],
          `the grace must outlast channels.${name}.ftp.longest: a session keeps its revision`,
        );
    }
  });

/** An address can be one channel's only, and one protocol's. */
function takeAddress(seen: Map<string, string>, at: string, name: string, issue: (message: string) => void): void {
  const other = seen.get(at);
  if (other !== undefined && !at.endsWith(":0"))
    issue(`${at} is the address of channel ${other}; each channel has one of its own`);
  seen.set(at, name);
}

export type Config = z.infer<typeof config>;
export type SystemLogConfig = Config["systemLog"];
export type ConfigInput = z.input<typeof config>;
