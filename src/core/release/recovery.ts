import type { SourceSpec } from "../model/source.ts";

/**
 * What a rollback does not do by itself: a server that goes back does not take every client back. Who follows, who
 * does not, and what to do about it, by feed format.
 */
export function recoveryAfterRollback(spec: Pick<SourceSpec, "feed">): readonly string[] {
  switch (spec.feed.format) {
    case "clamav":
      return [
        "Clients without a database take the older one at their next run.",
        "freshclam never goes back by itself: a client that has the newer version keeps it, and says so with exit code 0.",
        'To take such a client back: stop freshclam, remove the database (for example "rm /var/lib/clamav/daily.c[lv]d"), run freshclam once.',
      ];
    case "liveupdate":
      return [
        "ringfort-agent goes back by itself once a recall is published: ringfort recall tells how.",
        "A vendor's own LiveUpdate client takes only what is newer than it has: on machines that took the bad content, " +
          "install the older package by the product's own means, or wait for the vendor's next sequence.",
      ];
    case "liveupdate":
      return [
        "ringfort-agent goes back by itself once a signed recall is published: ringfort recall tells how.",
        "A vendor's own LiveUpdate client takes only what is newer than it has, and keeps what it took: reinstall the older package on it by the product's own means.",
      ];
    case "directory":
      return [
        "Clients that ask If-Modified-Since or If-None-Match (wget -N, curl -z, curl --etag-compare) follow at their next request: every Last-Modified is now this rollback's time.",
        "Clients that compare version numbers themselves, and refuse older ones, keep what they have.",
      ];
  }
}
