import type { VendorFile } from "./http-vendor.ts";

/** A directory page as nginx's autoindex writes it, or `null` when no file lies below the folder. */
export function indexPage(folder: string, files: ReadonlyMap<string, VendorFile>): string | null {
  const lines = new Map<string, string>();
  for (const [path, file] of files) {
    if (!path.startsWith(folder)) continue;
    const [name = "", ...below] = path.slice(folder.length).split("/");
    const isFolder = below.length > 0;
    const shown = isFolder ? `${name}/` : name;
    const size = isFolder || !(file.body instanceof Uint8Array) ? "-" : String(file.body.length);
    const date = autoindexDate(file.lastModified);
    const padding = " ".repeat(Math.max(1, 51 - shown.length));
    lines.set(shown, `<a href="${encodeURI(shown)}">${shown}</a>${padding}${date}${size.padStart(20)}`);
  }
  if (lines.size === 0) return null;
  const entries = [...lines.keys()].toSorted().map((name) => lines.get(name));
  return [
    "<html>",
    `<head><title>Index of ${folder}</title></head>`,
    "<body>",
    `<h1>Index of ${folder}</h1><hr><pre><a href="../">../</a>`,
    ...entries,
    "</pre><hr></body>",
    "</html>",
    "",
  ].join("\r\n");
}

/** "23-Nov-2026 16:40" */
function autoindexDate(lastModified: string | undefined): string {
  const [, day, month, year, time] = new Date(lastModified ?? 0).toUTCString().split(" ");
  return `${day}-${month}-${year} ${time?.slice(0, 5)}`;
}
