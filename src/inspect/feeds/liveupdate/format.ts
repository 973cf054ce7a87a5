import type { LiveupdateFeed } from "../../../core/model/source.ts";
import type { FeedFormat } from "../../feed-format.ts";

export const liveupdateFormat: FeedFormat<LiveupdateFeed> = {
  readFeed: async () => {
    throw new Error("not yet");
  },
  inspectArtifact: async () => {
    throw new Error("not yet");
  },
};
