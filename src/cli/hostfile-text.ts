import { quoteOutside } from "../core/kernel/errors.ts";
import type { HostEntry, HostFile } from "../core/model/host-file.ts";
import type { HostFault } from "../core/publish/choose-hosts-faults.ts";
import type { CommandContext } from "./context.ts";
import type { CheckedHost } from "./hostfile-check.ts";
import { shownAddress } from "./hostfile-entry.ts";
import { type Cell, facts, table } from "./table.ts";

/** A host file for people. `asked`: the mirrors in a client's order, `null` for all in the file's. */
export function hostFileText(file: HostFile, asked: readonly HostEntry[] | null, { paint }: CommandContext): string {
  const { liveupdate, minisign, recall } = file.trust;
  const head = facts(
    [
      ["deployment", file.deployment],
      ["channel", file.channel],
      [
        "liveupdate",
        liveupdate === undefined ? null : `${liveupdate.signers.length} pinned signers, ${liveupdate.profile}`,
      ],
      ["minisign", listed(minisign)],
      ["recall", listed(recall)],
    ],
    paint,
  );
  const rows = (asked ?? file.hosts).map((entry): readonly Cell[] => [
    entry.name,
    entry.type,
    shownAddress(entry),
    networkText(entry),
    entry.order,
    entry.login ?? null,
    entry.passwordFile ?? null,
  ]);
  if (rows.length === 0) return `${head}\nno mirrors\n`;
  const headings = ["NAME", "TYPE", "ADDRESS", "SUBNET", "ORDER", "LOGIN", "PASSWORD FILE"];
  return `${head}\n${table(headings, rows, paint)}`;
}

/** A host file for --json: as it is, but for a login that stands where none belongs. */
export function shownFile(file: HostFile): HostFile {
  return { ...file, hosts: file.hosts.map((entry) => ({ ...entry, address: shownAddress(entry) })) };
}

function listed(keys: readonly string[]): string | null {
  return keys.length === 0 ? null : keys.join(", ");
}

function networkText({ subnet, mask }: HostEntry): string | null {
  if (subnet === undefined) return null;
  return mask === undefined ? subnet : `${subnet} ${mask}`;
}

/** What is odd about the file, below what it says; nothing where nothing is. */
export function faultLines(faults: readonly HostFault[], { paint }: CommandContext): string {
  const lines = faults.map(
    ({ host, weight, code, message }) =>
      `${paint(weight, weight === "wrong" ? "bad" : "strong")}: ${host === null ? "" : `${host}: `}${message} (${code})\n`,
  );
  return lines.length === 0 ? "" : `\n${lines.join("")}`;
}

const RESULTS: Readonly<Record<CheckedHost["result"], Cell>> = {
  right: { text: "yes", tone: "good" },
  "another-channel": { text: "ANOTHER CHANNEL", tone: "bad" },
  "no-channel": { text: "no channel", tone: "bad" },
  "no-answer": { text: "no answer", tone: "bad" },
  "not-asked": { text: "not asked", tone: "bad" },
};

export function checkTable(file: HostFile, hosts: readonly CheckedHost[], { paint }: CommandContext): string {
  if (hosts.length === 0) return `${quoteOutside(file.deployment)}: no mirrors\n`;
  const rows = hosts.map(({ name, type, address, result, code, detail, took }): readonly Cell[] => [
    name,
    type,
    address,
    RESULTS[result],
    took,
    code === null ? detail : `${code}: ${detail}`,
  ]);
  return table(["NAME", "TYPE", "ADDRESS", `SERVES ${file.channel}`, "MS", "WHY"], rows, paint);
}
