import type { Report } from "./sync-run.ts";

/** What is known of one file's transfer. */
interface Transfer {
  /** Bytes that came, over all tries. */
  got: number;
  /** Bytes that are thought to come: listed, announced, or as many as the held version has; `null` when unknown. */
  expected: number | null;
}

/**
 * How far the transfers of a run are, for whoever watches. The total is an estimate that gets better as the transfers announce
 * their sizes; nothing is decided by it, since it is the vendor's word.
 */
export class TransferMeter {
  readonly #report: Report;
  readonly #transfers = new Map<string, Transfer>();
  readonly #files: number;
  #filesDone = 0;
  #got = 0;
  /** The sum over the transfers whose size is known, and how many there are of the others. */
  #known = 0;
  #unknown = 0;

  /** `files`: the size that is expected of each path, `null` where nothing is known. */
  constructor(files: ReadonlyMap<string, number | null>, report: Report) {
    this.#report = report;
    this.#files = files.size;
    for (const [path, expected] of files) {
      this.#transfers.set(path, { got: 0, expected });
      if (expected === null) this.#unknown += 1;
      else this.#known += expected;
    }
  }

  /** The upstream said how many bytes are to come. */
  announced(path: string, bytes: number): void {
    this.#change(path, (transfer) => ({ ...transfer, expected: transfer.got + bytes }));
  }

  came(path: string, bytes: number): void {
    this.#change(path, (transfer) => ({ ...transfer, got: transfer.got + bytes }));
    this.#got += bytes;
    this.#tell();
  }

  /** The path's transfer is over, whatever came of it. */
  ended(path: string): void {
    if (!this.#transfers.has(path)) return;
    this.#change(path, ({ got }) => ({ got, expected: got }));
    this.#filesDone += 1;
    this.#tell();
  }

  #change(path: string, change: (transfer: Transfer) => Transfer): void {
    const before = this.#transfers.get(path);
    if (before === undefined) return;
    const after = change(before);
    this.#transfers.set(path, after);
    this.#known += thought(after) - thought(before);
    this.#unknown += Number(after.expected === null) - Number(before.expected === null);
  }

  #tell(): void {
    // Sizes that a vendor made up may add to more than a number holds; then there is no total to be told.
    const total = this.#unknown === 0 && Number.isSafeInteger(this.#known) ? Math.max(this.#got, this.#known) : null;
    this.#report(`fetching, ${this.#filesDone} of ${this.#files} files`, this.#got, total, "bytes");
  }
}

/** A file that turns out larger than was said counts for what came of it: a share never passes the whole. */
function thought({ got, expected }: Transfer): number {
  return expected === null ? 0 : Math.max(got, expected);
}
