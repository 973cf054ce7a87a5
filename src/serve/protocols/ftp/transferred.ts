import { HANDSHAKE_COST, secureData } from "./session-tls.ts";
import type { DataSocket, Talk } from "./talk.ts";
import { type Ended, Transfer } from "./transfer.ts";

/** RFC 959 section 4.2. */
export const UNAVAILABLE = "451 Not available at the moment.";

/** RFC 959 section 4.2: how a transfer's end is told. */
export const ENDINGS: Readonly<Record<Ended, string>> = {
  sent: "226 Sent.",
  gone: "426 The data connection was closed.",
  aborted: "426 Aborted.",
  slow: "426 Too slow.",
  short: UNAVAILABLE,
};

/** What is to be sent, and what the log calls it. */
export interface Errand {
  readonly method: string;
  readonly path: string;
  readonly owner: { readonly source: string; readonly revision: number } | null;
  /** Bytes of the file, which several clients read in the reply; `null` for a listing. */
  readonly size: number | null;
  /** Sends it and gives the reply. */
  readonly run: (transfer: Transfer) => Promise<string>;
}

/**
 * One transfer: the data connection is taken when it is there, made safe as PROT says now and not as it said when the
 * port was opened (CVE-2026-116844), and gone afterwards.
 */
export async function transferred(talk: Talk, errand: Errand): Promise<string> {
  const { state, service } = talk;
  const { elapsed, limits } = service.serving;
  // RFC 959 section 5.4: no data connection can be opened.
  if (state.data === null) return "425 PASV or EPSV first.";
  // RFC 4217 section 10: the data connection cannot be opened with this PROT.
  if (service.options.tls?.required === true && !state.protectData) return "521 PROT P first.";
  const began = elapsed();
  const raw = await state.data.connected();
  state.data = null;
  let transfer: Transfer | null = null;
  let reply = "425 No data connection came.";
  if (raw !== null) {
    // RFC 959 section 5.4. Before the handshake: a client begins it when it has read this.
    talk.say(`150 Here it comes${errand.size === null ? "." : ` (${errand.size} bytes).`}`);
    const data = await secured(talk, { socket: raw, wire: raw });
    // RFC 4217 section 10.2.
    reply = "522 No TLS for the data connection.";
    if (data !== null) {
      const least = { bytesPerSecond: limits.leastRate, window: limits.leastRateWindow };
      transfer = new Transfer(data.socket, data.wire, least);
      talk.transferring(transfer);
      reply = await errand.run(transfer);
      talk.transferring(null);
    }
  }
  const { method, path: stem, owner } = errand;
  const status = Number(reply.slice(0, 3));
  talk.log({ method, stem, status, sent: transfer?.sent ?? 0, took: elapsed() - began, owner });
  return reply;
}

async function secured({ state, service, source }: Talk, data: DataSocket): Promise<DataSocket | null> {
  if (!state.protectData || state.tls === null) return data;
  const bound = service.options.tls?.boundData !== false;
  const socket = await secureData(data.socket, state.tls, bound, service.options.limits.dataWait);
  if (socket !== null) return { socket, wire: data.wire };
  service.sources.spend(source, service.serving.elapsed(), HANDSHAKE_COST);
  return null;
}
