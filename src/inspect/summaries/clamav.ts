import type { FileRange } from "../../formats/archive/read-range.ts";
import { CVD_HEADER_BYTES } from "../feeds/clamav/cvd-header.ts";
import { Gathered } from "./gathered.ts";
import { TarFiles } from "./tar-files.ts";
import { type Unpack, unpacked } from "./unpacked.ts";

/** Signatures of a database by type: the ending of the member that they stand in, a line each. Names are not read: there are millions. */
export async function summarizeClamav(file: FileRange, path: string, unpack: Unpack): Promise<Gathered> {
  const gathered = new Gathered();
  const tar = new TarFiles((name) => {
    const type = /\.([A-Za-z0-9]{1,16})$/.exec(name)?.[1]?.toLowerCase();
    return type === undefined || type === "info" ? null : countLines((lines) => gathered.count(type, lines));
  });
  const body = { ...file, start: file.start + CVD_HEADER_BYTES };
  await unpacked(body, !/\.cld$/i.test(path), unpack, gathered, (piece) => tar.push(piece));
  tar.end();
  if (tar.fault !== null) gathered.fail(tar.fault);
  return gathered;
}

const [NEWLINE, HASH] = [0x0a, 0x23];

/** Lines that are neither empty nor a comment, whatever their length. */
function countLines(done: (lines: number) => void): (piece: Uint8Array | null) => void {
  let lines = 0;
  let atStart = true;
  return (piece) => {
    if (piece === null) {
      done(lines);
      return;
    }
    for (let at = 0; at < piece.length; ) {
      const byte = piece[at];
      if (atStart && byte !== NEWLINE) {
        if (byte !== HASH) lines += 1;
        atStart = false;
      }
      const end = piece.indexOf(NEWLINE, at);
      if (end === -1) return;
      atStart = true;
      at = end + 1;
    }
  };
}
