import { FACTS, factsLine, longLine, timeVal } from "./listing.ts";
import { folderIn, nameIn, parentOf, shownFolder } from "./names.ts";
import { type Answer, BAD_ARGUMENT, find, NOT_FOUND, rowOf, type Talk } from "./talk.ts";

/** RFC 959 section 4.1.1. What a data port waits for does not change: lynx opens one, moves, and lists on it. */
export const cwd: Answer = (talk, argument) => {
  const folder = folderIn(talk.state.folder, argument ?? "");
  if (folder === null || find(talk, folder)?.kind !== "directory") return NOT_FOUND;
  talk.state.folder = folder;
  return "250 Changed.";
};

/** RFC 959 section 4.1.1; 250 as CWD has it, where section 5.4 would have 200 and every client takes both. */
export const cdup: Answer = ({ state }) => {
  state.folder = parentOf(state.folder);
  return "250 Changed.";
};

/** RFC 959 appendix II: a quotation mark in a name is doubled. */
export const pwd: Answer = ({ state }) => `257 "${shownFolder(state.folder).replaceAll('"', '""')}" is here.`;

/** RFC 3659 section 4. What RETR sends is the same in every type, and so is this. */
export const size: Answer = (talk, argument) => {
  const found = file(talk, argument);
  return found === null ? NOT_FOUND : `213 ${found.size}`;
};

/** RFC 3659 section 3. A time in front of the name, with which other servers set it, is part of a name here. */
export const mdtm: Answer = (talk, argument) => {
  const found = file(talk, argument);
  return found === null ? NOT_FOUND : `213 ${timeVal(found.lastModified)}`;
};

/** RFC 3659 section 7.2: one line of facts, on the control connection, with the whole name. */
export const mlst: Answer = (talk, argument) => {
  const { state } = talk;
  const name = argument === null || argument === "" ? state.folder : nameIn(state.folder, argument);
  const found = find(talk, name);
  if (found === null) return NOT_FOUND;
  const shown = found.kind === "directory" ? shownFolder(found.path) : found.path;
  return `250-Listing\r\n ${factsLine(state.facts)(rowOf(found, shown))}\r\n250 End`;
};

/**
 * RFC 959 section 4.1.3. Of a file its line; a directory is listed by LIST and MLSD, over a data connection that can
 * be held back: a long one here would have to be held in memory.
 */
export const stat: Answer = (talk, argument) => {
  const { state, service, ends } = talk;
  if (argument === null || argument === "") {
    const secured = state.tls === null ? "in clear" : "under TLS";
    return `211-${ends.client}, ${secured}, at ${shownFolder(state.folder)}\r\n211 End`;
  }
  const name = nameIn(state.folder, argument);
  const found = find(talk, name);
  if (found === null || name === null) return NOT_FOUND;
  if (found.kind === "directory") return "504 LIST or MLSD for a directory.";
  return `213-Status\r\n ${longLine(service.serving.now())(rowOf(found, name))}\r\n213 End`;
};

/** RFC 3659 section 7.9: which facts MLSD and MLST tell; those that we don't know are left out. */
export function chooseFacts({ state }: Talk, wanted: string): string {
  const names = wanted.toLowerCase().split(";");
  state.facts = new Set(FACTS.filter((fact) => names.includes(fact)));
  const chosen = [...state.facts].map((fact) => `${fact};`).join("");
  return `200 MLST OPTS ${chosen}`.trimEnd();
}

/** RFC 3659 section 5.3, for the next RETR alone. */
export const rest: Answer = ({ state }, argument) => {
  const offset = /^\d{1,15}$/.test(argument ?? "") ? Number(argument) : null;
  if (offset === null) return BAD_ARGUMENT;
  state.rest = offset;
  return `350 Restarting at ${offset}.`;
};

function file(talk: Talk, argument: string | null): { readonly size: number; readonly lastModified: number } | null {
  const found = find(talk, nameIn(talk.state.folder, argument ?? ""));
  if (found?.kind === "file") talk.service.serving.sightings?.note(talk.seen(), found, "looked", 0);
  return found === null || found.kind === "directory" ? null : found;
}
