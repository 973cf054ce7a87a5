import type { Act, FileAct, Who } from "./film.ts";
import { pathText } from "./path-text.ts";
import { addressOf, descriptorPath, parseCall, parseTraceLine, stringOf, type TracedCall } from "./trace-line.ts";
import { NEEDED, OPENS, PATH_CALLS, SELDOM } from "./traced-calls.ts";

/** Processes that are known at once, and sockets whose kind is remembered. */
const MOST_KNOWN = 65_536;

/** What is known of a process that is traced. */
export interface TracedProcess {
  readonly uid: number | null;
  readonly program: string;
  readonly cwd: string;
}

export interface Seen {
  readonly at: number;
  readonly by: Who;
  readonly did: Act;
  readonly failed: string | null;
}

/** Makes acts of a trace, line by line. It keeps what a line does not say: who a process is, and the halves of calls. */
export class TraceReader {
  readonly #known: Map<number, TracedProcess>;
  readonly #begun = new Map<number, string>();
  readonly #sockets = new Map<string, "tcp" | "udp" | "other">();
  readonly #first: TracedProcess;
  readonly #take: (seen: Seen) => void;
  /** Lines that are none of a trace. */
  unread = 0;

  /** `first`: what a process is taken for of which nothing is known. */
  constructor(first: TracedProcess, known: ReadonlyMap<number, TracedProcess>, take: (seen: Seen) => void) {
    this.#first = first;
    this.#known = new Map(known);
    this.#take = take;
  }

  line(text: string): void {
    const line = parseTraceLine(text);
    if (line === null) {
      this.unread += 1;
      return;
    }
    if (line.kind === "ended") {
      this.#known.delete(line.pid);
      this.#begun.delete(line.pid);
    } else if (line.kind === "begun") {
      if (this.#begun.size < MOST_KNOWN) this.#begun.set(line.pid, line.text);
    } else if (line.kind === "call") this.#call(line.pid, line.at, line.call);
    else {
      const call = parseCall((this.#begun.get(line.pid) ?? "") + line.text);
      this.#begun.delete(line.pid);
      if (call === null) this.unread += 1;
      else this.#call(line.pid, line.at, call);
    }
  }

  /** A child may be seen before its parent's call has come back: then whoever is about to have a child is its parent. */
  #process(pid: number): TracedProcess {
    const known = this.#known.get(pid);
    if (known !== undefined) return known;
    const parent = [...this.#begun].findLast(([, text]) => /^(?:clone3?|v?fork)\(/.test(text))?.[0];
    const like = (parent === undefined ? undefined : this.#known.get(parent)) ?? this.#first;
    this.#learn(pid, like);
    return like;
  }

  #learn(pid: number, process: TracedProcess): void {
    if (this.#known.size < MOST_KNOWN || this.#known.has(pid)) this.#known.set(pid, process);
  }

  #call(pid: number, at: number, call: TracedCall): void {
    const { name, args, result } = call;
    // A call that the process's end cut off has no result, and did nothing that is known of.
    if (result.value === null) return;
    const failed = result.errno ?? (result.value < 0 ? "unknown" : null);
    const before = this.#process(pid);
    const say = (did: Act): void =>
      this.#take({ at, by: { pid, uid: before.uid, program: before.program }, did, failed });
    this.#follow(pid, before, call, failed, say);
    this.#files(pid, call, failed, say);
    this.#network(call, failed, say);
    if (SELDOM.includes(name) && !(name === "prlimit64" && args[2] === "NULL")) say({ act: "call", name, with: "" });
    // What MemoryDenyWriteExecute= refuses (systemd.exec(5)).
    const runs = /PROT_EXEC/.test(args[2] ?? "");
    if (runs && (name.endsWith("mprotect") || (name === "mmap" && /PROT_WRITE/.test(args[2] ?? ""))))
      say({ act: "call", name: "mprotect", with: "PROT_EXEC" });
    const needed = NEEDED[name];
    if (needed !== undefined && failed === null && before.uid === 0) say({ act: "right", name: needed, with: name });
  }

  /** What changes who a process is. */
  #follow(pid: number, before: TracedProcess, call: TracedCall, failed: string | null, say: (did: Act) => void): void {
    const { name, args, result } = call;
    const cwd = args[0]?.startsWith("AT_FDCWD<") === true ? descriptorPath(args[0]) : null;
    if (cwd !== null) this.#learn(pid, { ...before, cwd: pathText(cwd) });
    const spaces = [...args.join(" ").matchAll(/CLONE_NEW([A-Z]+)/g)].map(([, kind = ""]) => kind);
    if (/^(?:clone3?|unshare|setns)$/.test(name))
      for (const kind of spaces) say({ act: "namespace", name: kind.toLowerCase(), with: name });
    if (failed !== null) return;
    if (/^(?:clone3?|v?fork)$/.test(name) && result.value !== null && result.value > 0)
      this.#learn(result.value, this.#known.get(pid) ?? before);
    if (spaces.some((kind) => kind !== "USER") && before.uid === 0 && name !== "setns")
      say({ act: "right", name: "CAP_SYS_ADMIN", with: `${name}, name spaces` });
    if (name === "chdir")
      this.#learn(pid, { ...before, cwd: absolute(pathText(stringOf(args[0]) ?? new Uint8Array()), before.cwd) });
    if (name === "fchdir") this.#learn(pid, { ...before, cwd: pathText(descriptorPath(args[0]) ?? new Uint8Array()) });
    const uid = newUser(name, args);
    if (uid !== null) this.#learn(pid, { ...before, uid });
    if (name === "kill" && before.uid === 0) this.#signal(Number(args[0]), say);
  }

  /** Root's signal to a process of another user needs a right of its own. */
  #signal(to: number, say: (did: Act) => void): void {
    const uid = this.#known.get(Math.abs(to))?.uid ?? 0;
    if (uid !== 0) say({ act: "right", name: "CAP_KILL", with: "kill" });
  }

  #files(pid: number, { name, args, result }: TracedCall, failed: string | null, say: (did: Act) => void): void {
    const opened = OPENS[name];
    const uses =
      opened === undefined
        ? (PATH_CALLS[name] ?? [])
        : [{ ...opened, act: wayOf(name, args[opened.flags ?? -1] ?? "") }];
    const isFolder =
      /S_IFDIR|O_DIRECTORY|AT_REMOVEDIR/.test(args.join(" ")) || /^(?:mkdir|mkdirat|rmdir|chdir|chroot)$/.test(name);
    for (const { act, path, from } of uses) {
      const given = stringOf(args[path]);
      // NULL, or an empty name: what is meant is the descriptor, which was opened before. Only to be run is something new.
      const named = given?.length === 0 && name === "execveat" ? descriptorPath(args[0]) : given;
      if (named === null || named.length === 0) continue;
      const base = from === null ? this.#process(pid).cwd : pathText(descriptorPath(args[from]) ?? new Uint8Array());
      const asked = absolute(pathText(named), base === "" ? this.#process(pid).cwd : base);
      const folder = isFolder && failed === null;
      for (const one of ways(act, asked, opened === undefined ? null : result.path)) say({ ...one, folder });
      if (act === "execute" && failed === null) this.#learn(pid, { ...this.#process(pid), program: asked });
    }
  }

  #network({ name, args, result }: TracedCall, failed: string | null, say: (did: Act) => void): void {
    if (name === "socket") {
      const [family = "", type = ""] = args;
      const [kind = ""] = /SOCK_[A-Z]+/.exec(type) ?? [];
      if (/^AF_[A-Z0-9]+$/.test(family)) say({ act: "socket", name: family, with: kind });
      if (failed === null && (family === "AF_PACKET" || (kind === "SOCK_RAW" && family !== "AF_NETLINK")))
        say({ act: "right", name: "CAP_NET_RAW", with: `${family} ${kind}` });
      const held = result.path === null ? null : pathText(result.path);
      if (held !== null && this.#sockets.size < MOST_KNOWN)
        this.#sockets.set(held, kind === "SOCK_STREAM" ? "tcp" : kind === "SOCK_DGRAM" ? "udp" : "other");
      return;
    }
    const isSending = /^send(?:to|msg|mmsg)$/.test(name);
    if (name !== "bind" && name !== "connect" && !isSending) return;
    const address = addressOf(name === "sendto" ? args[4] : args[1]);
    if (address === null) return;
    const held = descriptorPath(args[0]);
    const text = pathText(address.bytes);
    say({
      act: name === "bind" ? "bind" : "connect",
      family: address.family,
      protocol:
        (address.family === "AF_UNIX" || held === null ? undefined : this.#sockets.get(pathText(held))) ??
        (address.family === "AF_UNIX" ? "other" : isSending ? "udp" : "tcp"),
      address: address.abstract ? `@${text}` : text,
      port: address.port,
    });
    if (name === "bind" && failed === null && address.port !== null && address.port > 0 && address.port < 1_024)
      say({ act: "right", name: "CAP_NET_BIND_SERVICE", with: `port ${address.port}` });
  }
}

/** How a file is opened; what is opened for writing with leave to make it may be new. */
function wayOf(name: string, flags: string): FileAct["act"] {
  if (name === "creat" || /O_CREAT|O_TMPFILE/.test(flags)) return "make";
  if (/O_PATH/.test(flags)) return "look";
  return /O_WRONLY|O_RDWR|O_TRUNC/.test(flags) ? "write" : "read";
}

/** As it was asked for, and where the kernel found it, for a way over links needs both. */
function ways(act: FileAct["act"], asked: string, found: Uint8Array | null): readonly Omit<FileAct, "folder">[] {
  const there = found === null ? asked : pathText(found);
  return there === asked || !there.startsWith("/")
    ? [{ act, path: asked }]
    : [
        { act, path: asked },
        { act, path: there },
      ];
}

/** setuid(2) and its kin: the effective user, where the call sets one. */
function newUser(name: string, args: readonly string[]): number | null {
  const place = name === "setuid" ? 0 : name === "setreuid" || name === "setresuid" ? 1 : null;
  const written = place === null ? undefined : args[place];
  return written !== undefined && /^\d{1,10}$/.test(written) ? Number(written) : null;
}

/** Without `.`, `..` and doubled slashes: links are followed by the kernel alone, which then says where it came to. */
function absolute(path: string, base: string): string {
  const parts: string[] = [];
  for (const part of `${path.startsWith("/") ? "" : base}/${path}`.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
