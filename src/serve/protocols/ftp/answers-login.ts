import { createHash, timingSafeEqual } from "node:crypto";
import { MOST_AGENT } from "../../../core/model/client-sighting.ts";
import type { Answer, Talk } from "./talk.ts";

/** One text for all (RFC 959 section 4.2), so that nothing is learnt of which names there are. */
const REFUSED = "530 Only anonymous.";

/** The two names of RFC 1635; no account of the system or the store is reachable by any (AllowGuestAccess=0). */
function isAnonymous(name: string): boolean {
  return /^(?:anonymous|ftp)$/i.test(name);
}

/** RFC 959 section 4.1.1. Another name is refused here, before its password has crossed the line. */
export const user: Answer = async (talk, argument) => {
  const { state, service } = talk;
  // RFC 4217 section 12.2: nothing is taken before AUTH where it is the policy.
  if (service.options.tls?.required === true && state.tls === null) return "530 AUTH TLS first.";
  const name = argument ?? "";
  if (!isAnonymous(name)) return refuse(talk, "USER", name);
  log(talk, "USER", name, 331);
  if (state.view !== null) return "230 Logged in already.";
  state.user = name.toLowerCase();
  return "331 Any password will do.";
};

/** RFC 959 section 4.1.1; 503 by section 5.4, where no USER stands before it. */
export const pass: Answer = async (talk, argument) => {
  const { state, service, lease } = talk;
  const { password } = service.options;
  if (state.view !== null) return "230 Logged in already.";
  if (state.user === null) return "503 USER first.";
  const said = argument ?? "";
  if (password !== null && !sameText(said, password)) return refuse(talk, "PASS", null);
  // The programs behind one address are told apart by what they send here, as HTTP's are by their User-Agent: a second
  // session of the same run sees the revision of the first.
  state.view = lease.begin(`ftp ${said}`, service.serving.elapsed());
  if (state.agent === "") state.agent = password === null ? said.slice(0, MOST_AGENT) : "ftp";
  log(talk, "PASS", password === null ? said : null, 230);
  return "230 Logged in.";
};

/** Slow, and not often: guessing costs the guesser time and us nothing. */
async function refuse(talk: Talk, method: string, stem: string | null): Promise<string> {
  const { state, service } = talk;
  const { refusalDelay, refusals } = service.options.limits;
  state.refusals += 1;
  log(talk, method, stem, 530);
  state.user = null;
  await new Promise<void>((resolve) => {
    setTimeout(resolve, refusalDelay).unref();
  });
  if (state.refusals < refusals) return REFUSED;
  // RFC 959 section 4.2: the service closes the connection.
  talk.leave();
  return "421 Too many refused logins.";
}

function sameText(one: string, other: string): boolean {
  return timingSafeEqual(digestOf(one), digestOf(other));
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function log(talk: Talk, method: string, stem: string | null, status: number): void {
  talk.log({ method, stem, status, sent: 0, took: 0, owner: null });
}
