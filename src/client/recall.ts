import { quoteOutside } from "../core/kernel/errors.ts";
import { formatInstant, type Instant } from "../core/kernel/instant.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import type { HostEntry, HostFile } from "../core/model/host-file.ts";
import { RECALL_FILE, RECALL_MOUNT, type Recall, type RecallList, recallList } from "../core/model/recall.ts";
import type { Identity } from "../formats/liveupdate/names.ts";
import { inspectMinisign, readMinisignKeys } from "../formats/signatures/minisign.ts";
import { Stop } from "./agent-code.ts";
import type { SequenceRange } from "./choose-packages.ts";
import type { ClientFetcher } from "./doors.ts";
import type { RunBudget } from "./download.ts";
import { fetchSmall } from "./read-mirror.ts";
import type { ProductState } from "./state.ts";

/**
 * The channel's recalls, signed by a key of the host file; `null` when the mirror shows none, or when the host file
 * trusts nobody to recall. Throws `Stop` when what is there is not to be believed, and `Failure`.
 */
export async function readRecalls(
  fetcher: ClientFetcher,
  host: HostEntry,
  { trust, channel }: HostFile,
  seen: Readonly<Record<string, Instant>>,
  now: Instant,
  budget: RunBudget,
): Promise<RecallList | null> {
  if (trust.recall.length === 0) return null;
  const path = `${RECALL_MOUNT.slice(1)}${RECALL_FILE}`;
  const content = await fetchSmall(fetcher, host, path, LIMITS.recallListBytes, budget);
  if (content === null) return null;
  const signature = await fetchSmall(fetcher, host, `${path}.minisig`, LIMITS.signatureBytes, budget);
  if (signature === null) throw new Stop("feed.unsigned", "the recall list carries no signature");
  const keys = readMinisignKeys(trust.recall);
  const { status, signer } = inspectMinisign({ keys, signature, content, over: path });
  if (status !== "good") {
    const code = status === "unknown-key" ? "feed.signer-unknown" : "feed.signature-wrong";
    throw new Stop(code, `the recall list: signature ${status}, key ${quoteOutside(signer)}`);
  }
  return judgeList(content, seen[channel] ?? 0, now);
}

function judgeList(content: Uint8Array, seen: Instant, now: Instant): RecallList {
  const list = parseList(content);
  if (list === null) throw new Stop("feed.malformed", "the recall list is not one");
  // A replayed list would hide the recalls that came after it.
  if (list.issuedAt < seen)
    throw new Stop(
      "feed.older-than-held",
      `the recall list is of ${formatInstant(list.issuedAt)}, one of ${formatInstant(seen)} was seen`,
    );
  // Believed once, it would make every true list look old.
  if (list.issuedAt > now + LIMITS.clockTolerance)
    throw new Stop("feed.from-the-future", `the recall list is of ${formatInstant(list.issuedAt)}`);
  const odd = list.recalls.find(({ from, until, to }) => from > until || to >= from);
  if (odd !== undefined) throw new Stop("feed.malformed", `recall ${odd.serial} does not lead back`);
  return list;
}

function parseList(content: Uint8Array): RecallList | null {
  try {
    return recallList.safeParse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(content))).data ?? null;
  } catch {
    return null;
  }
}

/**
 * What a product's state becomes by a believed list: each serial counts once. A range is barred for good, what is
 * installed inside it is owed a way back, and the floor sinks to where the recall leads. Pure.
 */
export function obeyRecalls(
  state: ProductState,
  list: RecallList,
  channel: string,
  id: Identity,
  installed: number | null,
): ProductState {
  const done = state.obeyed[channel] ?? 0;
  const fresh = list.recalls
    .filter((one) => one.channel === channel && one.serial > done && isOf(one, id))
    .toSorted((a, b) => a.serial - b.serial);
  return fresh.reduce((before, one) => obey(before, one, channel, installed), state);
}

function isOf({ product }: Recall, id: Identity): boolean {
  return (["product", "version", "language"] as const).every(
    (part) => product[part].toLowerCase() === id[part].toLowerCase(),
  );
}

function obey(state: ProductState, one: Recall, channel: string, installed: number | null): ProductState {
  const { from, until, to, serial } = one;
  const inside = (sequence: number | null): boolean => sequence !== null && sequence >= from && sequence <= until;
  const owed = inside(installed) || inside(state.owed?.to ?? null) ? { serial, to } : state.owed;
  return {
    ...state,
    floor: inside(state.floor) ? to : state.floor,
    barred: merged([...state.barred, { from, until }]),
    owed,
    obeyed: { ...state.obeyed, [channel]: serial },
  };
}

/** As few ranges as say the same, so that years of recalls stay a short list. */
function merged(ranges: readonly SequenceRange[]): SequenceRange[] {
  const result: SequenceRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    if (last === undefined || range.from > last.until + 1) result.push(range);
    else result[result.length - 1] = { from: last.from, until: Math.max(last.until, range.until) };
  }
  return result;
}
