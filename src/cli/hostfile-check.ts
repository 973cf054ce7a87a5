import { EXIT, quoteOutside } from "../core/kernel/errors.ts";
import type { HostEntry, HostFile } from "../core/model/host-file.ts";
import { readChannelDocument } from "../core/publish/channel-document.ts";
import { hostFileFaults } from "../core/publish/choose-hosts-faults.ts";
import type { Probed } from "./context.ts";
import { shownAddress } from "./hostfile-entry.ts";

/** What one mirror turned out to be. */
export interface CheckedHost {
  readonly name: string;
  readonly type: HostEntry["type"];
  readonly address: string;
  readonly result: "right" | "another-channel" | "no-channel" | "no-answer" | "not-asked";
  /** The channel that it says it serves. */
  readonly channel: string | null;
  /** Of the failure, or of the fault for which it was not asked. */
  readonly code: string | null;
  readonly detail: string;
  /** Milliseconds that it took. */
  readonly took: number;
}

/** How many mirrors are asked at once: a file names up to 256, and each may hold a socket for five seconds. */
const AT_ONCE = 8;

/** Asks every mirror of a host file for its channel, and compares. `now` in milliseconds. */
export async function checkHosts(
  file: HostFile,
  probe: (entry: HostEntry) => Promise<Probed>,
  now: () => number,
): Promise<readonly CheckedHost[]> {
  const faults = hostFileFaults(file).filter(({ weight }) => weight === "wrong");
  const checked: CheckedHost[] = [];
  const waiting = [...file.hosts.entries()];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [at, entry] = next;
      const began = now();
      const fault = faults.find((one) => one.at === at);
      const found =
        fault === undefined
          ? judged(await probe(entry), file.channel)
          : ({ result: "not-asked", channel: null, code: fault.code, detail: fault.message } as const);
      const { name, type } = entry;
      checked[at] = { name, type, address: shownAddress(entry), ...found, took: Math.round(now() - began) };
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return checked;
}

type Judged = Pick<CheckedHost, "result" | "channel" | "code" | "detail">;

function judged(probed: Probed, wanted: string): Judged {
  if (probed.kind === "failed")
    return { result: "no-answer", channel: null, code: probed.code, detail: quoteOutside(probed.detail, 200) };
  const channel = readChannelDocument(probed.bytes);
  if (channel === null)
    return { result: "no-channel", channel: null, code: null, detail: "what answers there is no channel of Ringfort" };
  if (channel === wanted) return { result: "right", channel, code: null, detail: "" };
  return { result: "another-channel", channel, code: null, detail: `it serves ${channel}, the file is for ${wanted}` };
}

/** The exit code of a check: the wrong channel is worse than none, for a client would take what is not meant for it. */
export function exitOfCheck(checked: readonly CheckedHost[]): number {
  if (checked.some(({ result }) => result === "another-channel")) return EXIT.refused;
  return checked.length > 0 && checked.every(({ result }) => result === "right") ? EXIT.done : EXIT.failure;
}
