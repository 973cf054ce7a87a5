/**
 * A line of strace (6.x) with `-f -ttt -y -xx -s 0`: a number, a time, and a call. With `-xx` every string is hexadecimal, so that no name of a
 * file can look like anything but a name. What is not of this form is not guessed at.
 */

/** Characters of one line: two paths of 4,096 bytes in hexadecimal, with room to spare. */
export const MOST_TRACE_LINE = 128 * 1024;
const MOST_ARGUMENTS = 16;

export interface TracedCall {
  readonly name: string;
  readonly args: readonly string[];
  readonly result: {
    readonly value: number | null;
    /** Where the descriptor that came back leads. */
    readonly path: Uint8Array | null;
    readonly errno: string | null;
  };
}

/** `begun` and `resumed` are the halves of a call during which another process was seen. */
export type TraceLine = { readonly pid: number /** Milliseconds. */; readonly at: number } & (
  | { readonly kind: "call"; readonly call: TracedCall }
  | { readonly kind: "begun"; readonly text: string }
  | { readonly kind: "resumed"; readonly text: string }
  | { readonly kind: "ended" }
);

/** `null`: it is none. */
export function parseTraceLine(line: string): TraceLine | null {
  if (line.length > MOST_TRACE_LINE) return null;
  const [, pid, seconds, text] = /^(\d{1,10}) +(\d{1,11}\.\d{6}) (.+)$/.exec(line) ?? [];
  if (pid === undefined || seconds === undefined || text === undefined) return null;
  const head = { pid: Number(pid), at: Math.floor(Number(seconds) * 1_000) };
  if (/^\+\+\+ .* \+\+\+$/.test(text)) return { ...head, kind: "ended" };
  const begun = / ?<unfinished \.\.\.>$/.exec(text);
  if (begun !== null) return { ...head, kind: "begun", text: text.slice(0, begun.index) };
  const [resumed] = /^<\.\.\. [a-z_0-9]+ resumed>/.exec(text) ?? [];
  if (resumed !== undefined) return { ...head, kind: "resumed", text: text.slice(resumed.length) };
  const call = parseCall(text);
  return call === null ? null : { ...head, kind: "call", call };
}

/** `name(arguments) = result`. */
export function parseCall(text: string): TracedCall | null {
  const [head, name] = /^([a-z_0-9]{1,40})\(/.exec(text) ?? [];
  const [tail, value, path, errno] =
    /\) += (\?|-?\d+|0x[0-9a-f]+)(?:<((?:\\x[0-9a-f]{2})*)>)?(?:\(deleted\))?(?: ([A-Z][A-Z0-9_]*))?(?: \(.*\))?$/.exec(
      text,
    ) ?? [];
  if (head === undefined || name === undefined || tail === undefined || value === undefined) return null;
  const args = split(text.slice(head.length, text.length - tail.length));
  if (args === null) return null;
  return {
    name,
    args,
    result: {
      value: value === "?" ? null : Number(value),
      path: path === undefined ? null : bytesOf(path),
      errno: errno ?? null,
    },
  };
}

/** At commas outside of brackets. Strings are hexadecimal: they hold neither. */
function split(text: string): readonly string[] | null {
  const args: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === "(" || char === "[" || char === "{") depth += 1;
    else if (char === ")" || char === "]" || char === "}") depth -= 1;
    else if (char === "," && depth === 0) {
      args.push(text.slice(from, at).trim());
      from = at + 1;
      if (args.length > MOST_ARGUMENTS) return null;
    }
    if (depth < 0) return null;
  }
  const last = text.slice(from).trim();
  return depth === 0 ? (last === "" && args.length === 0 ? [] : [...args, last]) : null;
}

function bytesOf(hexadecimal: string): Uint8Array {
  return Uint8Array.from(hexadecimal.matchAll(/[0-9a-f]{2}/g), ([digits]) => Number.parseInt(digits, 16));
}

/** A string argument, whole: one that was cut ends in dots. */
export function stringOf(arg: string | undefined): Uint8Array | null {
  const [, hexadecimal] = /^@?"((?:\\x[0-9a-f]{2})*)"$/.exec(arg ?? "") ?? [];
  return hexadecimal === undefined ? null : bytesOf(hexadecimal);
}

/** Where a descriptor leads: `5<…>`, `AT_FDCWD<…>`. */
export function descriptorPath(arg: string | undefined): Uint8Array | null {
  const [, hexadecimal] = /^(?:-?\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>/.exec(arg ?? "") ?? [];
  return hexadecimal === undefined ? null : bytesOf(hexadecimal);
}

export interface TracedAddress {
  readonly family: "AF_INET" | "AF_INET6" | "AF_UNIX";
  readonly bytes: Uint8Array;
  readonly abstract: boolean;
  readonly port: number | null;
}

/** A socket address in braces, wherever it stands in an argument; `null`: none that has a name here. */
export function addressOf(arg: string | undefined): TracedAddress | null {
  const text = arg ?? "";
  const [, family] = /sa_family=(AF_[A-Z0-9]+)/.exec(text) ?? [];
  if (family === "AF_UNIX") {
    const [, at, path] = /sun_path=(@?)"((?:\\x[0-9a-f]{2})*)"/.exec(text) ?? [];
    if (path === undefined) return null;
    return { family, bytes: bytesOf(path), abstract: at === "@", port: null };
  }
  if (family !== "AF_INET" && family !== "AF_INET6") return null;
  const [, port] = /sin6?_port=htons\((\d{1,5})\)/.exec(text) ?? [];
  const [, address] = /(?:inet_addr\(|inet_pton\(AF_INET6, )"((?:\\x[0-9a-f]{2})*)"/.exec(text) ?? [];
  if (port === undefined || address === undefined) return null;
  return { family, bytes: bytesOf(address), abstract: false, port: Number(port) };
}
