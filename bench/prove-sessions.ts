import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { ChannelFolder } from "../test/fixtures/channel-folder.ts";
import { RawFtp } from "../test/fixtures/raw-ftp.ts";
import { closed } from "../test/fixtures/raw-http.ts";
import { ftpStart, ServeProcess } from "../test/fixtures/serve-process.ts";
import { conclude, machine, say, table } from "./report.ts";

/**
 * `npm run prove:sessions`: `--connects` (100,000) connections over FTP and HTTP to one channel's process, whole sessions
 * and those that vanish, break off or send half a line, from many addresses of loopback; its memory and its descriptors
 * over time. Linux only: it reads /proc.
 */
const { values } = parseArgs({ options: { connects: { type: "string", default: "100000" } } });
const connects = Number(values.connects);
const AT_ONCE = 40;
const ADDRESSES = 64;
const STEPS = 20;
/** Bytes that memory may grow by from the first quarter to the end, and descriptors above those at the start. */
const MOST_GROWTH = 16 * 1024 * 1024;
const MOST_DESCRIPTORS = 4;

type Behaviour = (from: string) => Promise<void>;

const folder = await ChannelFolder.make();
await folder.revision("one", 1, {
  small: "0123456789",
  middle: 300_000,
  ...Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`names/n${index}`, `${index}`])),
});
await folder.point("staging", { one: 1 });
const serve = await ServeProcess.start(folder, { ftp: ftpStart(), session: { idle: 1_000, most: 10_000 } });
const wrong: string[] = [];

async function dialled(port: number, from: string): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", localAddress: from });
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
  return socket;
}

async function ask(ftp: RawFtp, line: string, code: string): Promise<void> {
  const reply = await ftp.ask(line);
  if (!reply.startsWith(code)) wrong.push(`${line}: ${reply}`);
}

function ftpSession(line: string, quits: boolean): Behaviour {
  return async (from) => {
    const ftp = await RawFtp.login(serve.ftpPort, from);
    const { reply } = await ftp.transfer(line);
    if (!reply.startsWith("226")) wrong.push(`${line}: ${reply}`);
    if (quits) await ask(ftp, "QUIT", "221");
    ftp.destroy();
  };
}

/** Sends this and takes what comes until the server ends the connection; or breaks off at once. */
function raw(port: () => number, bytes: string, breaks: boolean): Behaviour {
  return async (from) => {
    const socket = await dialled(port(), from);
    socket.resume();
    socket.write(bytes);
    if (breaks) socket.resetAndDestroy();
    else socket.end();
    await closed(socket);
  };
}

const http = (): number => serve.port;
const ftp = (): number => serve.ftpPort;
const BEHAVIOURS: readonly Behaviour[] = [
  ftpSession("RETR /one/small", true),
  ftpSession("RETR /one/middle", true),
  ftpSession("MLSD /one/names", false),
  async (from) => {
    const session = await RawFtp.login(serve.ftpPort, from);
    const data = await session.data();
    session.send("RETR /one/middle\r\n");
    data.resetAndDestroy();
    session.destroy();
  },
  raw(ftp, "USER anonymous\r\nPASS x\r\nEPSV\r\n", false),
  raw(ftp, "NOO", true),
  raw(ftp, "GET / HTTP/1.1\r\n\r\n", false),
  raw(http, "GET /one/small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false),
  raw(http, "GET /one/middle HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false),
  raw(http, "GET /one/ HTTP/1.0\r\n\r\n", false),
  raw(http, "GET /one/middle HTTP/1.1\r\nHost: x\r\n\r\n", true),
  raw(http, "GET /one", true),
];

interface Sample {
  readonly connects: number;
  readonly resident: number;
  readonly descriptors: number;
}

function sample(done: number): Sample {
  const status = readFileSync(`/proc/${serve.child.pid}/status`, "utf8");
  const resident = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1_024;
  return { connects: done, resident, descriptors: readdirSync(`/proc/${serve.child.pid}/fd`).length };
}

say(machine());
const samples: Sample[] = [sample(0)];
const began = performance.now();
let begun = 0;
try {
  for (let step = 1; step <= STEPS; step += 1) {
    const until = Math.round((connects * step) / STEPS);
    const worker = async (): Promise<void> => {
      while (begun < until) {
        const number = begun;
        begun += 1;
        const from = `127.0.1.${1 + (number % ADDRESSES)}`;
        // Each behaviour meets each address.
        await BEHAVIOURS[(number + Math.floor(number / ADDRESSES)) % BEHAVIOURS.length]?.(from);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    // What has ended on this side ends on the other a moment later.
    await new Promise((resolve) => setTimeout(resolve, 500));
    samples.push(sample(begun));
  }
} finally {
  await serve.stop();
  await folder.end();
}
const took = (performance.now() - began) / 1_000;
const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
say(
  `\n${table(
    ["connects", "resident MB", "descriptors"],
    samples.map(({ connects: done, resident, descriptors }) => [String(done), mb(resident), String(descriptors)]),
  )}`,
);
for (const line of wrong.slice(0, 5)) say(`wrong: ${line}`);
const [first] = samples;
const last = samples.at(-1);
const quarter = Math.max(...samples.slice(1, 1 + STEPS / 4).map(({ resident }) => resident));
const grown = Math.max(...samples.slice(1 + STEPS / 4).map(({ resident }) => resident)) - quarter;
const left = (last?.descriptors ?? 0) - (first?.descriptors ?? 0);
say(
  `\n${table(
    ["goal", "seen", "met"],
    [
      ["resident MB grown after the first quarter, at most 16", mb(grown), grown <= MOST_GROWTH ? "yes" : "NO"],
      ["descriptors left at the end, at most 4", String(left), left <= MOST_DESCRIPTORS ? "yes" : "NO"],
      ["wrong answers", String(wrong.length), wrong.length === 0 ? "yes" : "NO"],
    ],
  )}`,
);
conclude(
  {
    proof: "sessions",
    connects: begun,
    seconds: Math.round(took),
    grownBytes: grown,
    residentBytes: last?.resident,
    descriptorsLeft: left,
    wrong: wrong.length,
  },
  grown <= MOST_GROWTH && left <= MOST_DESCRIPTORS && wrong.length === 0,
);
