import type { Feed, FeedFormatName } from "../core/model/source.ts";
import type { FeedFormat } from "./feed-format.ts";
import { clamavFormat } from "./feeds/clamav/format.ts";
import { directoryFormat } from "./feeds/directory/format.ts";
import { liveupdateFormat } from "./feeds/liveupdate/format.ts";

/** Every feed format that Ringfort reads. */
const FORMATS: Readonly<Record<FeedFormatName, FeedFormat>> = {
  clamav: clamavFormat,
  directory: directoryFormat,
  liveupdate: liveupdateFormat,
};

/** The format that reads this feed. */
export function formatOf(feed: Feed): FeedFormat {
  return FORMATS[feed.format];
}
