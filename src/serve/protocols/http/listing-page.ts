import { formatInstant } from "../../../core/kernel/instant.ts";
import { formatSize } from "../../../core/kernel/size.ts";
import type { DirectoryRow, FoundDirectory } from "../../../core/publish/channel-view.ts";

/** Rows of one page. */
export const MOST_ROWS = 10_000;
/** Characters of one piece, about. */
const PIECE = 32 * 1024;

export const LISTING_HEADERS: readonly string[] = [
  "Content-Type",
  "text/html; charset=utf-8",
  "Cache-Control",
  "no-cache",
  "X-Content-Type-Options",
  "nosniff",
  "Content-Security-Policy",
  "default-src 'none'; style-src 'unsafe-inline'",
];

/** A directory's page, in pieces made as they are sent: names, sizes and times, for a person and for `wget -r`. */
export function* listingPage(directory: FoundDirectory): Generator<string> {
  const title = escapeHtml(directory.path);
  let piece = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<style>body{font:15px/1.5 sans-serif;margin:2rem}td,th{padding:0 1.5rem 0 0;text-align:left}td:nth-child(2){text-align:right}</style></head>
<body><h1>${title}</h1>
<table><tr><th>Name</th><th>Size</th><th>Last modified</th></tr>
`;
  if (directory.path !== "/") piece += `<tr><td><a href="../">../</a></td><td></td><td></td></tr>\n`;
  let rows = 0;
  for (const row of directory.rows()) {
    if (rows === MOST_ROWS) {
      piece += `<tr><td colspan="3">More than ${MOST_ROWS} names: the rest is there, and not shown.</td></tr>\n`;
      break;
    }
    rows += 1;
    piece += rowHtml(row);
    if (piece.length > PIECE) {
      yield piece;
      piece = "";
    }
  }
  yield `${piece}</table></body></html>\n`;
}

function rowHtml({ name, file }: DirectoryRow): string {
  // "./" first: a name such as "a:b" at the beginning of a link would be read as a scheme.
  const end = file === null ? "/" : "";
  const link = `<a href="./${encodeURIComponent(name)}${end}">${escapeHtml(name)}${end}</a>`;
  const time = file === null ? "" : `<time>${formatInstant(file.lastModified)}</time>`;
  return `<tr><td>${link}</td><td>${file === null ? "" : formatSize(file.size)}</td><td>${time}</td></tr>\n`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
