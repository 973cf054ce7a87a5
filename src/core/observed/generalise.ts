import type { FileAct } from "./film.ts";

/** What a path that was used becomes in a profile: the next run uses others of its kind. */
export type Place =
  | { readonly kind: "file" | "folder"; readonly path: string }
  /** A private folder that is empty at each start: names in it are nobody else's. */
  | { readonly kind: "scratch"; readonly path: "/tmp" | "/var/tmp" | "/run" | "/dev/shm" }
  /** A folder of its own below /run, by its name. */
  | { readonly kind: "runtime"; readonly name: string }
  | { readonly kind: "device"; readonly path: string }
  /** Below /proc or /sys: `own` are files of the process itself. */
  | { readonly kind: "kernel"; readonly path: string; readonly own: boolean };

/** Folders in which many have files: nobody is given all of one. */
const SHARED: ReadonlySet<string> = new Set(
  `/ /bin /boot /dev /etc /etc/ssl /etc/ssl/private /home /lib /lib32 /lib64 /libx32 /media /mnt /opt /proc /root /run /sbin /srv
   /sys /usr /usr/bin /usr/games /usr/include /usr/lib /usr/lib32 /usr/lib64 /usr/libexec /usr/local /usr/local/bin /usr/local/lib
   /usr/local/sbin /usr/local/share /usr/sbin /usr/share /usr/src /var /var/backups /var/cache /var/lib /var/local /var/log
   /var/mail /var/opt /var/spool /var/www`
    .trim()
    .split(/\s+/),
);

/** Devices that everybody has under PrivateDevices= (systemd.exec(5)). */
const COMMON_DEVICES: ReadonlySet<string> = new Set(
  ["null", "zero", "full", "random", "urandom", "tty", "ptmx", "log", "stdin", "stdout", "stderr"].map(
    (name) => `/dev/${name}`,
  ),
);
const SCRATCH = ["/tmp", "/var/tmp", "/dev/shm"] as const;

export function isShared(path: string): boolean {
  return SHARED.has(path) || /^\/home\/[^/]+$/.test(path);
}

/** The folder of a path. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 1));
}

/** Whether one path is the other, or in it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || folder === "/" || path.startsWith(`${folder}/`);
}

const isWriting = ({ act }: FileAct): boolean => act === "write" || act === "make" || act === "remove";

/** Where a use of a file leads to. `null`: everybody has it. */
export function placeOf(act: FileAct): Place | null {
  const path = act.path.replace(/^\/var\/run(?=\/|$)/, "/run");
  if (isWithin(path, "/proc") || isWithin(path, "/sys"))
    return {
      kind: "kernel",
      path: path.replace(/^\/proc\/\d+/, "/proc/self"),
      own: /^\/proc\/(?:self|thread-self|\d+)(?:\/|$)/.test(path),
    };
  const scratch = SCRATCH.find((folder) => path.startsWith(`${folder}/`));
  if (scratch !== undefined) return { kind: "scratch", path: scratch };
  if (isWithin(path, "/dev"))
    return COMMON_DEVICES.has(path) || /^\/dev(?:\/pts(?:\/.*)?|\/fd(?:\/.*)?)?$/.test(path)
      ? null
      : { kind: "device", path };
  return isWriting(act) ? writtenPlace(act, path) : readPlace(act, path);
}

/** What is made or removed needs its folder, and another name will stand in it next time. */
function writtenPlace({ act, folder }: FileAct, path: string): Place {
  const [, runtime] = /^\/run\/([^/]+)\/./.exec(path) ?? [];
  if (runtime !== undefined) return { kind: "runtime", name: runtime };
  if (folderOf(path) === "/run") return { kind: "scratch", path: "/run" };
  const within = folderOf(path);
  if (act === "write" && folder) return { kind: "folder", path };
  // In a folder of many, only the file itself: it must be there before.
  return isShared(within) ? { kind: "file", path } : { kind: "folder", path: within };
}

function readPlace({ folder }: FileAct, path: string): Place | null {
  // These are there as soon as anything in them is.
  if (isShared(path)) return null;
  if (folder) return { kind: "folder", path };
  const [library] =
    /^(?:\/usr)?\/lib(?:32|64|x32)?\/[^/]+(?=\/)/.exec(path) ?? /^\/usr\/share\/[^/]+(?=\/)/.exec(path) ?? [];
  if (library !== undefined) return { kind: "folder", path: library };
  const within = folderOf(path);
  // A configuration is read file by file: beside it may lie a key that is none of its.
  if (isShared(within) || isWithin(path, "/etc") || isWithin(path, "/run")) return { kind: "file", path };
  return { kind: "folder", path: within };
}

/** Folders of one parent that are so many that the parent is meant; a shared one never is. */
const MANY_SIBLINGS = 3;
const MANY_FILES = 8;

/** The fewest paths that hold all of these: what lies in another goes, and many siblings become their folder. */
export function fewest(paths: readonly string[]): readonly string[] {
  let now = outermost(paths);
  for (;;) {
    const counts = new Map<string, number>();
    for (const path of now) counts.set(folderOf(path), (counts.get(folderOf(path)) ?? 0) + 1);
    const meant = [...counts].flatMap(([folder, count]) => {
      const many = isWithin(folder, "/etc") || isWithin(folder, "/usr") ? MANY_FILES : MANY_SIBLINGS;
      return count >= many && !isShared(folder) && !SHARED.has(folder) && folder !== "/run" ? [folder] : [];
    });
    if (meant.length === 0) return now;
    now = outermost([...now, ...meant]);
  }
}

function outermost(paths: readonly string[]): readonly string[] {
  const kept: string[] = [];
  // In this order a folder comes before what lies in it.
  for (const path of [...new Set(paths)].toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1)))
    if (!kept.some((folder) => isWithin(path, folder))) kept.push(path);
  return kept.toSorted();
}
