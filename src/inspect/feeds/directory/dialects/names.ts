import * as z from "zod";
import type { ReadFolder } from "../folder-entry.ts";
import { eachLine } from "../text-lines.ts";

const nameLine = z.object({
  name: z.string().min(1),
  size: z.int().nonnegative().nullish(),
  dir: z.boolean().optional(),
});

/** Reads our own listing of a folder on disk: one JSON object per line, `{"name","size","mtime","dir"}`. */
export const readNames: ReadFolder = (text, take) =>
  eachLine(text, (line) => {
    if (line === "") return null;
    const parsed = nameLine.safeParse(parseJson(line));
    if (!parsed.success) return "not an object with a name";
    const { name, size, dir } = parsed.data;
    return take({ name, folder: dir === true, size: dir === true ? null : (size ?? null) });
  });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
