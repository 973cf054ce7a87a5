import type * as z from "zod";
import { Failure, type FailureCode, quoteOutside } from "../core/kernel/errors.ts";
import { didYouMean } from "./did-you-mean.ts";
import { isRecord, keysAt, type Shape } from "./schema-shape.ts";

/** One thing that is wrong with a file somebody wrote. Lines and columns count from 1. */
export interface FileIssue {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `channels.staging.listen`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
}

/** A file that is not valid, with everything that is wrong with it, in the order of its lines. */
export class InvalidFile extends Failure {
  readonly issues: readonly FileIssue[];

  constructor(code: FailureCode, issues: readonly FileIssue[]) {
    super(code, issues.map(issueLine).join("\n"));
    this.issues = issues;
  }
}

/** "ringfort.yaml:3:1: channels.staging: …", as compilers write it and editors follow it. */
export function issueLine(issue: FileIssue): string {
  const where = `${issue.file}:${issue.line}:${issue.column}: `;
  return `${where}${issue.path === "" ? "" : `${issue.path}: `}${issue.message}`;
}

/** What is wrong with a value, before it is known where that stands in a file. */
export interface ValueIssue {
  readonly path: readonly PropertyKey[];
  /** Whether the key itself is meant, and not what stands under it. */
  readonly atKey: boolean;
  readonly message: string;
}

/** Zod's issues in this house's words, with unknown keys likened to the right ones. */
export function valueIssues(issues: readonly z.core.$ZodIssue[], shape: Shape, top: unknown): readonly ValueIssue[] {
  const told = new Set<string>();
  return issues.flatMap((issue): readonly ValueIssue[] => {
    if (issue.code === "unrecognized_keys") {
      const right = keysAt(shape, issue.path, top);
      return issue.keys.map((key) => ({ path: [...issue.path, key], atKey: true, message: unknownKey(key, right) }));
    }
    if (issue.code === "invalid_key") {
      const message = issue.issues.map((inner) => inner.message).join("; ");
      return [{ path: issue.path, atKey: true, message }];
    }
    // A text that has not even the right form breaks every later rule about it too; the first is the one to mend.
    const place = pathText(issue.path);
    if (told.has(place)) return [];
    told.add(place);
    return [{ path: issue.path, atKey: false, message: describe(issue, valueAt(top, issue.path)) }];
  });
}

export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((step, at) =>
      typeof step === "number" ? `[${step}]` : `${at === 0 ? "" : "."}${quoteOutside(String(step), 64)}`,
    )
    .join("");
}

function unknownKey(key: string, right: readonly string[]): string {
  const said = quoteOutside(key, 64);
  const meant = didYouMean(key, right);
  if (meant !== null) return `unknown key \`${said}\`: did you mean \`${meant}\`?`;
  return `unknown key \`${said}\`; known here: ${right.join(", ") || "none"}`;
}

function describe(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined && issue.code === "invalid_type") return "is missing";
  if (value === undefined && issue.code === "invalid_union") return "is missing";
  if (issue.code === "invalid_type") return `must be ${kindOf(issue.expected)}, but ${quoted(value)} is written`;
  if (issue.code === "invalid_value") return oneOf(issue.values.map(String), value);
  if (issue.code === "too_small" || issue.code === "too_big") return bound(issue, value);
  if (issue.code !== "invalid_union") return issue.message;
  if (issue.errors.length === 0) {
    // Zod puts the discriminator's values here, beside what its types say.
    const options: unknown = "options" in issue ? issue.options : [];
    return oneOf(Array.isArray(options) ? options.map(String) : [], value);
  }
  // A branch that took the value's type and then disliked it knows best what is wrong.
  const branch = issue.errors.find((inner) => inner.every((one) => one.code !== "invalid_type"));
  if (branch !== undefined) return branch.map((one) => describe(one, value)).join("; ");
  const kinds = issue.errors.flatMap((inner) =>
    inner.map((one) => (one.code === "invalid_type" ? kindOf(one.expected) : "")),
  );
  return `must be ${[...new Set(kinds)].filter((kind) => kind !== "").join(" or ")}, but ${quoted(value)} is written`;
}

function bound(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig, value: unknown): string {
  const edge = issue.code === "too_small" ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  if (issue.origin === "string") return `must have ${edge} characters`;
  if (issue.origin === "array") return `must have ${edge} entries`;
  return `must be ${edge}, but ${quoted(value)} is written`;
}

function oneOf(options: readonly string[], value: unknown): string {
  const meant = typeof value === "string" ? didYouMean(value, options) : null;
  const said = `must be ${options.length === 1 ? "" : "one of "}${options.join(", ")}, but ${quoted(value)} is written`;
  return meant === null ? said : `${said}: did you mean \`${meant}\`?`;
}

const KINDS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a map",
  record: "a map",
  array: "a list",
};

function kindOf(expected: string): string {
  return KINDS[expected] ?? expected;
}

function quoted(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a map";
  return typeof value === "string" ? `"${quoteOutside(value, 64)}"` : JSON.stringify(value);
}

function valueAt(top: unknown, path: readonly PropertyKey[]): unknown {
  let at = top;
  for (const step of path) at = isRecord(at) ? at[String(step)] : undefined;
  return at;
}
