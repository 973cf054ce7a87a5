import type { HostEntry } from "../core/model/host-file.ts";
import { REPORT_FILE } from "../core/publish/channel-document.ts";
import type { Identity } from "../formats/liveupdate/names.ts";
import type { AgentCode } from "./agent-code.ts";
import type { ClientFetcher } from "./doors.ts";

export interface Report {
  readonly id: Identity;
  readonly from: number | null;
  readonly to: number | null;
  readonly result: "ok" | "failed" | "back";
  readonly code: AgentCode | null;
  /** The client's random name. */
  readonly client: string;
}

/** Tells a mirror how it went, by one small request. Nothing depends on it: whatever goes wrong is passed over. */
export async function sendReport(fetcher: ClientFetcher, host: HostEntry, report: Report): Promise<void> {
  if (host.type !== "http" && host.type !== "https") return;
  const { product, version, language } = report.id;
  const query = {
    // A mirror takes a query of 1,024 characters.
    product: `${product} ${version} ${language}`.slice(0, 200),
    from: report.from === null ? "" : `${report.from}`,
    to: report.to === null ? "" : `${report.to}`,
    result: report.result,
    code: report.code ?? "",
    client: report.client,
  };
  const nowhere = { begin: (): void => {}, write: async (): Promise<void> => {} };
  await fetcher.fetch({ host, path: REPORT_FILE, query, most: 1_024, resume: null }, nowhere);
}
