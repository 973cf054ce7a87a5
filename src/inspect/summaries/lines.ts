/** Bytes of one line that are kept: a rule is far shorter; of what is longer only the end is looked for. */
const MOST_LINE = 64 * 1024;

/** Cuts bytes into lines as they come; a line that is too long is given as `null`. */
export class Lines {
  readonly #take: (line: string | null) => void;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(take: (line: string | null) => void) {
    this.#take = take;
  }

  push(piece: Uint8Array): void {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let from = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, from)) {
      this.#keep(bytes.subarray(from, end));
      this.#flush();
      from = end + 1;
    }
    this.#keep(bytes.subarray(from));
  }

  end(): void {
    if (this.#bytes > 0) this.#flush();
  }

  #keep(piece: Buffer): void {
    this.#bytes += piece.length;
    // A copy: the piece is part of a buffer of whoever unpacks.
    if (this.#bytes <= MOST_LINE && piece.length > 0) this.#pieces.push(Buffer.from(piece));
  }

  #flush(): void {
    const line = this.#bytes > MOST_LINE ? null : Buffer.concat(this.#pieces).toString("utf8").replace(/\r$/, "");
    this.#pieces = [];
    this.#bytes = 0;
    this.#take(line);
  }
}
