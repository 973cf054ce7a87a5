/** Telnet (RFC 854): "interpret as command", and the commands that stand behind it. */
const IAC = 0xff;
const SUBNEGOTIATION = 0xfa;
const SUBNEGOTIATION_END = 0xf0;
const FIRST_COMMAND = 0xf0;
const FIRST_OPTION = 0xfb;
const DATA_MARK = 0xf2;
const LF = 0x0a;
const CR = 0x0d;
/** The first byte of a TLS record that carries a hello (RFC 8446 section 5.1). */
const TLS_HANDSHAKE = 0x16;

/**
 * What came over a control connection: a line; `unreadable`, a line that is no text of ours (control bytes, no UTF-8);
 * `too-long`, more bytes than a line may have, telnet commands counted; `foreign`, the beginning of a TLS hello.
 * Nothing follows the last two: the connection ends.
 */
export type Received =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "unreadable" }
  | { readonly kind: "too-long" }
  | { readonly kind: "foreign" };

/**
 * Bytes of a control connection into lines (RFC 959 section 5.3 through RFC 854; bare LF too, as real clients send).
 * Telnet commands are taken out before anything else looks, and count as bytes of the line: a flood of them, which has
 * stopped other servers (CVE-2010-4221, CVE-2010-3972), hits the same ceiling as any long line.
 */
export class CommandReader {
  readonly #most: number;
  readonly #line: Buffer;
  #length = 0;
  /** Bytes since the last line's end, those of telnet included. */
  #raw = 0;
  #telnet: "none" | "iac" | "option" | "inside" | "inside-iac" = "none";
  /** An ABOR was taken at its CR: the LF behind it, if it comes, is part of it. */
  #abortTaken = false;
  #ended = false;

  /** `most`: bytes of one line. */
  constructor(most: number) {
    this.#most = most;
    this.#line = Buffer.allocUnsafeSlow(most);
  }

  *push(bytes: Uint8Array): Generator<Received> {
    for (const byte of bytes) {
      if (this.#ended) return;
      const received = this.#byte(byte);
      if (received === null) continue;
      this.#ended = received.kind === "too-long" || received.kind === "foreign";
      yield received;
    }
  }

  /** Forgets what came and was not yet a line: what is sent in clear behind AUTH must not be read in the tunnel. */
  drop(): void {
    this.#length = 0;
    this.#raw = 0;
    this.#telnet = "none";
    this.#abortTaken = false;
  }

  #byte(byte: number): Received | null {
    this.#raw += 1;
    if (this.#raw > this.#most) return { kind: "too-long" };
    if (this.#telnet !== "none" || byte === IAC) {
      const plain = this.#outOfTelnet(byte);
      if (plain === null) return null;
      return this.#plain(plain);
    }
    return this.#plain(byte);
  }

  /** The byte that stands for itself, or `null` for one that is telnet's. */
  #outOfTelnet(byte: number): number | null {
    switch (this.#telnet) {
      case "none":
        this.#telnet = "iac";
        return null;
      case "iac":
        if (byte === SUBNEGOTIATION) this.#telnet = "inside";
        else if (byte >= FIRST_OPTION && byte < IAC) this.#telnet = "option";
        else this.#telnet = "none";
        // Of "FF F4 FF" and an urgent "F2" before ABOR the last byte travels beside the stream: what then stands behind
        // the second FF is the A of ABOR, and no command.
        return byte === IAC || byte < FIRST_COMMAND ? byte : null;
      case "option":
        this.#telnet = "none";
        return null;
      case "inside":
        if (byte === IAC) this.#telnet = "inside-iac";
        return null;
      case "inside-iac":
        this.#telnet = byte === SUBNEGOTIATION_END ? "none" : "inside";
        return null;
    }
  }

  #plain(byte: number): Received | null {
    const behindAbort = this.#abortTaken;
    this.#abortTaken = false;
    if (byte !== LF) return this.#content(byte);
    return behindAbort ? null : this.#lineEnded();
  }

  #content(byte: number): Received | null {
    if (this.#length === 0 && byte === TLS_HANDSHAKE) return { kind: "foreign" };
    // Telnet's mark, when what stood before it was sent beside the stream: Net::FTP's ABOR begins with it.
    if (this.#length === 0 && byte === DATA_MARK) return null;
    this.#line[this.#length++] = byte;
    if (byte !== CR || !this.#isAbort()) return null;
    // ftplib sends ABOR as urgent data (RFC 959 section 4.1.3): its last byte, the LF, then travels beside the stream
    // and never arrives.
    const received = this.#lineEnded();
    this.#abortTaken = true;
    return received;
  }

  #isAbort(): boolean {
    return this.#length === 5 && this.#line.toString("latin1", 0, 4).toUpperCase() === "ABOR";
  }

  #lineEnded(): Received {
    const end = this.#length > 0 && this.#line[this.#length - 1] === CR ? this.#length - 1 : this.#length;
    const text = textOf(this.#line.subarray(0, end));
    this.drop();
    return text === null ? { kind: "unreadable" } : { kind: "line", text };
  }
}

// A byte order mark stays: what would be left out silently is a name of its own.
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 (RFC 2640), refused where it is overlong, cut off or has control characters. */
function textOf(bytes: Uint8Array): string | null {
  try {
    const text = UTF8.decode(bytes);
    return /\p{Cc}/u.test(text) ? null : text;
  } catch (cause) {
    if (cause instanceof TypeError) return null;
    throw cause;
  }
}
