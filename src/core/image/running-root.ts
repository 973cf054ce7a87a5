import { fail, over, pass, type Verdict } from "../machine/check.ts";
import { type Fact, type ImageIdentity, known, type RunningRoot, unknown } from "../machine/facts.ts";

/** With these the kernel hands out blocks that differ, or looks at each once and never again. */
const LAX = ["ignore_corruption", "check_at_most_once"];

/**
 * Reads one line of `dmsetup table` and one of `dmsetup status`. A verity target's table is "start length verity version
 * data-device hash-device data-block-size hash-block-size blocks hash-start algorithm digest salt …", its status "V", or
 * "C" once a block was found that differs (Documentation/admin-guide/device-mapper/verity.rst).
 */
export function readVerityTable(table: string, status: string): Fact<RunningRoot> {
  const lines = table.trim().split("\n");
  const [, , target, , , , , , blocks = "", , algorithm, digest = "", , , ...options] = (lines[0] ?? "")
    .trim()
    .split(/ +/);
  if (lines.length !== 1) return unknown("the root's device is made of several");
  if (target !== "verity") return known({ kind: "plain", fileSystem: `a device of kind ${target ?? "unknown"}` });
  if (algorithm !== "sha256" || !/^[0-9a-f]{64}$/.test(digest) || !/^\d{1,12}$/.test(blocks))
    return unknown("the table of the root's device is not one that is understood");
  const lax = options.find((option) => LAX.includes(option));
  if (lax !== undefined) return known({ kind: "plain", fileSystem: `on a hash tree that is opened with ${lax}` });
  const seen = /^\d+ \d+ verity ([VC])\b/.exec(status.trim())?.[1];
  if (seen === undefined) return unknown("the state of the root's device cannot be read");
  return known({ kind: "verity", rootHash: digest, dataBlocks: Number(blocks), corrupted: seen === "C" });
}

/** Whether the running root is this image's. What the kernel does not tell is UNKNOWN. */
export function judgeRunningRoot(root: Fact<RunningRoot>, image: ImageIdentity): Verdict {
  return over(root, (is) => {
    if (is.kind === "plain")
      return fail(`the root is ${is.fileSystem}, and nothing compares its blocks with a root hash`);
    if (is.rootHash !== image.verity.rootHash || is.dataBlocks !== image.verity.dataBlocks)
      return fail(`the root hash is ${is.rootHash}, the image's ${image.verity.rootHash}`);
    return is.corrupted
      ? fail("the kernel has read a block of it that differs")
      : pass(`its root hash is ${is.rootHash}`);
  });
}
