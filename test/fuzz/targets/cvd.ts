import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { pathFault } from "../../../src/core/kernel/safe-path.ts";
import { contentFindings } from "../../../src/core/model/findings.ts";
import { FlatTarReader } from "../../../src/formats/archive/flat-tar.ts";
import { inspectCdiff } from "../../../src/inspect/feeds/clamav/cdiff.ts";
import { inspectCvd } from "../../../src/inspect/feeds/clamav/cvd.ts";
import { parseCvdHeader } from "../../../src/inspect/feeds/clamav/cvd-header.ts";
import { parseDatabaseInfo } from "../../../src/inspect/feeds/clamav/database-info.ts";
import {
  FORGED_KEYS,
  forgeCdiff,
  forgeCvd,
  forgeInfo,
  MEMBERS,
  STATEMENT,
  sealTarHeader,
  tarMember,
} from "../../fixtures/clamav-forge.ts";
import type { Dice } from "../../fixtures/dice.ts";
import { mutate } from "../mutate.ts";
import { type FuzzTarget, mustHold } from "../target.ts";

/** How the first byte of an input has the rest read. */
const KINDS = ["header", "info", "tar", "cvd", "cdiff"] as const;
type Kind = (typeof KINDS)[number];

const WORDS = [
  "ClamAV-VDB:",
  "ClamAV-Diff:",
  "DSIG:",
  ":",
  "\n",
  "X",
  "\0",
  "forged.info",
  "\u001f\u008b\u0008",
  "ustar",
];
/** Signing anew takes two RSA operations, and is what leads a change past the signature. */
const SIGNED_ANEW = 6;
const EXPANDED = 1_000_000;

export async function cvdTarget(): Promise<FuzzTarget> {
  const info = Buffer.from(forgeInfo(STATEMENT, MEMBERS), "latin1");
  const members = [{ name: "forged.info", bytes: info }, ...MEMBERS].map(tarMember);
  const cvd = forgeCvd();
  const corpus: Readonly<Record<Kind, readonly Buffer[]>> = {
    header: [cvd.subarray(0, 512)],
    info: [info],
    tar: [Buffer.concat(members), Buffer.concat([...members, Buffer.alloc(1_024)])],
    cvd: [cvd, forgeCvd({ info: { version: 8 } })],
    cdiff: [forgeCdiff(7, Buffer.from("OPEN forged.hdb\nADD x\nCLOSE\n".repeat(9))), forgeCdiff(8, Buffer.alloc(0))],
  };
  const changed = (dice: Dice, kind: Kind): Buffer =>
    mutate(dice, dice.pick(corpus[kind]), { words: WORDS, corpus: corpus[kind] });
  return {
    input(dice) {
      const kind = dice.pick(KINDS);
      const anew = (kind === "cvd" || kind === "cdiff") && dice.once(SIGNED_ANEW);
      const bytes = anew
        ? signedAnew(dice, kind, changed)
        : kind === "tar"
          ? sealed(dice, changed(dice, kind))
          : changed(dice, kind);
      return Buffer.concat([Buffer.from([KINDS.indexOf(kind)]), bytes]);
    },
    run: (input) => runKind(KINDS[input[0] ?? 0] ?? "header", input.subarray(1)),
  };
}

/** What only a vendor gone bad, or a thief of its keys, could send: broken inside, well signed outside. */
function signedAnew(dice: Dice, kind: "cvd" | "cdiff", changed: (dice: Dice, kind: Kind) => Buffer): Buffer {
  const script = changed(dice, "cdiff");
  if (kind === "cdiff")
    return forgeCdiff(
      dice.number(100),
      script,
      dice.pick([script.length, 0, 2 ** 32]),
      damaged(dice, gzipSync(script)),
    );
  return dice.pick<() => Buffer>([
    () => forgeCvd({ tar: () => sealed(dice, changed(dice, "tar")) }),
    () => forgeCvd({ body: (tar) => damaged(dice, gzipSync(tar)) }),
    () => forgeCvd({ editInfo: () => changed(dice, "info").toString("latin1") }),
  ])();
}

function damaged(dice: Dice, gzip: Buffer): Buffer {
  return dice.once(2) ? gzip : mutate(dice, gzip, { words: [], corpus: [gzip] });
}

/** Mostly with the checksums of its headers right again, or no change would come past the first. */
function sealed(dice: Dice, tar: Buffer): Buffer {
  const copy = Buffer.from(tar);
  for (let at = 0; at + 512 <= copy.length && !dice.once(12); at += 512) sealTarHeader(copy.subarray(at, at + 512));
  return copy;
}

async function runKind(kind: Kind, bytes: Uint8Array): Promise<boolean> {
  switch (kind) {
    case "header":
      return "header" in parseCvdHeader(bytes);
    case "info":
      return "info" in parseDatabaseInfo(bytes);
    case "tar":
      return runTar(bytes);
    case "cvd":
    case "cdiff":
      return runWhole(kind, bytes);
  }
}

function runTar(bytes: Uint8Array): boolean {
  const names: string[] = [];
  let declared = 0;
  let given = 0;
  const tar = new FlatTarReader({
    begin: (name, size) => {
      names.push(name);
      declared += size;
    },
    data: (piece) => {
      given += piece.length;
    },
    end: () => mustHold(given === declared, "a member of another length than its header says"),
  });
  // Pieces of odd lengths: a header may come in two.
  for (let at = 0; at < bytes.length; at += 700) if (tar.push(bytes.subarray(at, at + 700)) !== null) return false;
  if (tar.finish() !== null) return false;
  for (const name of names) mustHold(pathFault(name) === null, "an unsafe name");
  mustHold(new Set(names.map((name) => name.toLowerCase())).size === names.length, "one name twice");
  return true;
}

async function runWhole(kind: "cvd" | "cdiff", bytes: Uint8Array): Promise<boolean> {
  const file = { handle: inMemory(bytes), start: 0, end: bytes.length };
  const seen =
    kind === "cvd"
      ? await inspectCvd(file, "forged.cvd", FORGED_KEYS, EXPANDED)
      : await inspectCdiff(file, "forged-7.cdiff", FORGED_KEYS, EXPANDED);
  // As the keeper does with what a worker answers.
  contentFindings.parse(seen);
  mustHold((seen.expandedBytes ?? 0) <= EXPANDED + 128 * 1024, "unpacked past the cap");
  const good =
    seen.malformed === null && seen.signatures.length > 0 && seen.signatures.every(({ status }) => status === "good");
  if (good && kind === "cvd") {
    // The body's signature is over its MD5: what is good must have a body of that MD5.
    const md5 = createHash("md5").update(bytes.subarray(512)).digest("hex");
    mustHold(Buffer.from(bytes.subarray(0, 512)).includes(md5), "a good body that is not the signed one");
  }
  return good && seen.contradictions.length === 0 && !seen.expandedPastCap;
}

/** An open file without a disk: reading at a place is all that inspection does with one. */
function inMemory(bytes: Uint8Array): FileHandle {
  const read = async (
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number }> => ({
    bytesRead: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).copy(
      buffer,
      offset,
      position,
      position + length,
    ),
  });
  return { read } as unknown as FileHandle;
}
