import { quoteOutside } from "../kernel/errors.ts";
import { quoteWord, type WrittenSection, writeUnit } from "../units/write-unit.ts";
import { isWithin } from "./generalise.ts";
import type { Need, Profile } from "./profile.ts";

/** What a film cannot tell, and the operator does. */
export interface UnitWish {
  /** The command, program first; `null`: the film's program without arguments. */
  readonly command: readonly string[] | null;
  /** Whom it begins as; `dynamic`: a user of its own for as long as it runs; `null`: as in the film. */
  readonly user: string | null;
  /** Networks that it may speak to; empty: nothing is said of addresses. */
  readonly peers: readonly string[];
  /** Folders that this machine has in its root: whatever is in them is hidden but for what is named. */
  readonly topFolders: readonly string[];
  /** Without what a unit must have of its own, to be put beside one that is there. */
  readonly dropIn: boolean;
}

type Entry = WrittenSection["entries"][number];

/** A unit's file that lets the program do what its profile holds, and as little else as systemd can say (systemd.exec(5)). */
export function unitOfProfile(profile: Profile, wish: UnitWish, heading: string): string {
  const service = [
    ...(wish.dropIn ? [] : startEntries(profile, wish)),
    ...rightEntries(profile, wish),
    ...fileEntries(profile, wish),
    ...kernelEntries(profile),
    ...networkEntries(profile, wish),
    ...callEntries(profile),
  ];
  const name = profile.program.split("/").at(-1) ?? "a program";
  const unit: WrittenSection = { name: "Unit", entries: [entry("Description", `${plain(name)}, as it was observed`)] };
  const install: WrittenSection = { name: "Install", entries: [entry("WantedBy", "multi-user.target")] };
  const section: WrittenSection = { name: "Service", entries: service };
  return writeUnit(heading, wish.dropIn ? [section] : [unit, section, install]);
}

const entry = (name: string, value: string, comment = ""): Entry => ({ name, value, comment: plain(comment) });
/** Fit for a comment: names of files come from whoever makes files, and a unit is read by people too. */
const plain = (text: string): string => quoteOutside(text, 400);
/** As a word of a unit; `null` for what none can hold, or what would show as something else than it is. */
const wordOf = (text: string): string | null =>
  text.includes("\\") || quoteOutside(text, text.length) !== text ? null : quoteWord(text);

/** Each value on a line of its own, with why; a value that no unit can hold is left out (`leftOut`). */
function each(name: string, needs: readonly Need[], value: (quoted: string) => string = (quoted) => quoted): Entry[] {
  return needs.flatMap((need) => {
    const quoted = wordOf(need.value);
    return quoted === null ? [] : [entry(name, value(quoted), need.why)];
  });
}

/** How many of a profile's paths no unit can hold. */
export function leftOut({ reads, writes, executes, runtime, devices }: Profile): number {
  return [reads, writes, executes, runtime, devices].flat().filter(({ value }) => wordOf(value) === null).length;
}

function startEntries({ program }: Profile, { command }: UnitWish): readonly Entry[] {
  const words = (command ?? [program]).map((word) => quoteWord(word.replaceAll("$", "$$$$")) ?? '""');
  const note = command === null ? "a film holds no arguments: write them behind it" : "";
  return [entry("Type", "exec"), entry("ExecStart", words.join(" "), note)];
}

function rightEntries({ capabilities, startsAsRoot }: Profile, { user }: UnitWish): readonly Entry[] {
  const who: readonly Entry[] =
    user === "dynamic"
      ? [entry("DynamicUser", "yes", "a user that exists while it runs")]
      : user === null
        ? []
        : [entry("User", user)];
  const bounding =
    capabilities.length === 0 ? [entry("CapabilityBoundingSet", "")] : each("CapabilityBoundingSet", capabilities);
  const ambient =
    user === null
      ? []
      : each(
          "AmbientCapabilities",
          capabilities.map(({ value }) => ({ value, why: "" })),
        );
  const isRoot = startsAsRoot && user === null;
  return [
    ...who,
    ...bounding.map((line, index) =>
      index === 0 && isRoot ? { ...line, comment: `it begins as root, as in the film; ${line.comment ?? ""}` } : line,
    ),
    ...ambient,
    entry("NoNewPrivileges", "yes"),
    entry("RestrictSUIDSGID", "yes"),
    // A user name space takes away what capabilities outside of it would be for.
    ...(isRoot || capabilities.length > 0 ? [] : [entry("PrivateUsers", "yes")]),
    ...(isRoot ? [] : [entry("RemoveIPC", "yes")]),
    entry("KeyringMode", "private"),
    entry("LimitCORE", "0"),
  ];
}

const LOADER: readonly Need[] = [
  { value: "/lib64", why: "the loader, which the kernel opens by itself" },
  { value: "/etc/ld.so.cache", why: "the loader" },
];

function fileEntries(profile: Profile, { topFolders, user }: UnitWish): readonly Entry[] {
  const { reads, writes, scratch, runtime, devices, executes } = profile;
  const shown = [...LOADER, ...executes, ...reads].filter(
    ({ value }, index, all) =>
      !writes.some((written) => isWithin(value, written.value)) &&
      !all.some((other, at) => (other.value !== value || at < index) && isWithin(value, other.value)),
  );
  const hasHome = [...shown, ...writes].some(({ value }) => /^\/(?:home|root|run\/user)(?:\/|$)/.test(value));
  const own = new Set(["home", "root", "dev", "proc", "sys", "tmp", "run"]);
  const hidden = topFolders.filter((name) => !own.has(name) && wordOf(name) !== null);
  const run = scratch.find(({ value }) => value === "/run");
  return [
    entry("ProtectSystem", "strict"),
    entry("ProtectHome", hasHome ? "tmpfs" : "yes"),
    entry(
      "TemporaryFileSystem",
      hidden.map((name) => `${quoteWord(`/${name}`)}:ro`).join(" "),
      "nothing is seen of these but what is bound below",
    ),
    // Whoever is not root needs leave to write in it; nobody else is there.
    entry(
      "TemporaryFileSystem",
      run === undefined ? "/run:ro" : user === null ? "/run" : "/run:mode=1777",
      run?.why ?? "",
    ),
    // What is missing when it starts is passed over: a film holds files that come and go.
    ...each("BindReadOnlyPaths", shown, (path) => `-${path}`),
    ...writes.flatMap((need) => [
      ...each("BindPaths", [need]),
      ...each("ReadWritePaths", [{ ...need, why: "" }]),
      ...each("NoExecPaths", [{ ...need, why: "" }]),
    ]),
    ...each("RuntimeDirectory", runtime),
    entry("PrivateTmp", "yes", scratch.find(({ value }) => value !== "/run")?.why ?? ""),
    ...(devices.length === 0
      ? [entry("PrivateDevices", "yes")]
      : [entry("DevicePolicy", "closed"), ...each("DeviceAllow", devices, (path) => `${path} rw`)]),
  ];
}

function kernelEntries({ kernel, calls, namespaces }: Profile): readonly Entry[] {
  const proc = kernel.find(({ value }) => value.startsWith("/proc/"));
  const has = (...names: readonly string[]): boolean => calls.some(({ value }) => names.includes(value));
  const [run] = calls.filter(({ value }) => value === "mprotect");
  const kinds = namespaces.map((need) => ({ ...need, value: need.value === "ns" ? "mnt" : need.value }));
  return [
    entry("ProtectProc", "invisible"),
    ...(proc === undefined ? [entry("ProcSubset", "pid")] : [entry("ProcSubset", "all", proc.why)]),
    entry("ProtectKernelTunables", "yes"),
    ...(has("init_module", "finit_module", "delete_module") ? [] : [entry("ProtectKernelModules", "yes")]),
    entry("ProtectKernelLogs", "yes"),
    entry("ProtectControlGroups", "yes"),
    ...(has("clock_settime", "settimeofday", "adjtimex", "clock_adjtime") ? [] : [entry("ProtectClock", "yes")]),
    ...(has("sethostname", "setdomainname") ? [] : [entry("ProtectHostname", "yes")]),
    ...(kinds.length === 0 ? [entry("RestrictNamespaces", "yes")] : each("RestrictNamespaces", kinds)),
    entry("LockPersonality", "yes"),
    ...(run === undefined
      ? [entry("MemoryDenyWriteExecute", "yes")]
      : [entry("MemoryDenyWriteExecute", "no", run.why)]),
    ...(has("sched_setscheduler", "sched_setattr") ? [] : [entry("RestrictRealtime", "yes")]),
    entry("PrivateIPC", "yes"),
  ];
}

function networkEntries(profile: Profile, { peers }: UnitWish): readonly Entry[] {
  const { families, binds, connects, anyPort } = profile;
  const isInternet = families.some(({ value }) => value === "AF_INET" || value === "AF_INET6");
  const listed =
    families.length === 0 ? [entry("RestrictAddressFamilies", "none")] : each("RestrictAddressFamilies", families);
  if (!isInternet) return [...listed, entry("PrivateNetwork", "yes"), entry("IPAddressDeny", "any")];
  const ports = anyPort === null ? [entry("SocketBindDeny", "any"), ...each("SocketBindAllow", withRanges(binds))] : [];
  const [first] = connects;
  const addresses =
    peers.length === 0
      ? []
      : [
          entry("IPAddressDeny", "any"),
          entry("IPAddressAllow", peers.join(" "), first === undefined ? "its clients" : "its clients and upstreams"),
        ];
  return [...listed, ...ports, ...addresses];
}

/** High ports of one protocol that lie so close are chosen from a range: at least so many of them. */
const PORT_GAP = 16;
const MANY_PORTS = 3;

/** A film holds some ports of a range from which one is chosen for each connection; those between them are of it, too. */
function withRanges(binds: readonly Need[]): readonly Need[] {
  const [low, high] = [
    binds.filter(({ value }) => portIn(value) < 1_024),
    binds.filter(({ value }) => portIn(value) >= 1_024),
  ];
  const found: Need[] = [];
  for (const protocol of ["tcp", "udp"]) {
    const those = high
      .filter(({ value }) => value.startsWith(protocol))
      .toSorted((a, b) => portIn(a.value) - portIn(b.value));
    let run: Need[] = [];
    const close = (): void => {
      const [first, last] = [run[0], run.at(-1)];
      if (first === undefined || last === undefined || run.length < MANY_PORTS) found.push(...run);
      else
        found.push({
          value: `${first.value}-${portIn(last.value)}`,
          why: `${first.why}, and others: widen it to what the program is configured with`,
        });
      run = [];
    };
    for (const need of those) {
      const before = run.at(-1);
      if (before !== undefined && portIn(need.value) - portIn(before.value) > PORT_GAP) close();
      run.push(need);
    }
    close();
  }
  return [...low, ...found];
}

const portIn = (value: string): number => Number(value.slice(value.indexOf(":") + 1));

/** In every service's group already. */
const USUAL: ReadonlySet<string> = new Set(["prlimit64", "personality", "memfd_create", "mprotect"]);

/**
 * By systemd's groups: an exact list from one film fails at the next run, for libraries choose their calls by what they find. Only what
 * services seldom need is given one by one, where the film shows it.
 */
function callEntries({ calls, connects, families, reachesLocal }: Profile): readonly Entry[] {
  const mayConnect = connects.length > 0 || reachesLocal || families.length === 0;
  return [
    entry("SystemCallFilter", "@system-service", "by groups: an exact list from a film fails at the next run"),
    entry("SystemCallFilter", "~@privileged @resources @keyring io_uring_setup"),
    ...each(
      "SystemCallFilter",
      calls.filter(({ value }) => !USUAL.has(value)),
    ),
    ...(mayConnect ? [] : [entry("SystemCallFilter", "~connect", "the film shows no connection that it made")]),
    entry("SystemCallArchitectures", "native"),
    entry("SystemCallErrorNumber", "EPERM"),
  ];
}
