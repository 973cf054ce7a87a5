import { activePort } from "./active.ts";
import { type Answer, BAD_ARGUMENT, type Talk } from "./talk.ts";

/** RFC 2428 section 2. */
const FAMILIES: Readonly<Record<string, 4 | 6>> = { "1": 4, "2": 6 };
/** No service of the system's may be made the end of our data connection (EnablePortAttack=0; RFC 2577 section 3). */
const FIRST_PORT = 1_024;

/** RFC 959 section 4.1.2. Its reply has room for an IPv4 address only; 503 after EPSV ALL by RFC 2428 section 4. */
export const pasv: Answer = (talk) => {
  const { options } = talk.service;
  if (talk.state.extendedOnly) return "503 EPSV ALL was said.";
  const host = options.passive.announce ?? talk.ends.server;
  if (host.includes(":")) return "425 EPSV over IPv6.";
  const port = openPassive(talk);
  if (port === null) return NO_PORT;
  return `227 Entering Passive Mode (${host.replaceAll(".", ",")},${port >> 8},${port & 255}).`;
};

/** RFC 2428 section 3, 522 by section 2; ALL by section 4. */
export const epsv: Answer = (talk, argument) => {
  const wanted = argument?.trim().toUpperCase() ?? "";
  if (wanted === "ALL") {
    talk.state.extendedOnly = true;
    return "200 EPSV and nothing else.";
  }
  const family = familyOf(talk);
  if (wanted !== "" && FAMILIES[wanted] !== family)
    return FAMILIES[wanted] === undefined ? BAD_ARGUMENT : `522 Only protocol (${family === 4 ? 1 : 2}).`;
  const port = openPassive(talk);
  return port === null ? NO_PORT : `229 Entering Extended Passive Mode (|||${port}|)`;
};

/** RFC 959 section 4.2. */
const NO_PORT = "425 No data port is free.";

function openPassive({ state, service, source, ends }: Talk): number | null {
  // The new takes the place of the old, and one session never holds two.
  state.data?.close();
  state.data = null;
  const opened = service.listeners.open(ends.client, source);
  state.data = opened;
  return opened?.port ?? null;
}

/** RFC 959 section 4.1.2: h1,h2,h3,h4,p1,p2 and nothing behind it. */
export const port: Answer = (talk, argument) => {
  const numbers = /^\d{1,3}(?:,\d{1,3}){5}$/.test(argument ?? "") ? (argument ?? "").split(",").map(Number) : [];
  const [, , , , high = 256, low = 256] = numbers;
  if (numbers.some((number) => number > 255) || numbers.length !== 6) return active(talk, null);
  return active(talk, { host: numbers.slice(0, 4).join("."), port: high * 256 + low });
};

/** RFC 2428 section 2: |family|address|port|, with any delimiter. */
export const eprt: Answer = (talk, argument) => {
  const [, , family = "", host = "", digits = ""] =
    /^([!-~])([12])\1([0-9A-Fa-f:.]+)\1(\d{1,5})\1$/.exec(argument ?? "") ?? [];
  if (family !== "" && FAMILIES[family] !== familyOf(talk) && talk.service.options.active)
    return `522 Only protocol (${familyOf(talk) === 4 ? 1 : 2}).`;
  return active(talk, family === "" ? null : { host, port: Number(digits) });
};

/**
 * To the control connection's own peer and to no service port, whatever is asked for: a server that connects where it
 * is told to is every scanner's and spammer's relay (CVE-1999-0017, RFC 2577 section 3).
 */
function active(talk: Talk, where: { readonly host: string; readonly port: number } | null): string {
  const { state, service, ends } = talk;
  // 502 and 504 as RFC 2577 section 3 and RFC 959 section 4.2 have them.
  if (!service.options.active) return "502 Passive mode only: PASV or EPSV.";
  if (state.extendedOnly) return "503 EPSV ALL was said.";
  if (where === null) return BAD_ARGUMENT;
  if (!sameAddress(where.host, ends.client)) return "504 Only to your own address.";
  if (where.port < FIRST_PORT || where.port > 65_535) return "504 Not to that port.";
  state.data?.close();
  state.data = activePort(ends.client, where.port, ends.server, service.options.limits.dataWait);
  return "200 Noted.";
}

/**
 * IPv6 addresses are written in many ways; a zone is of our own interface and not the client's to say. lftp says "::"
 * for its own address, and nothing but its own is ever connected to.
 */
function sameAddress(said: string, peer: string): boolean {
  return plainForm(said) === plainForm(peer) || (said === "::" && peer.includes(":"));
}

function plainForm(text: string): string {
  const bare = text.split("%", 1)[0] ?? "";
  return bare.includes(":") && URL.canParse(`http://[${bare}]`) ? new URL(`http://[${bare}]`).hostname : bare;
}

function familyOf({ ends }: Talk): 4 | 6 {
  return ends.client.includes(":") ? 6 : 4;
}
