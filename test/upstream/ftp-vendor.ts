import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { drained } from "./drained.ts";
import { listenOnLoopback } from "./listen.ts";

/** One file of the scripted FTP vendor. */
export interface FtpVendorFile {
  readonly body: Uint8Array;
  /** An HTTP date; MDTM is unknown without it. */
  readonly lastModified?: string;
}

/** What the vendor does wrong; any may stand together. */
export interface FtpFaults {
  /** The host that 227 replies name, "10,0,0,1", instead of our own. */
  lyingHost?: string;
  /** The port that passive replies name instead of the one that listens. */
  lyingPort?: number;
  /** RETR never ends. */
  endless?: boolean;
  /** The data connection ends after so many bytes, and the control connection says 226 all the same. */
  cutAfter?: number;
  /** So many bytes, then silence. */
  stallAfter?: number;
  noExtendedPassive?: boolean;
  noMachineListing?: boolean;
  noRest?: boolean;
  noSize?: boolean;
  noModified?: boolean;
  /** SIZE answers this. */
  lyingSize?: number;
  /** The greeting: these bytes. */
  greeting?: string;
  /** Replies to commands, by their verb, instead of the right ones. */
  replies?: Record<string, string>;
  /** The control connection ends at this verb, once. */
  hangUpAt?: string;
}

export interface FtpVendor {
  /** "ftp://127.0.0.1:12345" */
  readonly url: string;
  /** By path without a leading slash. */
  readonly files: Map<string, FtpVendorFile>;
  readonly faults: FtpFaults;
  /** Every command as it came. */
  readonly commands: string[];
  /** Sessions that were opened. */
  sessions(): number;
  /** Bytes handed to data connections. */
  sent(): number;
  readonly close: () => Promise<void>;
}

/** A small reading-only FTP server on 127.0.0.1 that does what its faults say. */
export async function startFtpVendor(options: {
  readonly files?: Map<string, FtpVendorFile>;
  readonly faults?: FtpFaults;
  readonly login?: { readonly user: string; readonly password: string };
}): Promise<FtpVendor> {
  const vendor = new Vendor(options.files ?? new Map(), options.faults ?? {}, options.login ?? null);
  const server = createServer((socket) => vendor.open(socket));
  const port = await listenOnLoopback(server);
  return {
    url: `ftp://127.0.0.1:${port}`,
    files: vendor.files,
    faults: vendor.faults,
    commands: vendor.commands,
    sessions: () => vendor.sessions,
    sent: () => vendor.sent,
    close: async () => {
      server.close();
      vendor.closeAll();
      await once(server, "close");
    },
  };
}

class Vendor {
  readonly files: Map<string, FtpVendorFile>;
  readonly faults: FtpFaults;
  readonly login: { readonly user: string; readonly password: string } | null;
  readonly commands: string[] = [];
  sessions = 0;
  sent = 0;
  readonly #open = new Set<Socket | Server>();

  constructor(files: Map<string, FtpVendorFile>, faults: FtpFaults, login: Vendor["login"]) {
    this.files = files;
    this.faults = faults;
    this.login = login;
  }

  open(socket: Socket): void {
    this.sessions += 1;
    socket.setNoDelay(true);
    this.track(socket);
    new Session(this, socket).start();
  }

  track(thing: Socket | Server): void {
    this.#open.add(thing);
    thing.on("error", () => {});
    thing.on("close", () => this.#open.delete(thing));
  }

  closeAll(): void {
    for (const thing of this.#open) {
      if ("destroy" in thing) thing.destroy();
      else thing.close();
    }
  }
}

class Session {
  readonly #vendor: Vendor;
  readonly #control: Socket;
  #user = "";
  #rest = 0;
  #data: Promise<Socket> | null = null;
  #received = "";

  constructor(vendor: Vendor, control: Socket) {
    this.#vendor = vendor;
    this.#control = control;
  }

  start(): void {
    this.#control.write(this.#vendor.faults.greeting ?? "220-Welcome\r\n of the day\r\n220 ready\r\n");
    this.#control.on("data", (bytes: Buffer) => {
      this.#received += bytes.toString("utf8");
      const lines = this.#received.split("\r\n");
      this.#received = lines.pop() ?? "";
      for (const line of lines) void this.#command(line);
    });
  }

  #say(line: string): void {
    this.#control.write(`${line}\r\n`);
  }

  async #command(line: string): Promise<void> {
    const { faults, commands, login } = this.#vendor;
    commands.push(line);
    const [verb = "", ...rest] = line.split(" ");
    const argument = rest.join(" ");
    if (faults.hangUpAt === verb) {
      delete faults.hangUpAt;
      this.#control.destroy();
      return;
    }
    const scripted = faults.replies?.[verb];
    if (scripted !== undefined) {
      this.#control.write(scripted);
      return;
    }
    switch (verb) {
      case "USER":
        this.#user = argument;
        return this.#say("331 password?");
      case "PASS":
        return this.#say(this.#admits(login, argument) ? "230 in" : "530 no");
      case "TYPE":
        return this.#say("200 ok");
      case "SIZE":
        return this.#size(argument);
      case "MDTM":
        return this.#modified(argument);
      case "EPSV":
      case "PASV":
        return await this.#passive(verb);
      case "REST":
        if (faults.noRest === true) return this.#say("502 no");
        this.#rest = Number(argument);
        return this.#say("350 go on");
      case "RETR":
        return await this.#retrieve(argument);
      case "MLSD":
      case "LIST":
        return await this.#list(verb, argument);
      case "QUIT":
        this.#control.end("221 bye\r\n");
        return;
      default:
        return this.#say("502 not known");
    }
  }

  #admits(login: Vendor["login"], password: string): boolean {
    if (login === null) return this.#user === "anonymous";
    return this.#user === login.user && password === login.password;
  }

  #size(path: string): void {
    const file = this.#vendor.files.get(path);
    const { noSize, lyingSize } = this.#vendor.faults;
    if (noSize === true) this.#say("502 no");
    else if (file === undefined) this.#say("550 no such file");
    else this.#say(`213 ${lyingSize ?? file.body.length}`);
  }

  #modified(path: string): void {
    const time = this.#vendor.files.get(path)?.lastModified;
    if (time === undefined || this.#vendor.faults.noModified === true) this.#say("550 not known");
    else this.#say(`213 ${stamp(time)}`);
  }

  async #passive(verb: "EPSV" | "PASV"): Promise<void> {
    const { noExtendedPassive, lyingHost, lyingPort } = this.#vendor.faults;
    if (verb === "EPSV" && noExtendedPassive === true) return this.#say("500 not known");
    const server = createServer();
    this.#vendor.track(server);
    const { promise, resolve } = Promise.withResolvers<Socket>();
    this.#data = promise;
    server.once("connection", (socket) => {
      server.close();
      this.#vendor.track(socket);
      resolve(socket);
    });
    const listening = await listenOnLoopback(server);
    const port = lyingPort ?? listening;
    if (verb === "EPSV") return this.#say(`229 Extended passive (|||${port}|)`);
    return this.#say(`227 Passive (${lyingHost ?? "127,0,0,1"},${port >> 8},${port & 255}).`);
  }

  async #retrieve(path: string): Promise<void> {
    const file = this.#vendor.files.get(path);
    if (file === undefined || this.#data === null) return this.#say("550 no such file");
    const { endless, cutAfter, stallAfter } = this.#vendor.faults;
    this.#say("150 here it comes");
    const data = await this.#data;
    const body = file.body.subarray(this.#rest);
    this.#rest = 0;
    if (endless === true) {
      const piece = new Uint8Array(64 * 1024).fill(0x41);
      while (!data.destroyed) await this.#write(data, piece);
      return;
    }
    await this.#write(data, body.subarray(0, stallAfter ?? cutAfter ?? body.length));
    if (stallAfter !== undefined) return;
    data.end();
    this.#say("226 done");
  }

  async #list(verb: "MLSD" | "LIST", folder: string): Promise<void> {
    if (verb === "MLSD" && this.#vendor.faults.noMachineListing === true) return this.#say("500 not known");
    const below = folder === "" || folder.endsWith("/") ? folder : `${folder}/`;
    const lines = [...this.#vendor.files].flatMap(([path, file]) => {
      if (!path.startsWith(below)) return [];
      const name = path.slice(below.length);
      const size = file.body.length;
      return name.includes("/") ? [] : [verb === "MLSD" ? machineLine(name, size, file) : unixLine(name, size)];
    });
    if (lines.length === 0 || this.#data === null) return this.#say("550 no such folder");
    this.#say("150 here it comes");
    const data = await this.#data;
    await this.#write(data, Buffer.from(lines.join("")));
    data.end();
    this.#say("226 done");
  }

  async #write(data: Socket, piece: Uint8Array): Promise<void> {
    if (data.destroyed) return;
    this.#vendor.sent += piece.length;
    if (!data.write(piece)) await drained(data);
  }
}

/** "20261123164000" */
function stamp(httpDate: string): string {
  return new Date(httpDate).toISOString().replaceAll(/[-:T]|\.\d+Z$/g, "");
}

function machineLine(name: string, size: number, file: FtpVendorFile): string {
  const modify = file.lastModified === undefined ? "" : `modify=${stamp(file.lastModified)};`;
  return `type=file;size=${size};${modify} ${name}\r\n`;
}

function unixLine(name: string, size: number): string {
  return `-rw-r--r--    1 0        0        ${String(size).padStart(8)} Nov 23 16:40 ${name}\r\n`;
}
