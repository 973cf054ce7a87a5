import { createHash } from "node:crypto";
import type { HostEntry, HostFile } from "../core/model/host-file.ts";
import { shownAddress } from "./hostfile-entry.ts";

/** One difference between two host files. `null`: not there. */
export interface HostFileChange {
  /** `channel`, `hosts HQ`, `hosts HQ order`, `trust recall`. */
  readonly what: string;
  readonly from: string | null;
  readonly to: string | null;
}

/** What an edit has changed, for people and for --json. No secret is in a host file; an address is shown without login. */
export function changesBetween(before: HostFile | null, after: HostFile): readonly HostFileChange[] {
  const was = new Map(before === null ? [] : facts(before));
  const is = new Map(facts(after));
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((what) => {
    const [from, to] = [was.get(what) ?? null, is.get(what) ?? null];
    return from === to ? [] : [{ what, from, to }];
  });
}

/** A host file as named facts; the order of the entries is one of them, for it decides among equals. */
function facts(file: HostFile): readonly (readonly [string, string])[] {
  const { trust } = file;
  const liveupdate =
    trust.liveupdate === undefined ? [] : ([["trust liveupdate", signersText(trust.liveupdate)]] as const);
  return [
    ["deployment", file.deployment],
    ["channel", file.channel],
    ["hosts", file.hosts.map(({ name }) => name).join(", ")],
    ...file.hosts.flatMap(entryFacts),
    ...liveupdate,
    ...trust.minisign.map((key) => [`trust minisign ${key}`, "trusted"] as const),
    ...trust.recall.map((key) => [`trust recall ${key}`, "trusted"] as const),
  ];
}

function entryFacts(entry: HostEntry): readonly (readonly [string, string])[] {
  const { name: _name, ...fields } = { ...entry, address: shownAddress(entry) };
  return Object.entries(fields).map(([key, value]) => [`host ${entry.name}: ${key}`, String(value)]);
}

/** Certificates are too long to read; their digest tells whether they are the same. */
function signersText(trust: NonNullable<HostFile["trust"]["liveupdate"]>): string {
  const digest = createHash("sha256").update(JSON.stringify(trust)).digest("hex").slice(0, 16);
  return `${trust.signers.length} pinned signers, ${trust.anchors.length} anchors, ${trust.profile} (${digest})`;
}
