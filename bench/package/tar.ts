const BLOCK = 512;

/** One member of an archive. */
export interface TarEntry {
  /** Relative, with `/`, without one at the end. */
  readonly path: string;
  readonly kind: "file" | "folder";
  readonly mode: number;
  /** User and group, by number: a name would mean another one elsewhere. */
  readonly owner: number;
  /** Nothing of a folder. */
  readonly content: Uint8Array;
}

/**
 * The pieces of a tar archive (ustar, POSIX.1-1988), the same from the same entries: in code-unit order, all of one time. Throws on
 * what the form cannot hold: nothing is cut off or said another way.
 */
export function* tarPieces(entries: readonly TarEntry[], epoch: number): Iterable<Uint8Array> {
  for (const entry of entries.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    yield headerOf(entry, epoch);
    if (entry.content.length === 0) continue;
    yield entry.content;
    yield Buffer.alloc((BLOCK - (entry.content.length % BLOCK)) % BLOCK);
  }
  // The end: two blocks of zeros.
  yield Buffer.alloc(2 * BLOCK);
}

function headerOf({ path, kind, mode, owner, content }: TarEntry, epoch: number): Uint8Array {
  const header = Buffer.alloc(BLOCK);
  const { prefix, name } = splitPath(kind === "folder" ? `${path}/` : path);
  const octal = (value: number, at: number, digits: number): void => {
    if (!Number.isSafeInteger(value) || value < 0 || value >= 8 ** digits)
      throw new Error(`${path}: ${value} is too much`);
    header.write(value.toString(8).padStart(digits, "0"), at, "latin1");
  };
  header.write(name, 0);
  octal(mode, 100, 7);
  octal(owner, 108, 7);
  octal(owner, 116, 7);
  octal(content.length, 124, 11);
  octal(epoch, 136, 11);
  header.write(kind === "folder" ? "5" : "0", 156, "latin1");
  header.write("ustar\u000000", 257, "latin1");
  header.write(prefix, 345);
  // The sum is over the header with its own field as spaces.
  header.fill(" ", 148, 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\u0000 `,
    148,
    "latin1",
  );
  return header;
}

/** 100 bytes of name, and 155 before them that end at a slash. */
function splitPath(path: string): { readonly prefix: string; readonly name: string } {
  if (!/^[\x20-\x7e]+$/.test(path)) throw new Error(`${path}: a name with other than ASCII`);
  if (path.length <= 100) return { prefix: "", name: path };
  const at = path.indexOf("/", path.length - 101);
  if (at === -1 || at > 155 || at === path.length - 1) throw new Error(`${path} is too long`);
  return { prefix: path.slice(0, at), name: path.slice(at + 1) };
}
