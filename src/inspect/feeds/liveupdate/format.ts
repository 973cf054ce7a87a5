import type { LiveupdateFeed, LiveupdateTrust, Trust } from "../../../core/model/source.ts";
import { fileSource } from "../../../formats/archive/byte-source.ts";
import { inspectPackage } from "../../../formats/liveupdate/read-package.ts";
import type { FeedFormat } from "../../feed-format.ts";
import { listIndexes } from "./listing.ts";
import { seekIndexes } from "./rounds.ts";

/**
 * LiveUpdate: signed indexes for each product, and the packages that they name beside them. Of the index text nothing is
 * claimed: the source's dialect says how it is read.
 */
export const liveupdateFormat: FeedFormat<LiveupdateFeed> = {
  async readFeed({ feed, trust, now, files, quarantine }) {
    const sought = await seekIndexes(feed, files, quarantine);
    if (sought.kind !== "sought") return sought;
    return listIndexes({ feed, trust: pinned(trust), now, quarantine, ...sought });
  },
  async inspectArtifact({ trust, now, artifact, file, caps, quarantine }) {
    const handle = await quarantine.open(file);
    try {
      const source = fileSource(handle, file.size);
      return await inspectPackage({ name: artifact.path, source, trust: pinned(trust), now, ...caps });
    } finally {
      await handle.close();
    }
  },
};

function pinned(trust: Trust): LiveupdateTrust {
  if (trust.kind !== "liveupdate")
    throw new Error("a liveupdate feed under another kind of trust: the schema lets none in");
  return trust;
}
