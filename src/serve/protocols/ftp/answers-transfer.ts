import type { FoundFile } from "../../../core/publish/channel-view.ts";
import type { OpenBlob } from "../../blobs.ts";
import { factsLine, type LineOf, listingPieces, longLine, nameLine } from "./listing.ts";
import { folderIn, nameIn, withoutOptions } from "./names.ts";
import { type Answer, type Found, find, NOT_FOUND, type OwnFile, rowOf, type Talk } from "./talk.ts";
import { ENDINGS, type Errand, transferred, UNAVAILABLE } from "./transferred.ts";

/** RFC 959 section 4.1.3; from where REST said, which holds for one RETR. */
export const retr: Answer = async (talk, argument) => {
  const { state, service } = talk;
  const from = state.rest;
  state.rest = 0;
  const found = find(talk, nameIn(state.folder, argument ?? ""));
  // The data port waits on: a client that has tried a folder as a file lists it over the same one.
  if (found === null || found.kind === "directory") return NOT_FOUND;
  // RFC 3659 section 5.4: an offset behind the end.
  if (from > found.size) return "554 The offset is behind the file's end.";
  const blob = await open(talk, found);
  if (blob === null) return UNAVAILABLE;
  try {
    return await transferred(talk, {
      ...errandOf("sent", found),
      size: found.size,
      run: async (transfer) => {
        const { buffers, elapsed } = service.serving;
        const ended = await transfer.file(blob, from, found.size, buffers, elapsed);
        noteSent(talk, found, from, transfer.sent, ended === "sent");
        if (ended === "short" && found.kind === "file") service.serving.blobMissing(found, "size-differs");
        return ENDINGS[ended];
      },
    });
  } finally {
    blob.close();
  }
};

function noteSent(talk: Talk, found: FoundFile | OwnFile, from: number, sent: number, complete: boolean): void {
  if (found.kind === "own") return;
  const parts = [{ first: from, last: found.size - 1 }];
  talk.service.serving.sightings?.sent(talk.seen(), found, parts, { bytes: sent, complete });
}

async function open({ service }: Talk, found: FoundFile | OwnFile): Promise<OpenBlob | null> {
  if (found.kind === "own") return { held: found.bytes, read: () => Promise.resolve(0), close: () => undefined };
  const blob = await service.serving.blobs.open(found.sha256, found.size);
  if (typeof blob !== "string") return blob;
  service.serving.blobMissing(found, blob);
  return null;
}

/** RFC 959 section 4.1.3. Options are ignored, patterns are names that are not there: nothing walks a tree. */
export const list: Answer = (talk, argument) =>
  listed(talk, "LIST", withoutOptions(argument), longLine(talk.service.serving.now()));

export const nlst: Answer = (talk, argument) => {
  const name = withoutOptions(argument);
  return listed(talk, "NLST", name, nameLine(name === "." ? "" : name));
};

/** RFC 3659 section 7.2. */
export const mlsd: Answer = (talk, argument) => {
  const found = find(talk, folderIn(talk.state.folder, argument ?? ""));
  if (found !== null && found.kind !== "directory") return "501 Not a directory.";
  return listed(talk, "MLSD", argument ?? "", factsLine(talk.state.facts));
};

function listed(talk: Talk, method: string, name: string, line: LineOf): Promise<string> | string {
  const { folder } = talk.state;
  const found = find(talk, folderIn(folder, name)) ?? find(talk, nameIn(folder, name));
  if (found === null) return NOT_FOUND;
  const pieces =
    found.kind === "directory"
      ? listingPieces(found, line)
      : oneLine(method === "NLST" ? name : line(rowOf(found, name)));
  return transferred(talk, {
    ...errandOf(method, found),
    size: null,
    run: async (transfer) => {
      const { ended, complete } = await transfer.text(paidFor(talk, pieces));
      // RFC 959 section 4.2.1: the action was aborted here.
      if (ended === "sent" && !complete) return "451 There are more names than one listing has.";
      return ENDINGS[ended];
    },
  });
}

/** Each piece costs what a command does: a listing of a hundred thousand names is as much work as many small ones. */
function* paidFor({ service, source }: Talk, pieces: Generator<string, boolean>): Generator<string, boolean> {
  for (;;) {
    const piece = pieces.next();
    if (piece.done === true) return piece.value;
    service.sources.spend(source, service.serving.elapsed(), 1);
    yield piece.value;
  }
}

function* oneLine(line: string): Generator<string, boolean> {
  yield `${line}\r\n`;
  return true;
}

function errandOf(method: string, found: Found): Pick<Errand, "method" | "path" | "owner"> {
  const owner = found.kind === "directory" ? found.owner : found.kind === "file" ? found : null;
  return { method, path: found.path, owner };
}
