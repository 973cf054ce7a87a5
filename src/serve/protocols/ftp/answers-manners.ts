import { MOST_AGENT } from "../../../core/model/client-sighting.ts";
import { chooseFacts } from "./answers-names.ts";
import { VERB_NAMES } from "./command.ts";
import { FACTS } from "./listing.ts";
import { type Answer, BAD_ARGUMENT } from "./talk.ts";

/** RFC 959 section 4.2: a command that is known, a parameter that is not. */
const NOT_FOR_THAT = "504 Not for that.";

/**
 * RFC 959 section 3.1.1. Files leave as they are in both types: a type A that rewrote line ends would break every
 * digest and signature over them, and no server that clients know does so unasked.
 */
export const type: Answer = (_talk, argument) => {
  const wanted = (argument ?? "").toUpperCase();
  return /^(?:A(?: N)?|I|L 8|L8)$/.test(wanted) ? `200 Type ${wanted.slice(0, 1)}.` : NOT_FOR_THAT;
};

/** RFC 959 section 3.1.2: files, no records. */
export const stru: Answer = (_talk, argument) => (argument?.toUpperCase() === "F" ? "200 Files." : NOT_FOR_THAT);

/** RFC 959 section 3.4: streams. */
export const mode: Answer = (_talk, argument) => (argument?.toUpperCase() === "S" ? "200 Streams." : NOT_FOR_THAT);

/** RFC 959 section 4.1.3; 202 by section 5.4. */
export const allo: Answer = () => "202 Not needed here.";

/** RFC 959 section 4.1.1. */
export const acct: Answer = () => "202 Not needed here.";

/** RFC 959 section 4.1.3. What every client knows how to read a listing of. */
export const syst: Answer = () => "215 UNIX Type: L8";

/** RFC 959 section 4.1.3. */
export const noop: Answer = () => "200 Here.";

/** No RFC has it; 200 as RFC 959 section 4.2 has it for what is done. */
export const clnt: Answer = ({ state }, argument) => {
  state.agent = (argument ?? "").slice(0, MOST_AGENT);
  return "200 Noted.";
};

/** RFC 959 section 4.1.1; 502 by section 4.2: a session's view and its TLS are for one login. */
export const rein: Answer = () => "502 Leave and come again.";

/** RFC 959 section 4.1.3; several lines by section 4.2. */
export const help: Answer = (_talk, argument) => {
  if (argument !== null && argument !== "")
    return `214 ${argument.toUpperCase() === "SITE" ? "SITE HELP" : "See HELP."}`;
  const lines: string[] = [];
  for (let at = 0; at < VERB_NAMES.length; at += 10) lines.push(` ${VERB_NAMES.slice(at, at + 10).join(" ")}`);
  return `214-These are known, and none of them writes:\r\n${lines.join("\r\n")}\r\n214 End`;
};

/** RFC 959 section 4.1.3. ncftp asks for HELP SITE, WinINet says SITE HELP; no service stands behind it. */
export const site: Answer = (_talk, argument) =>
  argument?.trim().toUpperCase() === "HELP" ? "214 SITE HELP" : "504 Nothing else under SITE.";

/** RFC 2389 section 3.2. */
export const feat: Answer = ({ service, state }) => {
  const facts = FACTS.map((fact) => `${fact}${state.facts.has(fact) ? "*" : ""};`).join("");
  const features = [
    ...(service.tls === null ? [] : ["AUTH TLS", "PBSZ", "PROT"]),
    "CLNT",
    ...(service.options.active ? ["EPRT"] : []),
    "EPSV",
    "MDTM",
    `MLST ${facts}`,
    "PASV",
    "REST STREAM",
    "SIZE",
    "TVFS",
    "UTF8",
  ];
  return `211-Features:\r\n${features.map((feature) => ` ${feature}`).join("\r\n")}\r\n211 End`;
};

/** RFC 2389 section 4; UTF8 is always on (RFC 2640), and clients say so all the same. */
export const opts: Answer = (talk, argument) => {
  const [name = "", ...rest] = (argument ?? "").split(" ");
  if (name.toUpperCase() === "MLST") return chooseFacts(talk, rest.join(" "));
  if (name.toUpperCase() !== "UTF8" && name.toUpperCase() !== "UTF-8") return BAD_ARGUMENT;
  return /^(?:ON)?$/i.test(rest.join(" ")) ? "200 Always UTF-8." : NOT_FOR_THAT;
};

/** RFC 959 section 4.1.1. */
export const quit: Answer = (talk) => {
  talk.leave();
  return "221 Goodbye.";
};

/**
 * RFC 959 section 4.1.3. A transfer under way was ended as the line came in, and has had its 426; here both cases end
 * alike, with the data connection closed.
 */
export const abor: Answer = ({ state }) => {
  state.data?.close();
  state.data = null;
  return "226 Nothing is under way.";
};
