import { formatDuration } from "../../core/kernel/instant.ts";
import { formatSize } from "../../core/kernel/size.ts";
import { alternatives, type Shape } from "../schema-shape.ts";
import { code } from "./markdown.ts";

/** One field of a schema, flattened: `channels.<name>.listen`, `sources[].name`. */
export interface FieldRow {
  readonly path: string;
  readonly type: string;
  /** As it would be written; "required" where there is none, empty where the field may be left out or is a mere group. */
  readonly fallback: string;
  readonly description: string;
}

/** A field that is described elsewhere: its path's last part, and where. */
export type Elsewhere = Readonly<Record<string, string>>;

/** Every field below an object, in the order of the schema; a branch of a union names what chooses it. */
export function fieldRows(shape: Shape, elsewhere: Elsewhere = {}, prefix = "", branch = ""): readonly FieldRow[] {
  return alternatives(shape).flatMap((one) => {
    const choice = branchName(one);
    const inBranch = [branch, alternatives(shape).length > 1 ? choice : ""].filter((name) => name !== "").join(", ");
    return Object.entries(one.properties ?? {})
      .filter(([, field]) => field.const === undefined)
      .flatMap(([key, field]) =>
        oneField(key, field, one.required?.includes(key) ?? false, { prefix, branch: inBranch, elsewhere }),
      );
  });
}

interface Around {
  readonly prefix: string;
  readonly branch: string;
  readonly elsewhere: Elsewhere;
}

function oneField(
  key: string,
  field: Shape,
  required: boolean,
  { prefix, branch, elsewhere }: Around,
): readonly FieldRow[] {
  const path = prefix === "" ? key : `${prefix}.${key}`;
  const told = elsewhere[key];
  if (told !== undefined) return [{ path, type: "object", fallback: "", description: told }];
  const only = branch === "" ? "" : `(${branch}) `;
  const row: FieldRow = {
    path,
    type: typeText(field),
    fallback: fallback(field, required),
    description: `${only}${descriptionOf(field)}`.trim(),
  };
  return [row, ...choices(field, path, branch), ...below(field, path, { prefix: path, branch, elsewhere })];
}

/** The rows below a field: of an object, of the objects in a list, of the values in a map, of each branch of a union. */
function below(field: Shape, path: string, around: Around): readonly FieldRow[] {
  if (typeof field.additionalProperties === "object")
    return fieldRows(field.additionalProperties, around.elsewhere, `${path}.<name>`, around.branch);
  if (field.items !== undefined) return fieldRows(field.items, around.elsewhere, `${path}[]`, around.branch);
  const objects = alternatives(field).filter((one) => one.properties !== undefined);
  return objects.length === 0 ? [] : fieldRows({ oneOf: objects }, around.elsewhere, path, around.branch);
}

/** A row for each branch of a union of objects, by what chooses it: `trust.kind: pinned`. */
function choices(field: Shape, path: string, branch: string): readonly FieldRow[] {
  const branches = alternatives(field).filter((one) => branchName(one) !== "");
  return branches.flatMap((one) =>
    Object.entries(one.properties ?? {})
      .filter(([, inner]) => inner.const !== undefined)
      .map(([key, inner]) => ({
        path: `${path}.${key}`,
        type: code(String(inner.const)),
        fallback: "required",
        description: `${branch === "" ? "" : `(${branch}) `}${one.description ?? ""}`,
      })),
  );
}

function branchName(shape: Shape): string {
  return Object.values(shape.properties ?? {})
    .filter((field) => field.const !== undefined)
    .map((field) => String(field.const))
    .join(", ");
}

/** A field that may be null carries its description inside. */
function descriptionOf(field: Shape): string {
  return field.description ?? alternatives(field).find((one) => one.type !== "null")?.description ?? "";
}

const WORDS: Readonly<Record<string, string>> = {
  string: "text",
  boolean: "true or false",
  integer: "whole number",
  number: "number",
  null: "null",
  object: "object",
};

function typeText(shape: Shape): string {
  if (shape.title !== undefined) return shape.title;
  if (shape.const !== undefined) return code(JSON.stringify(shape.const).replaceAll('"', ""));
  if (shape.enum !== undefined) return shape.enum.map((one) => code(String(one))).join(" or ");
  const several = shape.oneOf ?? shape.anyOf;
  if (several !== undefined) return [...new Set(several.map(typeText))].join(" or ");
  if (shape.type === "array") return `list of ${typeText(shape.items ?? {})}`;
  if (shape.type === "object" && typeof shape.additionalProperties === "object")
    return `map of ${typeText(shape.additionalProperties)}`;
  const names = typeof shape.type === "string" ? [shape.type] : (shape.type ?? []);
  const text = names.map((name) => WORDS[name] ?? name).join(" or ");
  return text === "" ? "anything" : `${text}${range(shape)}`;
}

function range({ minimum, maximum }: Shape): string {
  // Every whole number has JavaScript's own bounds in JSON Schema; those say nothing.
  const low = minimum === undefined || minimum === Number.MIN_SAFE_INTEGER ? null : minimum;
  const high = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? null : maximum;
  if (low !== null && high !== null) return `, ${low} to ${high}`;
  if (low !== null && low > 0) return `, at least ${low}`;
  return high === null ? "" : `, at most ${high}`;
}

function fallback(shape: Shape, required: boolean): string {
  const value = shape.default;
  if (value === undefined) return required ? "required" : "";
  if (typeof value === "number" && shape.title === "length of time") return code(formatDuration(value));
  if (typeof value === "number" && shape.title === "bytes") return code(formatSize(value));
  if (typeof value === "string") return code(value);
  const text = JSON.stringify(value);
  return text === "{}" ? "" : code(text);
}
