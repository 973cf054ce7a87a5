import type { Feed } from "../../../core/model/source.ts";
import type { FeedFormat } from "../../feed-format.ts";
import { bareArtifact } from "../../listed-artifact.ts";
import { readChecksums } from "./checksums.ts";
import { readFolders } from "./folders.ts";
import { pinnedDigests } from "./pins.ts";

type DirectoryFeed = Extract<Feed, { format: "directory" }>;

/**
 * Any vendor's set of files: named in the source, by a checksum list, or by the upstream's own listing of its folders.
 * What is inside the files is nobody's business here: a digest from a signed list or a pin binds each of them.
 */
export const directoryFormat: FeedFormat<DirectoryFeed> = {
  async readFeed({ feed, trust, now, files, quarantine }) {
    const { list } = feed;
    if (list.kind === "checksums") return readChecksums({ file: list.file, trust, now, files, quarantine });
    if (list.kind === "listing") return readFolders({ depth: list.depth, trust, files, quarantine });
    const artifacts = list.files.map((path) =>
      bareArtifact(path, trust.kind === "pinned" ? pinnedDigests(trust, path) : {}),
    );
    return { kind: "listing", listing: { artifacts, series: [] }, findings: { signatures: [], malformed: null } };
  },
  async inspectArtifact() {
    throw new Error("a directory's file is judged by its digest alone: no listing asks for its inspection");
  },
};
