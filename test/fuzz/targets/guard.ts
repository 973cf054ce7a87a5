import { readGuard } from "../../../src/formats/liveupdate/guard.ts";
import { writeGuard } from "../../../src/formats/liveupdate/write-guard.ts";
import { mutate } from "../mutate.ts";
import { type FuzzTarget, mustHold } from "../target.ts";

const WORDS = [
  "[GuardHeader]\n",
  "[File-",
  "]",
  "\n[File-liveupdt.tri]\nSHA1=",
  "SHA256=",
  "LastModifiedUtcSeconds=",
  "LastModifiedGmtFormated=20260201 00:00:00",
  "\r\n",
  "\r",
  "\0",
  "=",
  "\ufeff",
  "é",
];

export async function guardTarget(): Promise<FuzzTarget> {
  const bytes = Buffer.from("content");
  const corpus = [1, 2, 5].flatMap((files) =>
    (["\n", "\r\n"] as const).flatMap((lineEnd) =>
      ([["sha1"], ["sha256"], ["sha1", "sha256"]] as const).map((digests) =>
        writeGuard(
          Array.from({ length: files }, (_, at) => ({ name: `176990400${at}jtun.zip`, bytes })),
          { legal: "Copyright", lastModified: Date.UTC(2026, 1, files), lineEnd, digests },
        ),
      ),
    ),
  );
  return {
    input: (dice) => mutate(dice, dice.pick(corpus), { words: WORDS, corpus }),
    async run(input) {
      const read = readGuard(input);
      if ("malformed" in read) {
        mustHold(read.malformed.length > 0, "malformed without a reason");
        return false;
      }
      for (const { name, sha1, sha256 } of read.guard.files) {
        mustHold(name !== "", "a file without a name");
        mustHold(sha1 !== null || sha256 !== null, "a file without a digest");
        mustHold(/^[0-9a-f]{40}$/.test(sha1 ?? "0".repeat(40)), "a SHA-1 that is none");
        mustHold(/^[0-9a-f]{64}$/.test(sha256 ?? "0".repeat(64)), "a SHA-256 that is none");
      }
      const names = read.guard.files.map(({ name }) => name.toLowerCase());
      mustHold(new Set(names).size === names.length, "one file twice");
      return true;
    },
  };
}
