/**
 * One thing that a unit can be made to give up. `values` are from the strongest to the weakest that is still worth something: who tries goes
 * down them. `usual` is the one to begin with where nobody tries.
 */
export interface Directive {
  readonly name: string;
  readonly values: readonly [string, ...string[]];
  readonly usual: string;
  /** What the daemon, and whoever takes it over, can do no longer. */
  readonly takesAway: string;
  /** Daemons that need it. */
  readonly mayBreak: string;
  /** `false`: a trial of some seconds does not show what it breaks, or leaves traces behind. It is advised, and never tried. */
  readonly triable: boolean;
  /** Many daemons break: it is tried by itself, where the rest are tried together. */
  readonly breaksOften: boolean;
  /** The unit must not have the directive yet: what it has already would mean something else with this behind it. */
  readonly onlyWhereUnset: boolean;
}

interface Rest {
  readonly usual?: string;
  readonly triable?: boolean;
  readonly onlyWhereUnset?: boolean;
}

const BREAK_OFTEN: ReadonlySet<string> = new Set([
  "CapabilityBoundingSet=",
  "RestrictAddressFamilies=none",
  "RestrictAddressFamilies=~AF_NETLINK",
  "PrivateNetwork=yes",
  "PrivateUsers=yes",
  "ProtectSystem=strict",
  "ProcSubset=pid",
  "MemoryDenyWriteExecute=yes",
  "NoNewPrivileges=yes",
  "CapabilityBoundingSet=~CAP_SETUID CAP_SETGID CAP_SETPCAP",
  "CapabilityBoundingSet=~CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_IPC_OWNER",
  "CapabilityBoundingSet=~CAP_CHOWN CAP_FSETID CAP_SETFCAP",
  "CapabilityBoundingSet=~CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_RAW",
  "CapabilityBoundingSet=~CAP_KILL",
  "CapabilityBoundingSet=~CAP_SYS_CHROOT",
  "CapabilityBoundingSet=~CAP_SYS_ADMIN",
  "CapabilityBoundingSet=~CAP_SYS_NICE CAP_SYS_RESOURCE",
  "SystemCallFilter=~@privileged",
  "SystemCallFilter=~@resources",
  "SystemCallFilter=~@mount",
]);

function directive(
  name: string,
  values: readonly [string, ...string[]],
  takesAway: string,
  mayBreak: string,
  { usual = values[0], triable = true, onlyWhereUnset = false }: Rest = {},
): Directive {
  const breaksOften = BREAK_OFTEN.has(`${name}=${values[0]}`);
  return { name, values, usual, takesAway, mayBreak, triable, breaksOften, onlyWhereUnset };
}

function switchedOn(name: string, takesAway: string, mayBreak: string): Directive {
  return directive(name, ["yes"], takesAway, mayBreak);
}

/** Groups of capabilities, as systemd's exposure counts them (capabilities(7)). */
const CAPABILITIES: readonly (readonly [names: string, takesAway: string, mayBreak: string, fewer?: string])[] = [
  ["CAP_SYS_ADMIN", "mounts, namespaces and much else of root's", "daemons that mount or make namespaces"],
  ["CAP_SYS_PTRACE", "reading and changing other processes", "debuggers, monitors of processes"],
  [
    "CAP_SETUID CAP_SETGID CAP_SETPCAP",
    "becoming another user",
    "daemons that begin as root and change to a user",
    "CAP_SETPCAP",
  ],
  [
    "CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_IPC_OWNER",
    "passing over permissions of files",
    "root daemons that read or write files of others",
    "CAP_DAC_READ_SEARCH CAP_FOWNER CAP_IPC_OWNER",
  ],
  [
    "CAP_CHOWN CAP_FSETID CAP_SETFCAP",
    "giving files to others",
    "daemons that make folders for the user they change to",
    "CAP_FSETID CAP_SETFCAP",
  ],
  ["CAP_NET_ADMIN", "changing interfaces, routes, the packet filter", "daemons of VPNs, DHCP and routing"],
  [
    "CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_RAW",
    "ports below 1024, raw packets",
    "servers that bind low ports themselves, ping",
    "CAP_NET_BROADCAST CAP_NET_RAW",
  ],
  ["CAP_SYS_MODULE", "loading kernel modules", "daemons that load drivers"],
  ["CAP_SYS_RAWIO", "the machine's ports and memory", "drivers outside the kernel"],
  ["CAP_SYS_TIME", "setting the clock", "daemons that keep time"],
  [
    "CAP_SYS_NICE CAP_SYS_RESOURCE",
    "priorities, and limits above its own",
    "daemons that raise their own limits or priority",
  ],
  ["CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_AUDIT_WRITE", "the kernel's audit", "log-in services, auditd"],
  ["CAP_SYSLOG", "the kernel's messages", "daemons that read them"],
  ["CAP_KILL", "signals to processes of others", "daemons whose parent is root and whose workers are not"],
  ["CAP_MKNOD", "making device files", "container managers"],
  ["CAP_SYS_CHROOT", "changing its root folder", "daemons that lock themselves into a folder"],
  ["CAP_BPF", "programs for the kernel", "tracers"],
  ["CAP_IPC_LOCK", "memory that is never swapped out", "keepers of keys"],
  ["CAP_LEASE", "leases on files", "file servers (Samba, NFS)"],
  ["CAP_LINUX_IMMUTABLE", "flags that make files unchangeable", "back-up programs"],
  ["CAP_MAC_ADMIN CAP_MAC_OVERRIDE", "rules of mandatory access control", "their administration"],
  ["CAP_SYS_BOOT", "restarting the machine", "managers of power"],
  ["CAP_SYS_PACCT", "the accounting of processes", "its daemon"],
  ["CAP_SYS_TTY_CONFIG", "configuring terminals", "log-in services"],
  ["CAP_WAKE_ALARM", "waking the machine", "timers"],
  ["CAP_BLOCK_SUSPEND", "keeping the machine awake", "managers of power"],
];

/** Groups of system calls beyond which a service seldom goes (systemd.exec(5)). */
const CALLS: readonly (readonly [string, string, string])[] = [
  ["@clock", "setting the clock", "daemons that keep time"],
  ["@cpu-emulation", "modes of the processor of other times", "emulators"],
  ["@debug", "tracing other processes", "debuggers"],
  ["@module", "loading kernel modules", "daemons that load drivers"],
  ["@mount", "mounting and changing its root folder", "daemons that mount, or lock themselves into a folder"],
  ["@obsolete", "calls that nobody should use", "very old programs"],
  ["@privileged", "calls that need root, changing the user too", "daemons that begin as root and change to a user"],
  ["@raw-io", "the machine's ports", "drivers outside the kernel"],
  ["@reboot", "restarting the machine", "managers of power"],
  ["@resources", "changing priorities, limits and affinity", "daemons that set their own limits or priority"],
  ["@swap", "swap areas", "managers of memory"],
];

const NAMESPACES: readonly (readonly [string, string])[] = [
  ["user", "name spaces in which it is root"],
  ["mnt", "views of the file system of its own"],
  ["net", "networks of its own"],
  ["pid", "process tables of its own"],
  ["ipc", "name spaces of System V objects"],
  ["uts", "host names of its own"],
  ["cgroup", "views of the control groups"],
];

/** Everything that is advised for a unit. The order here decides between two of one gain. */
export const DIRECTIVES: readonly Directive[] = [
  directive(
    "CapabilityBoundingSet",
    [""],
    "every piece of root's power, for root too",
    "daemons that begin as root: to bind a low port, to change to a user, to read files of others",
  ),
  directive(
    "SystemCallFilter",
    ["@system-service"],
    "every system call that services do not use",
    "daemons that mount, trace, load modules or set the clock",
    { onlyWhereUnset: true },
  ),
  directive(
    "RestrictAddressFamilies",
    ["none", "AF_UNIX", "AF_UNIX AF_INET AF_INET6", "AF_UNIX AF_INET AF_INET6 AF_NETLINK"],
    "kinds of sockets: raw packets, netlink, and those of old protocols",
    "with none: whoever makes a socket. Without AF_NETLINK: who asks for interfaces and routes",
    { usual: "AF_UNIX AF_INET AF_INET6", onlyWhereUnset: true },
  ),
  directive(
    "RestrictNamespaces",
    ["yes"],
    "name spaces of every kind, the first step of most ways into the kernel",
    "container managers, browsers, daemons with a sandbox of their own",
  ),
  switchedOn(
    "PrivateNetwork",
    "every network: only a loopback of its own is left",
    "whoever listens or connects itself, and is not handed its sockets",
  ),
  directive(
    "DynamicUser",
    ["yes"],
    "being root: it runs as a user that exists while it runs",
    "daemons that begin as root, and those whose files belong to a user of theirs. It moves StateDirectory=",
    { triable: false, onlyWhereUnset: true },
  ),
  switchedOn(
    "NoNewPrivileges",
    "gaining rights by set-user-ID programs",
    "daemons that call sudo, mail programs or PAM helpers",
  ),
  switchedOn(
    "PrivateDevices",
    "the machine's devices, but for null, zero, random and terminals",
    "daemons that drive hardware",
  ),
  switchedOn("PrivateTmp", "the /tmp of others", "daemons that meet others in /tmp"),
  switchedOn("PrivateMounts", "mounts that others see", "daemons that mount for others"),
  switchedOn(
    "PrivateUsers",
    "rights over files and processes of other users, and over the host",
    "daemons that begin as root, or write files of several users",
  ),
  directive(
    "ProtectSystem",
    ["strict", "full", "yes"],
    "writing to the file system; with full, to /usr, /boot and /etc",
    "with strict: whoever writes outside its own StateDirectory= and the like; name those folders in ReadWritePaths=",
  ),
  directive(
    "ProtectHome",
    ["yes", "read-only"],
    "the homes of users, /root and /run/user",
    "daemons that serve or read them",
  ),
  directive("ProtectProc", ["invisible"], "seeing processes of other users", "monitors of processes"),
  directive(
    "ProcSubset",
    ["pid"],
    "everything in /proc but processes",
    "who reads /proc/sys, /proc/meminfo, /proc/net",
  ),
  switchedOn("ProtectClock", "setting the clocks", "daemons that keep time"),
  switchedOn("ProtectControlGroups", "changing control groups", "container managers"),
  switchedOn("ProtectHostname", "changing the machine's name", "DHCP clients"),
  switchedOn("ProtectKernelLogs", "the kernel's messages", "daemons that read them"),
  switchedOn("ProtectKernelModules", "loading kernel modules", "daemons that load drivers"),
  switchedOn("ProtectKernelTunables", "settings of the kernel in /proc/sys and /sys", "daemons that set them"),
  switchedOn("LockPersonality", "changing how the kernel executes it", "emulators"),
  switchedOn(
    "MemoryDenyWriteExecute",
    "memory that is written and then run",
    "who compiles at run time: Java, Node, PCRE's JIT, LuaJIT",
  ),
  switchedOn("RestrictRealtime", "priorities above all others", "audio, time keeping"),
  switchedOn("RestrictSUIDSGID", "making set-user-ID files", "installers"),
  switchedOn("RemoveIPC", "System V objects that outlive it", "databases that find their memory again"),
  directive(
    "SystemCallArchitectures",
    ["native"],
    "system calls of other architectures, 32-bit ones too",
    "32-bit programs beside it",
  ),
  directive("UMask", ["0077"], "files that others can read", "daemons whose files others read: sockets, logs, content"),
  directive("KeyringMode", ["private"], "keys of other services", "who shares keys by the kernel's keyring"),
  directive(
    "IPAddressDeny",
    ["any"],
    "packets from and to every address",
    "whoever speaks over IP, until IPAddressAllow= names its clients and upstreams",
    { triable: false, onlyWhereUnset: true },
  ),
  ...CAPABILITIES.map(([names, takesAway, mayBreak, fewer]) =>
    directive(
      "CapabilityBoundingSet",
      [`~${names}`, ...(fewer === undefined ? [] : [`~${fewer}`])],
      takesAway,
      mayBreak,
    ),
  ),
  ...CALLS.map(([group, takesAway, mayBreak]) => directive("SystemCallFilter", [`~${group}`], takesAway, mayBreak)),
  ...NAMESPACES.map(([kind, takesAway]) =>
    directive("RestrictNamespaces", [`~${kind}`], takesAway, "container managers, daemons with a sandbox of their own"),
  ),
  directive("RestrictAddressFamilies", ["~AF_PACKET"], "raw packets", "DHCP, sniffers"),
  directive("RestrictAddressFamilies", ["~AF_NETLINK"], "netlink sockets", "who asks for interfaces and routes"),
];
