import * as z from "zod";

/** Who may be a client: networks or addresses. */
export const clientNetworks = z.array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()])).max(1_024);

/** A network interface as Linux names it: 15 bytes at most (IFNAMSIZ), no blank and no slash. */
export const interfaceName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:@-]{0,14}$/, "an interface is named as `ip link` names it, for example eth1");

const folder = z.string().regex(/^\/[^\0]{1,4000}$/, "an absolute path");

export const confinement = z.strictObject({
  least: z
    .enum(["flags", "kernel", "users"])
    .default("flags")
    .describe(
      "The least confinement that the daemon starts with. `flags`: Node's permission flags (L0), everywhere; `kernel`: " +
        "beside them Landlock and a filter of system calls (L1), which it takes wherever the kernel gives them; `users`: " +
        "a user and name spaces for each role besides, by systemd (L2), which it takes wherever the units of the roles are. " +
        "`ringfort status` shows what each process has.",
    ),
  roles: z
    .string()
    .regex(/^\/[^\0]{0,80}$/, "an absolute path of at most 80 bytes")
    .default("/run/ringfort/roles")
    .describe(
      "Where systemd listens for the roles (`ringfort-<role>.socket`). The units of the package show their processes " +
        "`/var/lib/ringfort` alone; who has units for another data folder names their folder here.",
    ),
  keeper: z
    .strictObject({
      reads: z
        .array(folder)
        .max(64)
        .default([])
        .describe("Further folders that it may read: those of `file:` sources."),
      writes: z
        .array(folder)
        .max(64)
        .default([])
        .describe("Further folders that it may write: those of `ringfort export`."),
    })
    .optional()
    .describe(
      "Puts the kernel's wall around the daemon's keeper too (Linux, x86-64): it reads and writes its own folders and those that the " +
        "configuration names, runs no other program, and signals nobody else (before Linux 6.12: processes of its user). Absent: there is none. Checks of revisions in a " +
        "jail cannot run behind it.",
    ),
});

const hostAddress = z.union([z.ipv4(), z.ipv6()]);
const port = z.int().min(1).max(65_535);
const account = z.union([
  z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, "a user is named as in /etc/passwd, or by number"),
  z.int().min(0).max(4_294_967_294),
]);

/** The host that the daemon runs on; `ringfort harden network` makes a packet filter of it. */
export const hostConfig = z.strictObject({
  outside: interfaceName
    .optional()
    .describe("The interface towards the internet. Nothing is ever served on it (docs/hardening.md)."),
  inside: interfaceName
    .optional()
    .describe("The interface towards the clients; a channel's own `interface` goes before it."),
  user: account
    .default("ringfort")
    .describe(
      "The user that the daemon runs as, by name or number: the only one that may reach upstreams. With `confinement.least: users` " +
        "and the default it is not let out, and `ringfort-fetch`, `ringfort-notify` and `ringfort-login` are.",
    ),
  resolvers: z
    .array(hostAddress)
    .max(8)
    .default([])
    .describe("Addresses of the name servers that this host asks; none: the daemon's user may ask any, outside."),
  timeServers: z.array(hostAddress).max(8).default([]).describe("Addresses of the time servers that this host asks."),
  admins: clientNetworks
    .default([])
    .describe("Networks on the inside from which the host is administered, and the API is used; none: from nowhere."),
  adminPorts: z.array(port).max(16).default([22]).describe("TCP ports that administrators reach on the inside."),
  egress: z
    .array(z.strictObject({ user: account, ports: z.array(port).min(1).max(16) }))
    .max(16)
    .default([])
    .describe("Other users of this host that may connect to TCP ports outside, for example _apt to 80 and 443."),
  newConnections: z
    .int()
    .min(10)
    .max(100_000)
    .default(200)
    .describe(
      "New connections a second that one client address (IPv6: one /64) may have, five times as many at once. There is " +
        "no limit for all together: that would be a switch by which one client turns the others off.",
    ),
});
