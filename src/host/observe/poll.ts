import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { setTimeout as wait } from "node:timers/promises";
import { Failure } from "../../core/kernel/errors.ts";
import { unknown } from "../../core/machine/facts.ts";
import type { Act } from "../../core/observed/film.ts";
import type { OpenFile, Socket } from "../../core/observed/look.ts";
import { SERVICE_ENVIRONMENT } from "../../core/observed/service-environment.ts";
import type { TracedProcess } from "../../core/observed/trace.ts";
import { Root } from "../root.ts";
import type { Filmed, FilmWish } from "./film-wish.ts";
import { lookAtProcess, sharedOf } from "./look-at-process.ts";
import { Recording } from "./recorder.ts";
import { aboutProcess, withDescendants } from "./relatives.ts";

/** Films by looking again and again: what is shorter than the interval is missed, and so is everything that fails. */
export async function pollFilm(
  wish: FilmWish & { readonly poll: number },
  known: ReadonlyMap<number, TracedProcess>,
  write: (line: string) => void,
  stop: AbortSignal,
): Promise<Filmed> {
  const root = new Root("/");
  const child = wish.command === null ? null : await start(wish.command, wish.cwd);
  const first = child?.pid === undefined ? [...known.keys()] : [child.pid];
  const recording = new Recording(
    {
      film: 1,
      at: Date.now(),
      method: "poll",
      interval: wish.poll,
      command: wish.command?.[0] ?? null,
      uid: wish.command === null ? ([...known.values()][0]?.uid ?? null) : (process.geteuid?.() ?? null),
      gid: null,
    },
    write,
  );
  // One that is watched stays so when its parent has ended.
  let watched = new Set(first);
  while (!stop.aborted && watched.size > 0) {
    watched = new Set(withDescendants(root, [...watched]).filter((pid) => note(root, pid, recording)));
    await wait(wish.poll, undefined, { signal: stop }).catch(() => undefined);
  }
  if (child !== null && child.exitCode === null) child.kill("SIGTERM");
  return { method: "poll", end: recording.end(Date.now(), 0), exit: child?.exitCode ?? null };
}

async function start([program = "", ...args]: readonly string[], cwd: string): Promise<ChildProcess> {
  const child = spawn(program, args, { cwd, env: SERVICE_ENVIRONMENT, stdio: ["inherit", 2, 2] });
  const { promise, resolve, reject } = Promise.withResolvers<ChildProcess>();
  child.once("spawn", () => resolve(child));
  child.once("error", (cause) => reject(new Failure("film.failed", `${program}: ${cause.message}`, { cause })));
  return promise;
}

/** `false`: the process has ended. */
function note(root: Root, pid: number, recording: Recording): boolean {
  const about = aboutProcess(root, pid);
  if (about === null) return false;
  const look = lookAtProcess(root, pid, sharedOf(root), unknown("not asked"));
  const by = { pid, uid: about.uid, program: about.program };
  const say = (did: Act): void => recording.note({ at: Date.now(), by, did, failed: null });
  say({ act: "execute", path: about.program, folder: false });
  for (const { path } of "is" in look.libraries ? look.libraries.is : []) say({ act: "read", path, folder: false });
  for (const file of "is" in look.files ? look.files.is : []) {
    const act = fileAct(file);
    if (act !== null) say(act);
  }
  for (const socket of "is" in look.sockets ? look.sockets.is : []) {
    const act = socketAct(socket);
    if (act !== null) say(act);
  }
  return true;
}

function fileAct({ path, mode, deleted }: OpenFile): Act | null {
  if (!path.startsWith("/")) return null;
  if (mode === "path") return { act: "look", path, folder: false };
  // A file that is gone while it is open is a temporary one, made here.
  if (deleted) return { act: "make", path, folder: false };
  return { act: mode === "read" ? "read" : "write", path, folder: false };
}

function socketAct({ protocol, state, local, port, peer }: Socket): Act | null {
  if (local === null) return null;
  if (protocol === "unix") return { act: "bind", family: "AF_UNIX", protocol: "other", address: local, port: null };
  if (protocol !== "tcp" && protocol !== "udp") return null;
  if (state === "listening")
    return { act: "bind", family: local.includes(":") ? "AF_INET6" : "AF_INET", protocol, address: local, port };
  if (state !== "connected" || peer === null) return null;
  // A connection that came in has the port of a listener at its near end: only trace can tell the two apart for sure.
  const [, address = "", far = "0"] = /^(.*):(\d+)$/.exec(peer) ?? [];
  const family = address.includes(":") ? "AF_INET6" : "AF_INET";
  return port !== null && port < 32_768 ? null : { act: "connect", family, protocol, address, port: Number(far) };
}
