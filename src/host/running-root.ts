import { readVerityTable } from "../core/image/running-root.ts";
import { type Fact, known, type RunningRoot, unknown, withFact } from "../core/machine/facts.ts";
import { runHere } from "./programs.ts";
import type { Root } from "./root.ts";

const DMSETUP = ["/usr/sbin/dmsetup", "/sbin/dmsetup"];

/**
 * What the root file system lies on, as the kernel says it: the command line of a boot only claims a root hash, the
 * device-mapper's table is the one that blocks are compared with.
 */
export function runningRoot(root: Root): Fact<RunningRoot> {
  if (!root.isHere) return unknown("no root runs of an image that is only looked at");
  return withFact(root.text("proc/self/mountinfo"), (mounts) =>
    withFact(rootMount(mounts), ({ device, fileSystem, source }): Fact<RunningRoot> => {
      if (source !== "/dev/mapper/root" && !source.startsWith("/dev/dm-") && !source.startsWith("/dev/mapper/"))
        return known({ kind: "plain", fileSystem: `${fileSystem} on ${source}` });
      const [major = "", minor = ""] = device.split(":");
      const of = ["--major", major, "--minor", minor];
      return withFact(runHere(DMSETUP, ["table", ...of]), (table) =>
        withFact(runHere(DMSETUP, ["status", ...of]), (status) => readVerityTable(table, status)),
      );
    }),
  );
}

/** proc_pid_mountinfo(5): the last mount on "/" is the one that is seen. */
function rootMount(
  text: string,
): Fact<{ readonly device: string; readonly fileSystem: string; readonly source: string }> {
  const line = text.split("\n").findLast((each) => each.split(" ")[4] === "/");
  const [before = "", after = ""] = (line ?? "").split(" - ");
  const [, , device] = before.split(" ");
  const [fileSystem, source] = after.split(" ");
  if (device === undefined || fileSystem === undefined || source === undefined)
    return unknown("no mount of the root is told");
  return known({ device, fileSystem, source });
}
