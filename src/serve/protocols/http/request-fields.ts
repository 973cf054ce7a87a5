/**
 * The fields that anything here reads. Every other one is checked and forgotten. Of a second one: `once` refuses the
 * request, for two readers could each go by another; `list` joins them (RFC 9110 section 5.3); `first` keeps the first,
 * of those that only the log shows.
 */
const REPEATED = {
  connection: "list",
  "content-length": "once",
  expect: "once",
  host: "once",
  "if-match": "list",
  "if-modified-since": "once",
  "if-none-match": "list",
  "if-range": "once",
  "if-unmodified-since": "once",
  range: "once",
  referer: "first",
  "transfer-encoding": "once",
  "user-agent": "first",
} as const;

type RequestField = keyof typeof REPEATED;
type Collected = { -readonly [name in RequestField]: string | undefined };

/** What a request says, by the names of its fields in lower case. One character for each byte. */
export type RequestFields = Readonly<Partial<Collected>>;

/** A field name is a token (RFC 9110 section 5.1), the colon at once after it. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Reads the field lines of a head, without their ends; `null` when one is malformed, or once too often there. */
export function readFields(lines: readonly string[]): RequestFields | null {
  // Always of this shape: it is read a dozen times for each request.
  const fields: Collected = {
    connection: undefined,
    "content-length": undefined,
    expect: undefined,
    host: undefined,
    "if-match": undefined,
    "if-modified-since": undefined,
    "if-none-match": undefined,
    "if-range": undefined,
    "if-unmodified-since": undefined,
    range: undefined,
    referer: undefined,
    "transfer-encoding": undefined,
    "user-agent": undefined,
  };
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    if (!isRead(name)) {
      // A line that begins with a blank goes on with the one before, to some (RFC 9112 section 5.2): it has no token.
      if (!TOKEN.test(name)) return null;
    } else if (!collect(fields, name, withoutBlanks(line, colon + 1))) {
      return null;
    }
  }
  return fields;
}

function isRead(name: string): name is RequestField {
  return Object.hasOwn(REPEATED, name);
}

function collect(fields: Collected, name: RequestField, value: string): boolean {
  const before = fields[name];
  const repeated = REPEATED[name];
  if (before === undefined) fields[name] = value;
  else if (repeated === "list") fields[name] = `${before}, ${value}`;
  return before === undefined || repeated !== "once";
}

/** Blanks and tabs alone: `trim` would take away more. */
function withoutBlanks(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) start += 1;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end -= 1;
  return line.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}
