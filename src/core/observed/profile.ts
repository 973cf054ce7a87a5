import type { Capability } from "./capabilities.ts";
import { type ActLine, type FileAct, type Film, MOST_ACTS, type SocketAct, type WordAct } from "./film.ts";
import { fewest, folderOf, isShared, isWithin, type Place, placeOf } from "./generalise.ts";

/** One thing that a program needs, and the act of the film that says so. */
export interface Need {
  readonly value: string;
  readonly why: string;
}

/** What a film shows that a program needs, generalised. */
export interface Profile {
  /** The program that was started, or the first that was watched. */
  readonly program: string;
  /** Whether the film begins as root. */
  readonly startsAsRoot: boolean;
  /** Files and folders to be read, and programs to be run among them. */
  readonly reads: readonly Need[];
  readonly writes: readonly Need[];
  readonly executes: readonly Need[];
  readonly scratch: readonly Need[];
  readonly runtime: readonly Need[];
  readonly devices: readonly Need[];
  /** Files of the kernel beyond the process's own. */
  readonly kernel: readonly Need[];
  readonly families: readonly Need[];
  /** `tcp:80`; a port that the kernel chose is not among them. */
  readonly binds: readonly Need[];
  /** Ports that the kernel chose were bound. */
  readonly anyPort: Need | null;
  /** `tcp:443` of peers, and addresses beside them. */
  readonly connects: readonly Need[];
  /** Whether a connection to a local socket was made. */
  readonly reachesLocal: boolean;
  readonly capabilities: readonly Need[];
  readonly calls: readonly Need[];
  readonly namespaces: readonly Need[];
  /** What the film does not show well enough: for whoever reads the profile. */
  readonly doubts: readonly string[];
}

type Line = Film["acts"][number];

/** What a film shows that a program needs: what went well in it, made general where the next run will use others of its kind. */
export function profileOf(film: Film): Profile {
  const done = film.acts.filter(({ failed }) => failed === null || failed === "EINPROGRESS");
  const files = done.filter((line): line is Line & { did: FileAct } => "path" in line.did);
  const sockets = done.filter((line): line is Line & { did: SocketAct } => "address" in line.did);
  const words = (act: WordAct["act"]): readonly Need[] =>
    needs(
      done.filter((line): line is Line & { did: WordAct } => line.did.act === act),
      ({ did }) => did.name,
    );
  const places = files.flatMap((line) => {
    const place = placeOf(line.did);
    return place === null ? [] : [{ line, place }];
  });
  const local = sockets.filter(
    ({ did }) => did.family === "AF_UNIX" && !did.address.startsWith("@") && did.address !== "",
  );
  const bound = local.filter(({ did }) => did.act === "bind").flatMap((line) => asFile(line, "make"));
  const reached = local.filter(({ did }) => did.act === "connect").map((line) => reachedPlace(line));
  const all = [...places, ...bound];
  const writes = pathNeeds(all.filter(({ line }) => isWriting(line)));
  const readable = withoutWaysThere([...all.filter(({ line }) => !isWriting(line)), ...reached], writes);
  const executes = needs(
    files.filter(({ did }) => did.act === "execute"),
    ({ did }) => did.path,
  );
  const [head] = film.heads;
  const internet = sockets.filter(({ did }) => did.family !== "AF_UNIX");
  const ports = internet.filter(({ did }) => did.act === "bind");
  return {
    program: head.command?.startsWith("/") === true ? head.command : (executes[0]?.value ?? done[0]?.by.program ?? ""),
    startsAsRoot: head.uid === 0,
    reads: pathNeeds(readable).filter(({ value }) => !writes.some((written) => isWithin(value, written.value))),
    writes,
    executes,
    scratch: placeNeeds(all, "scratch"),
    runtime: placeNeeds(
      all.filter(({ line }) => isWriting(line)),
      "runtime",
    ),
    devices: placeNeeds(all, "device"),
    kernel: placeNeeds(all, "kernel"),
    families: words("socket"),
    binds: needs(
      ports.filter(({ did }) => did.port !== 0),
      ({ did }) => `${did.protocol === "udp" ? "udp" : "tcp"}:${did.port}`,
    ),
    anyPort:
      needs(
        ports.filter(({ did }) => did.port === 0),
        () => "any",
      )[0] ?? null,
    connects: needs(
      internet.filter(({ did }) => did.act === "connect"),
      ({ did }) => `${did.protocol === "udp" ? "udp" : "tcp"}:${did.port}`,
    ),
    reachesLocal: sockets.some(({ did }) => did.act === "connect" && did.family === "AF_UNIX"),
    capabilities: words("right").filter(({ value }) => value.startsWith("CAP_")),
    calls: words("call"),
    namespaces: words("namespace"),
    doubts: doubtsOf(
      film,
      ports.some(({ did }) => did.port === 0),
    ),
  };
}

const isWriting = ({ did }: { readonly did: ActLine["did"] }): boolean =>
  did.act === "write" || did.act === "make" || did.act === "remove";

/** A folder that was only looked at is there as soon as something in it is: all that lies in it is not given for that. */
function withoutWaysThere(placed: readonly Placed[], writes: readonly Need[]): readonly Placed[] {
  const isLook = ({ line: { did } }: Placed): boolean => did.act === "look" && "folder" in did && did.folder;
  const firm = [
    ...writes.map(({ value }) => value),
    ...placed.filter((each) => !isLook(each)).flatMap(({ place }) => ("path" in place ? [place.path] : [])),
  ];
  return placed.filter((each) => {
    const folder = "path" in each.place ? each.place.path : null;
    return !isLook(each) || folder === null || !firm.some((path) => isWithin(path, folder));
  });
}

interface Placed {
  readonly line: Line;
  readonly place: Place;
}

/** A local socket is a file where it was bound. */
function asFile(line: Line & { did: SocketAct }, act: FileAct["act"]): readonly Placed[] {
  const did: FileAct = { act, path: line.did.address, folder: false };
  const place = placeOf(did);
  return place === null ? [] : [{ line: { ...line, did }, place }];
}

/** Who listens may make the socket anew: its folder is what stays, unless it is everybody's. */
function reachedPlace(line: Line & { did: SocketAct }): Placed {
  // systemd's own way to its journal, behind a link.
  const path = line.did.address === "/dev/log" ? "/run/systemd/journal/dev-log" : line.did.address;
  const folder = folderOf(path);
  return { line, place: isShared(folder) ? { kind: "file", path } : { kind: "folder", path: folder } };
}

function placeNeeds(placed: readonly Placed[], kind: Place["kind"]): readonly Need[] {
  return needs(
    placed.filter(({ place }) => place.kind === kind && !(place.kind === "kernel" && place.own)),
    ({ place }) => ("name" in place ? place.name : place.path),
    ({ line }) => line,
  );
}

/** Paths, the fewest that hold all, each with the first act that needs it. */
function pathNeeds(placed: readonly Placed[]): readonly Need[] {
  const those = placed.flatMap(({ line, place }) =>
    place.kind === "file" || place.kind === "folder" ? [{ line, path: place.path }] : [],
  );
  const wanted = fewest(those.map(({ path }) => path));
  return wanted.map((value) => {
    const within = those.filter(({ path }) => isWithin(path, value)).map(({ line }) => line);
    return { value, why: whyOf(within) };
  });
}

/** One need for each value, with the acts that say so. */
function needs<T>(
  items: readonly T[],
  value: (item: T) => string,
  line: (item: T) => Line = (item) => item as unknown as Line,
): readonly Need[] {
  const found = new Map<string, Line[]>();
  for (const item of items) {
    const had = found.get(value(item)) ?? [];
    had.push(line(item));
    found.set(value(item), had);
  }
  return [...found].map(([each, lines]) => ({ value: each, why: whyOf(lines) }));
}

/** "nginx: read /etc/nginx/nginx.conf, and 12 more". */
function whyOf(lines: readonly Line[]): string {
  const [first] = lines;
  if (first === undefined) return "";
  const { did, by } = first;
  const what =
    "path" in did
      ? `${did.act} ${did.path}`
      : "address" in did
        ? `${did.act} ${did.address}${did.port === null ? "" : ` port ${did.port}`}`
        : did.act === "right"
          ? did.with
          : `${did.name}${did.with === "" ? "" : ` ${did.with}`}`;
  const more = lines.length === 1 ? "" : `, and ${lines.length - 1} more`;
  return `${by.program.split("/").at(-1) ?? ""}: ${what}${more}`;
}

function doubtsOf(film: Film, anyPort: boolean): readonly string[] {
  const refused = film.acts.filter(({ failed }) => failed === "EPERM" || failed === "EACCES" || failed === "EROFS");
  const polled = film.heads.filter(({ method }) => method === "poll").length;
  return [
    ...(film.heads.length === 1 ? ["one film only: what the program does seldom is not in it"] : []),
    ...(polled > 0 ? ["made by looking again and again: short acts, failed ones and calls are missing"] : []),
    ...(anyPort ? ["the kernel chose ports for it: no list of ports is enforced"] : []),
    ...(film.acts.some(({ did, failed }) => did.act === "call" && did.name === "io_uring_setup" && failed === null)
      ? ["io_uring was used: what goes that way is in no film"]
      : []),
    ...(film.left > 0 ? [`${film.left} acts beyond ${MOST_ACTS} were not kept`] : []),
    ...(film.unread > 0 ? [`${film.unread} lines of the trace could not be read`] : []),
    ...(film.broken > 0 ? ["the recording was broken off"] : []),
    ...(refused.length > 0
      ? [`${refused.length} acts were refused already, without this profile; it does not grant them`]
      : []),
  ];
}

/** A profile for a program that is started as a user of its own: what only becoming that user needed goes. */
export function asUser(profile: Profile): Profile {
  const becoming: readonly Capability[] = [
    "CAP_SETUID",
    "CAP_SETGID",
    "CAP_KILL",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
  ];
  const calls = /^(?:set(?:res|re|fs)?[ug]id|setgroups|l?chown|fchown(?:at)?)$/;
  return {
    ...profile,
    startsAsRoot: false,
    capabilities: profile.capabilities.filter(({ value }) => !becoming.some((each) => each === value)),
    calls: profile.calls.filter(({ value }) => !calls.test(value)),
  };
}
