import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readdir, readFile, readlink, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { must } from "./program.ts";

/** An image that independent programs have read: skopeo copied it by its digests, umoci unpacked it. */
export interface UnpackedImage {
  /** Its files as a container sees them. */
  readonly root: string;
  /** As skopeo tells it. */
  readonly digest: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly run: { readonly args: readonly string[]; readonly env: readonly string[]; readonly cwd: string };
  readonly user: { readonly uid: number; readonly gid: number };
}

/** Reads an archive of an image layout with skopeo, and unpacks it with umoci; `into` is made. */
export async function unpackImage(archive: string, into: string): Promise<UnpackedImage> {
  await mkdir(into, { recursive: true });
  const seen = JSON.parse(await must("skopeo", ["inspect", `oci-archive:${archive}`])) as {
    readonly Digest: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
  const layout = path.join(into, "layout");
  await must("skopeo", ["copy", "--insecure-policy", "-q", `oci-archive:${archive}`, `oci:${layout}:image`]);
  await must("umoci", ["unpack", "--image", `${layout}:image`, path.join(into, "bundle")]);
  const { process: ran } = JSON.parse(await readFile(path.join(into, "bundle/config.json"), "utf8")) as {
    readonly process: UnpackedImage["run"] & { readonly user: UnpackedImage["user"] };
  };
  const root = path.join(into, "bundle/rootfs");
  return { root, digest: seen.Digest, labels: seen.Labels, run: ran, user: ran.user };
}

export interface ImageLook {
  readonly files: number;
  readonly bytes: number;
  readonly executables: readonly string[];
  /** What an image of ours must not hold, by name with the reason. */
  readonly faults: readonly string[];
}

const MAY_RUN: ReadonlySet<string> = new Set(["usr/lib/ringfort/bin/node", "lib64/ld-linux-x86-64.so.2"]);
const SHELLS = /(?:^|\/)(?:sh|bash|dash|ash|busybox|toybox|zsh|env|apt|apt-get|dpkg|apk|rpm|npm|npx|python3?|perl)$/;

/** Looks at every file of an unpacked image: nothing can be run but node and the loader, by mode or by what it is. */
export async function lookAt(root: string): Promise<ImageLook> {
  const executables: string[] = [];
  const faults: string[] = [];
  let [files, bytes] = [0, 0];
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    const name = path.relative(root, file);
    if (entry.isSymbolicLink()) faults.push(`${name} is a link to ${await readlink(file)}`);
    if (entry.isSymbolicLink() || (!entry.isFile() && !entry.isDirectory())) continue;
    const { mode, size, uid } = await stat(file);
    if ((mode & 0o6000) !== 0) faults.push(`${name} has the mode ${mode.toString(8)}`);
    if ((mode & 0o022) !== 0 && name !== "tmp") faults.push(`${name} may be written by others`);
    if (!entry.isFile()) continue;
    files += 1;
    bytes += size;
    if (uid !== 0) faults.push(`${name} is not root's`);
    if ((mode & 0o111) !== 0) executables.push(name);
    if ((mode & 0o111) !== 0 && !MAY_RUN.has(name)) faults.push(`${name} may be run`);
    const kind = await beginning(file);
    // A library may be handed to the loader; a whole program, or a text that names its interpreter and may be run, may not be there.
    if (kind === "program" && !MAY_RUN.has(name) && !/\.so[.\d]*$/.test(name)) faults.push(`${name} is a program`);
    if (SHELLS.test(name)) faults.push(`${name} has the name of a program that runs others`);
  }
  return { files, bytes, executables: executables.toSorted(), faults };
}

async function beginning(file: string): Promise<"program" | "other"> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString("latin1") === "\u007fELF" ? "program" : "other";
  } finally {
    await handle.close();
  }
}

export interface RunningImage {
  /** The daemon's control socket, from outside. */
  readonly socket: string;
  readonly events: () => string;
  /** Asks it to end, as a runtime does; resolves to its exit code, and how long that took. */
  end(): Promise<{ readonly code: number | null; readonly seconds: number }>;
}

/** As a runtime does with `--read-only --cap-drop=all`: the image's own user and command, a volume for the data, one for the configuration. */
function containerCommand(
  { root, run, user }: UnpackedImage,
  folders: { readonly data: string; readonly etc: string },
): readonly string[] {
  const env = run.env.flatMap((entry) => ["--setenv", ...(/^([^=]+)=(.*)$/s.exec(entry) ?? []).slice(1)]);
  // The daemon is process 1, as in a container: nobody else takes its signals or its orphans.
  const apart = "--unshare-user --unshare-pid --as-pid-1 --unshare-ipc --unshare-uts --cap-drop ALL --die-with-parent";
  const mounts = `--ro-bind ${root} / --bind ${folders.data} /var/lib/ringfort --ro-bind ${folders.etc} /etc/ringfort`;
  const system = `--proc /proc --dev /dev --tmpfs /tmp --clearenv --chdir ${run.cwd}`;
  const as = `--uid ${user.uid} --gid ${user.gid}`;
  return ["bwrap", ...[mounts, system, apart, as].join(" ").split(" "), ...env];
}

const START_LIMIT = 30_000;

/** Starts the image's daemon with a configuration, and waits for it. */
export async function startImage(image: UnpackedImage, folder: string, config: object): Promise<RunningImage> {
  const folders = { data: path.join(folder, "data"), etc: path.join(folder, "etc") };
  await mkdir(folders.data, { recursive: true });
  await mkdir(folders.etc, { recursive: true });
  await writeFile(path.join(folders.etc, "ringfort.yaml"), JSON.stringify(config));
  const [program = "", ...args] = [...containerCommand(image, folders), ...image.run.args];
  const child: ChildProcess = spawn(program, args, { stdio: ["ignore", "inherit", "pipe"] });
  let events = "";
  const gone = once(child, "exit") as Promise<[number | null]>;
  const started = Promise.withResolvers<void>();
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    events += text;
    if (events.includes('"event":"daemon.started"')) started.resolve();
  });
  const limit = setTimeout(
    () => started.reject(new Error(`the image's daemon does not start:\n${events}`)),
    START_LIMIT,
  );
  const early = gone.then(([code]) =>
    started.reject(new Error(`the image's daemon ended (${String(code)}):\n${events}`)),
  );
  await Promise.race([started.promise, early]).finally(() => clearTimeout(limit));
  await started.promise;
  return {
    socket: path.join(folders.data, "control.sock"),
    events: () => events,
    end: async () => {
      const began = performance.now();
      // bubblewrap has become the parent of process 1: the signal is for that one.
      const inside = await firstChild(child.pid ?? -1);
      process.kill(inside, "SIGTERM");
      const [code] = await gone;
      return { code, seconds: (performance.now() - began) / 1_000 };
    },
  };
}

async function firstChild(pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  const [first] = children.trim().split(" ");
  if (first === undefined || first === "") throw new Error("nothing runs in the image");
  return Number(first);
}
