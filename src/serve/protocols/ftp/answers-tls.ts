import { HANDSHAKE_COST } from "./session-tls.ts";
import { type Answer, BAD_ARGUMENT } from "./talk.ts";

/** RFC 4217 section 4. */
export const auth: Answer = async (talk, argument) => {
  const { service, state } = talk;
  if (service.tls === null) return "502 No TLS here.";
  if (state.tls !== null) return "503 Under TLS already.";
  if (!/^(?:TLS|TLS-C|SSL)$/i.test(argument ?? "")) return "504 AUTH TLS.";
  // Who has logged in in clear has told what TLS should have kept, and may have been told for another.
  if (state.view !== null) return "503 AUTH before USER.";
  state.user = null;
  service.sources.spend(talk.source, service.serving.elapsed(), HANDSHAKE_COST);
  // No reply behind it: what follows is the handshake, or the session has ended.
  await talk.secure("234 Begin.", service.tls);
  return null;
};

/** RFC 4217 section 8: there is no buffer of its own in TLS. */
export const pbsz: Answer = ({ state }) => {
  if (state.tls === null) return "503 AUTH TLS first.";
  state.bufferSizeSaid = true;
  return "200 PBSZ=0";
};

/** RFC 4217 section 9. What was said last holds when a transfer begins, also for a port that was opened before. */
export const prot: Answer = ({ state, service }, argument) => {
  const level = argument?.toUpperCase() ?? "";
  if (state.tls === null) return "503 AUTH TLS first.";
  if (!/^[CSEP]$/.test(level)) return BAD_ARGUMENT;
  // ftplib says PROT C with no PBSZ before it; that takes nothing away.
  if (level === "C" && service.options.tls?.required === true) return "534 Only PROT P.";
  if (level === "C") state.protectData = false;
  else if (!state.bufferSizeSaid) return "503 PBSZ 0 first.";
  else if (level === "P") state.protectData = true;
  else return "536 PROT P or PROT C.";
  return level === "C" ? "200 Data in clear." : "200 Data under TLS.";
};

/** RFC 4217 section 6: a session that has TLS keeps it. */
export const ccc: Answer = ({ state }) => (state.tls === null ? "533 No TLS to clear." : "534 TLS stays.");
