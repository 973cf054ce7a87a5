import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { errnoOf } from "../core/kernel/disk.ts";
import { quoteOutside } from "../core/kernel/errors.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import { pathFault } from "../core/kernel/safe-path.ts";
import type { ByteSource } from "../formats/archive/byte-source.ts";
import { readZip, ZipFault, type ZipMember } from "../formats/archive/zip.ts";
import { Stop } from "./agent-code.ts";
import { writeNew } from "./durable.ts";
import type { VersionFiles } from "./version-folder.ts";

/** What an honest package never comes near: deflate itself ends at some 1030 to 1. */
const MOST_RATIO = 1_100;

/**
 * Unpacks a verified package into `folder` and gives the files that it wrote. What lies there under a name is replaced,
 * never written into: it may be a hard link to the version that is in use. The guard and its signature stay out.
 */
export async function unpackInto(source: ByteSource, folder: string, expandedBytes: number): Promise<VersionFiles> {
  const zip = await readZip(source, { members: LIMITS.archiveMembers, expandedBytes, ratio: MOST_RATIO });
  if (zip.kind === "past-cap") throw new Stop("artifact.expands-too-far", `unpacks to ${zip.expandedBytes} bytes`);
  if (zip.kind === "malformed") throw new Stop("artifact.malformed", quoteOutside(zip.detail));
  const written: Record<string, VersionFiles[string]> = {};
  try {
    for (const member of zip.members) {
      if (isGuardPart(member)) continue;
      // The reader refuses such names already. This is the place where one would do harm.
      const fault = pathFault(member.directory ? member.name.slice(0, -1) : member.name);
      if (fault !== null) throw new Stop("artifact.malformed", `"${quoteOutside(member.name)}": ${fault}`);
      const place = path.join(folder, member.name);
      await mkdir(member.directory ? place : path.dirname(place), { recursive: true });
      if (!member.directory) written[member.name] = await unpackOne(zip.content(member), member, place);
    }
  } catch (cause) {
    if (cause instanceof ZipFault) throw new Stop("artifact.malformed", quoteOutside(cause.message));
    // A file where the version before has a folder, or the other way round.
    if (["EEXIST", "ENOTDIR", "EISDIR", "ERR_FS_EISDIR"].includes(errnoOf(cause) ?? ""))
      throw new Stop("artifact.malformed", "a name is a file here and a folder there");
    throw cause;
  }
  return written;
}

function isGuardPart({ name }: ZipMember): boolean {
  return !name.includes("/") && /\.(?:grd|sig)$/i.test(name);
}

async function unpackOne(
  content: AsyncIterable<Uint8Array>,
  { size, executable }: ZipMember,
  place: string,
): Promise<VersionFiles[string]> {
  await rm(place, { force: true });
  const hash = createHash("sha256");
  await writeNew(place, executable ? 0o755 : 0o644, async (write) => {
    for await (const piece of content) {
      hash.update(piece);
      await write(piece);
    }
  });
  return { size, sha256: hash.digest("hex"), executable };
}
