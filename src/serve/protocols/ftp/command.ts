/** When a verb is answered: `always` also before the login. */
type When = "always" | "logged-in";

/**
 * Every verb there is. None of them writes: STOR, STOU, APPE, DELE, RMD, MKD, RNFR, RNTO, SITE CHMOD and MFMT are
 * unknown words here, and there is no code that they could reach.
 */
const VERBS = {
  // RFC 959
  USER: "always",
  PASS: "always",
  ACCT: "logged-in",
  CWD: "logged-in",
  CDUP: "logged-in",
  PWD: "logged-in",
  QUIT: "always",
  REIN: "logged-in",
  PORT: "logged-in",
  PASV: "logged-in",
  TYPE: "logged-in",
  STRU: "logged-in",
  MODE: "logged-in",
  ALLO: "logged-in",
  REST: "logged-in",
  RETR: "logged-in",
  ABOR: "logged-in",
  LIST: "logged-in",
  NLST: "logged-in",
  SITE: "logged-in",
  SYST: "always",
  STAT: "logged-in",
  HELP: "always",
  NOOP: "always",
  // RFC 775, as old clients send them
  XPWD: "logged-in",
  XCWD: "logged-in",
  XCUP: "logged-in",
  // RFC 2228, RFC 4217
  AUTH: "always",
  PBSZ: "always",
  PROT: "always",
  CCC: "always",
  // RFC 2389
  FEAT: "always",
  OPTS: "always",
  // RFC 2428
  EPSV: "logged-in",
  EPRT: "logged-in",
  // RFC 3659
  SIZE: "logged-in",
  MDTM: "logged-in",
  MLST: "logged-in",
  MLSD: "logged-in",
  // No RFC; ncftp says who it is.
  CLNT: "always",
} as const satisfies Record<string, When>;

export type Verb = keyof typeof VERBS;

/** For HELP. */
export const VERB_NAMES: readonly string[] = Object.keys(VERBS);

interface Command {
  readonly verb: Verb;
  /** `null` when there is none; `""` stands for a blank behind the verb and nothing more. */
  readonly argument: string | null;
}

/**
 * `other-protocol`: a line of HTTP or mail. A browser or a server was led here to carry commands in what it sends, or
 * our replies to where they are taken for its own (CVE-2021-3618, ALPACA): the session ends without a word.
 */
export type ParsedCommand = Command | "unknown" | "other-protocol";

const FOREIGN =
  /^(?:GET|POST|HEAD|PUT|OPTIONS|CONNECT|DELETE|PATCH|TRACE|PRI|PROPFIND|EHLO|HELO|LHLO) |^[A-Za-z-]+:|^(?:EHLO|HELO)$/i;

export function parseCommand(line: string): ParsedCommand {
  if (FOREIGN.test(line)) return "other-protocol";
  const space = line.indexOf(" ");
  const verb = (space === -1 ? line : line.slice(0, space)).toUpperCase();
  if (!isVerb(verb)) return "unknown";
  return { verb, argument: space === -1 ? null : line.slice(space + 1) };
}

export function needsLogin(verb: Verb): boolean {
  return VERBS[verb] === "logged-in";
}

function isVerb(text: string): text is Verb {
  return Object.hasOwn(VERBS, text);
}
