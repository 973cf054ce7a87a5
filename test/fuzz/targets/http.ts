import { parseSha256 } from "../../../src/core/kernel/digest.ts";
import type { FoundFile } from "../../../src/core/publish/channel-view.ts";
import type { HttpRequest } from "../../../src/serve/protocols/http/exchange.ts";
import { planFile } from "../../../src/serve/protocols/http/plan-file.ts";
import { requestTarget } from "../../../src/serve/protocols/http/request-path.ts";
import { RequestReader } from "../../../src/serve/protocols/http/request-reader.ts";
import type { Dice } from "../../fixtures/dice.ts";
import { mutate } from "../mutate.ts";
import { type FuzzTarget, mustHold } from "../target.ts";

const MOST = 8_192;
const NOW = Date.UTC(2026, 10, 25);
const TAG = `"${"ab".repeat(32)}"`;
const DATE = "Fri, 20 Nov 2026 08:30:15 GMT";

const FIELDS = [
  "User-Agent: Debian APT-HTTP/1.3 (2.6.1)",
  "Accept: */*",
  "Connection: keep-alive",
  "Connection: close, TE",
  "Expect: 100-continue",
  "Content-Length: 0",
  "Content-Length: 12",
  "Transfer-Encoding: chunked",
  "Range: bytes=0-",
  "Range: bytes=-5",
  "Range: bytes=0-1, 4-5,900-",
  `If-Range: ${TAG}`,
  `If-Range: ${DATE}`,
  `If-None-Match: W/${TAG}, "x"`,
  `If-Match: ${TAG}`,
  "If-Match: *",
  `If-Modified-Since: ${DATE}`,
  "If-Modified-Since: Friday, 20-Nov-26 08:30:15 GMT",
  "If-Unmodified-Since: Fri Nov 20 08:30:15 2026",
  "Referer: http://h/",
];
const TARGETS = [
  "/one/a",
  "/one/",
  "/one/%C3%BC.txt?x=y",
  "/by-hash/sha256/ab",
  "http://mirror:80/one/a",
  "*",
  "mirror:80",
  "/.ringfort/report?v=1",
];
const WORDS = [
  "\r\n",
  "\r\n\r\n",
  "\r",
  "\n",
  "\0",
  ":",
  " ",
  "\t",
  "%2f",
  "%00",
  "%",
  "?",
  "#",
  "HTTP/1.1",
  "HTTP/0.9",
];
const MORE = [", ", "bytes=", "-", "99999999999999999999", '"', "W/", "Host: n", "chunked", "é"];

const sha256 = parseSha256("ab".repeat(32));
const file: FoundFile | null =
  sha256 === null
    ? null
    : { kind: "file", path: "/one/a", source: "one", revision: 1, sha256, size: 1_000, lastModified: NOW - 1_000_000 };

function request(dice: Dice): string {
  const fields = Array.from({ length: dice.number(6) }, () => `${dice.pick(FIELDS)}\r\n`);
  const host = dice.number(8) === 0 ? "" : "Host: mirror\r\n";
  const method = dice.pick(["GET", "GET", "GET", "HEAD", "POST", "OPTIONS"]);
  return `${method} ${dice.pick(TARGETS)} HTTP/1.${dice.pick(["1", "1", "1", "0"])}\r\n${host}${fields.join("")}\r\n`;
}

/** What a client sends on a connection: heads of requests, what they ask for, on which conditions, and which part of it. */
export async function httpTarget(): Promise<FuzzTarget> {
  const corpus = [Buffer.from(`GET /one/a HTTP/1.1\r\nHost: m\r\nRange: bytes=0-1\r\nIf-Range: ${TAG}\r\n\r\n`)];
  return {
    input: (dice) => {
      const sound = Buffer.from(Array.from({ length: 1 + dice.number(3) }, () => request(dice)).join(""));
      return dice.number(3) === 0 ? sound : mutate(dice, sound, { words: [...WORDS, ...MORE], corpus });
    },
    async run(input) {
      const bytes = Buffer.from(input);
      const whole = read([bytes]);
      // Nothing of what is read depends on how the network cut it up.
      const cut = (bytes[0] ?? 0) % Math.max(1, bytes.length);
      const divided = read([bytes.subarray(0, cut), bytes.subarray(cut)]);
      mustHold(JSON.stringify(whole) === JSON.stringify(divided), "another reading of the same bytes in two pieces");
      let taken = 0;
      for (const one of whole) if (typeof one !== "number") taken += answerable(one);
      mustHold(taken <= bytes.length, "heads longer than what came");
      return whole.length > 0 && typeof whole.at(-1) !== "number";
    },
  };
}

function read(pieces: readonly Buffer[]): readonly (HttpRequest | number)[] {
  const reader = new RequestReader(MOST);
  const all: (HttpRequest | number)[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let next = reader.next(); next !== null; next = reader.next()) {
      all.push(next);
      if (typeof next === "number" || next.hasBody) return all;
    }
  }
  return all;
}

/** Takes a request as far as an answer's head; gives the bytes of its own. */
function answerable({ method, target, version, fields, length }: HttpRequest): number {
  mustHold(length <= MOST, "a head over its ceiling");
  mustHold(/^[!-~]+$/.test(target) && !target.includes("#"), "a target that is none");
  mustHold(version === "HTTP/1.0" || fields.host !== undefined, "HTTP/1.1 without a host");
  for (const value of Object.values(fields)) mustHold(!/[\r\n\0]/.test(value ?? ""), "a line end in a field");
  const { path } = requestTarget(target);
  mustHold(path === null || (path.startsWith("/") && !/[\p{Cc}\\]/u.test(path)), "a path that no view has");
  if (file === null || (method !== "GET" && method !== "HEAD")) return length;
  const plan = planFile(file, method, fields, NOW, () => "boundary");
  let last = -1;
  let sent = 0;
  for (const piece of plan.body) {
    if (piece instanceof Uint8Array) continue;
    mustHold(piece.first >= 0 && piece.last < file.size && piece.first <= piece.last, "bytes that the file has not");
    sent += piece.last - piece.first + 1;
    last = Math.max(last, piece.last);
  }
  mustHold(sent <= file.size && last < file.size, "more than the file");
  mustHold(
    plan.block.startsWith(`HTTP/1.1 ${plan.status} `) && !plan.block.includes("\r\n\r\n"),
    "a head that ends early",
  );
  return length;
}
