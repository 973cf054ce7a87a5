import type { FastifyReply, FastifyRequest } from "fastify";

/**
 * Two cookies, for those who log in through an issuer. `login` ties the way out to the way back: Lax, because the way back is a
 * link on the issuer's page. `session` is Strict: no other site's link or form brings it along. Both are for this host alone
 * (RFC 6265bis section 4.1.3.2), and no script reads them.
 */
export interface Cookies {
  read(request: FastifyRequest, name: "login" | "session"): string | null;
  write(reply: FastifyReply, name: "login" | "session", value: string): void;
  clear(reply: FastifyReply, name: "login" | "session"): void;
}

const SECONDS = { login: 600, session: 12 * 3_600 } as const;
const SAME_SITE = { login: "Lax", session: "Strict" } as const;

/** `secure`: people come by https; in clear only on the loopback, where no prefix may be used. */
export function cookiesOf(secure: boolean): Cookies {
  const nameOf = (name: string): string => `${secure ? "__Host-" : ""}ringfort-${name}`;
  const put = (reply: FastifyReply, name: "login" | "session", value: string, seconds: number): void => {
    const flags = `Path=/; HttpOnly; SameSite=${SAME_SITE[name]}; Max-Age=${seconds}${secure ? "; Secure" : ""}`;
    reply.header("Set-Cookie", `${nameOf(name)}=${value}; ${flags}`);
  };
  return {
    read: (request, name) => {
      const wanted = `${nameOf(name)}=`;
      const found = (request.headers.cookie ?? "").split("; ").filter((pair) => pair.startsWith(wanted));
      // Of two by one name one was planted.
      const value = found.length === 1 ? (found[0] ?? "").slice(wanted.length) : "";
      return /^[A-Za-z0-9_-]{1,64}$/.test(value) ? value : null;
    },
    write: (reply, name, value) => put(reply, name, value, SECONDS[name]),
    clear: (reply, name) => put(reply, name, "", 0),
  };
}
