import { connect, type Socket } from "node:net";
import { parseArgs } from "node:util";

/**
 * A client of bench:serve, in a process of its own so that it can be pinned: fetches one file again and again for some
 * time, over FTP, and prints what it got as one line of JSON. The bytes are counted, and thrown away as they come.
 */
const { values } = parseArgs({
  options: {
    port: { type: "string" },
    file: { type: "string" },
    /** `new`: a session for each transfer; `one`: all on one. */
    sessions: { type: "string", default: "new" },
    clients: { type: "string", default: "1" },
    seconds: { type: "string", default: "2" },
  },
});
const port = Number(values.port);

/** All bytes of data connections land here: nobody looks at them. */
const sink = Buffer.allocUnsafeSlow(1024 * 1024);

class Session {
  readonly #socket: Socket;
  #text = "";
  #wake: () => void = () => undefined;

  constructor() {
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.setEncoding("latin1").on("data", (text: string) => {
      this.#text += text;
      this.#wake();
    });
  }

  /** The next reply's code and its line. */
  async reply(): Promise<string> {
    for (;;) {
      const [line] = /^\d{3} .*\r\n/m.exec(this.#text) ?? [];
      if (line !== undefined) {
        this.#text = this.#text.slice(this.#text.indexOf(line) + line.length);
        return line;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async ask(line: string, code: string): Promise<string> {
    this.#socket.write(`${line}\r\n`);
    const reply = await this.reply();
    if (!reply.startsWith(code)) throw new Error(`${line}: ${reply}`);
    return reply;
  }

  async login(): Promise<void> {
    await this.reply();
    await this.ask("USER anonymous", "331");
    await this.ask("PASS bench@", "230");
    await this.ask("TYPE I", "200");
  }

  /** Bytes of one whole transfer. */
  async fetch(file: string): Promise<number> {
    const [, dataPort = "0"] = /\|\|\|(\d+)\|/.exec(await this.ask("EPSV", "229")) ?? [];
    let bytes = 0;
    const onread = {
      buffer: sink,
      callback: (some: number): boolean => {
        bytes += some;
        return true;
      },
    };
    const data = connect({ port: Number(dataPort), host: "127.0.0.1", onread });
    const ended = new Promise((resolve) => data.once("close", resolve));
    await this.ask(`RETR ${file}`, "150");
    await ended;
    const reply = await this.reply();
    if (!reply.startsWith("226")) throw new Error(reply);
    return bytes;
  }

  async quit(): Promise<void> {
    await this.ask("QUIT", "221");
    this.#socket.destroy();
  }
}

const file = values.file ?? "";
const began = performance.now();
const until = began + Number(values.seconds) * 1_000;
let transfers = 0;
let bytes = 0;

async function client(): Promise<void> {
  let session: Session | null = null;
  while (performance.now() < until) {
    if (session === null) {
      session = new Session();
      await session.login();
    }
    bytes += await session.fetch(file);
    transfers += 1;
    if (values.sessions === "one") continue;
    await session.quit();
    session = null;
  }
  await session?.quit();
}

await Promise.all(Array.from({ length: Number(values.clients) }, client));
const seconds = (performance.now() - began) / 1_000;
process.stdout.write(`${JSON.stringify({ transfers, bytes, seconds })}\n`);
