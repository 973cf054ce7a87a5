import type { FileRange } from "../../formats/archive/read-range.ts";
import { Gathered } from "./gathered.ts";
import { Lines } from "./lines.ts";
import { type Unpack, unpacked } from "./unpacked.ts";

/** Packages of a Debian index (deb-src-control's stanzas) by name and architecture, with their versions. */
export async function summarizeDebian(file: FileRange, path: string, unpack: Unpack): Promise<Gathered> {
  const gathered = new Gathered();
  let stanza = new Map<string, string>();
  const flush = (): void => {
    const [name, version, architecture] = ["package", "version", "architecture"].map((field) => stanza.get(field));
    stanza = new Map();
    if (name === undefined || version === undefined) return;
    gathered.count(architecture ?? "none");
    gathered.item(architecture === undefined ? name : `${name}:${architecture}`, architecture ?? "none", version);
  };
  const lines = new Lines((line) => {
    if (line === "") flush();
    // A description may be long; what is asked for never is.
    const [, field, value] =
      line === null ? [] : (/^(Package|Version|Architecture):\s*(\S{1,200})\s*$/i.exec(line) ?? []);
    if (field !== undefined && value !== undefined) stanza.set(field.toLowerCase(), value);
  });
  await unpacked(file, path.endsWith(".gz"), unpack, gathered, (piece) => lines.push(piece));
  lines.end();
  flush();
  return gathered;
}
