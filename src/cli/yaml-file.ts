import { createReadStream } from "node:fs";
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from "yaml";
import type * as z from "zod";
import { Failure, type FailureCode, quoteOutside } from "../core/kernel/errors.ts";
import { type FileIssue, InvalidFile, pathText, valueIssues } from "./file-issues.ts";
import { shapeOf } from "./schema-shape.ts";
import { systemCode } from "./system-code.ts";

/** Bytes of a file that a person writes; also bounds what the YAML reader may be kept busy with. */
const MOST_BYTES = 1024 * 1024;
/** How many nodes the aliases of one file may stand for: ten lines of aliases can otherwise mean 10^10 ("billion laughs"). */
const MOST_ALIASED = 100;

/** The codes that this kind of file fails with. */
export interface FileCodes {
  readonly unreadable: FailureCode;
  readonly invalid: FailureCode;
}

/**
 * Reads a YAML 1.2 file and validates it. Throws `codes.unreadable`, or `InvalidFile` with `codes.invalid` that names
 * every fault at once with its line and column.
 */
export async function readYamlFile<S extends z.ZodType>(
  file: string,
  schema: S,
  codes: FileCodes,
): Promise<z.output<S>> {
  return parseYaml(file, await readText(file, codes), schema, codes.invalid);
}

/** As `readYamlFile`, of text at hand; `file` is only the name in messages. */
function parseYaml<S extends z.ZodType>(file: string, text: string, schema: S, invalid: FailureCode): z.output<S> {
  const lines = new LineCounter();
  const document = parseDocument(text, { version: "1.2", lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const issue = (offset: number, path: readonly PropertyKey[], message: string): FileIssue => {
    const { line, col } = lines.linePos(offset);
    return {
      file,
      line: Math.max(1, line),
      column: Math.max(1, col),
      path: pathText(path),
      message: quoteOutside(message, 400),
    };
  };
  const syntax = [...document.errors, ...document.warnings].map((error) =>
    issue(error.pos[0], [], inOurWords(error.code, error.message)),
  );
  for (const offset of danglingAliases(document))
    syntax.push(issue(offset, [], "this alias names no anchor before it"));
  if (syntax.length > 0) throw new InvalidFile(invalid, inOrder(syntax));
  if (document.contents === null) throw new InvalidFile(invalid, [issue(0, [], "the file is empty")]);

  const written = plain(document, file, invalid);
  const parsed = schema.safeParse(written);
  if (parsed.success) return parsed.data;
  const found = valueIssues(parsed.error.issues, shapeOf(schema), written);
  throw new InvalidFile(
    invalid,
    inOrder(found.map(({ path, atKey, message }) => issue(offsetOf(document, path, atKey), path, message))),
  );
}

async function readText(file: string, codes: FileCodes): Promise<string> {
  const pieces: Uint8Array[] = [];
  try {
    // One byte past the ceiling tells that there is more; a device or a pipe is never read to an end it does not have.
    for await (const piece of createReadStream(file, { end: MOST_BYTES })) pieces.push(piece);
  } catch (cause) {
    throw new Failure(codes.unreadable, `${file}: ${whyUnreadable(cause)}`, { cause });
  }
  const bytes = Buffer.concat(pieces);
  if (bytes.length > MOST_BYTES) throw new Failure(codes.unreadable, `${file}: larger than ${MOST_BYTES} bytes`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Failure(codes.unreadable, `${file}: is not UTF-8 text`, { cause });
  }
}

function whyUnreadable(cause: unknown): string {
  const code = systemCode(cause);
  if (code === "ENOENT" || code === "ENOTDIR") return "there is no such file";
  if (code === "EISDIR") return "is a folder";
  if (code === "EACCES") return "this user may not read it";
  return code;
}

function inOurWords(code: string, message: string): string {
  if (code === "DUPLICATE_KEY") return "this key stands twice in one map";
  if (code === "TAB_AS_INDENT") return "a tab indents this line; YAML is indented with spaces";
  if (code === "MULTIPLE_DOCS") return "a second document begins here; the file must hold one";
  return quoteOutside(message.split("\n")[0] ?? "", 200);
}

function danglingAliases(document: Document): readonly number[] {
  const offsets: number[] = [];
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) === undefined) offsets.push(alias.range?.[0] ?? 0);
    },
  });
  return offsets;
}

function plain(document: Document, file: string, invalid: FailureCode): unknown {
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASED });
  } catch (cause) {
    if (!(cause instanceof ReferenceError)) throw cause;
    throw new InvalidFile(invalid, [{ file, line: 1, column: 1, path: "", message: "its aliases stand for too much" }]);
  }
}

/** Where a value, its key, or the nearest thing around it that is written, begins. */
function offsetOf(document: Document, path: readonly PropertyKey[], atKey: boolean): number {
  let node: Node | null = document.contents;
  let offset = start(node);
  for (const [depth, step] of path.entries()) {
    const around: Node | null = isAlias(node) ? (node.resolve(document) ?? null) : node;
    if (isMap(around)) {
      const pair = around.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return offset;
      const keyOffset = start(pair.key);
      node = isNode(pair.value) ? pair.value : null;
      // A scalar is best shown itself, a map or a list by its key: its first line says nothing about the whole.
      offset =
        isScalar(node) && !(atKey && depth === path.length - 1) && node.range?.[0] !== node.range?.[1]
          ? start(node)
          : keyOffset;
    } else if (isSeq(around) && typeof step === "number") {
      const item = around.items[step];
      node = isNode(item) ? item : null;
      if (node === null) return offset;
      offset = start(node);
    } else return offset;
  }
  return offset;
}

function start(node: unknown): number {
  return (isNode(node) ? node : null)?.range?.[0] ?? 0;
}

function inOrder(issues: readonly FileIssue[]): readonly FileIssue[] {
  return issues.toSorted((a, b) => a.line - b.line || a.column - b.column);
}
