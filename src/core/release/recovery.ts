import type { Series } from "../model/feed-listing.ts";
import type { LiveupdateFeed, SourceSpec } from "../model/source.ts";

/** The rollback that recovery is about: which channel, and what moves only forward in the two revisions. */
export interface RolledBack {
  readonly channel: string;
  readonly from: readonly Series[];
  readonly to: readonly Series[];
}

/** Recalls that are written out; of a source with hundreds of products nobody reads more. */
const MOST_RECALLS = 20;

/**
 * What a rollback does not do by itself: a server that goes back does not take every client back. Who follows, who
 * does not, and what to do about it, by feed format.
 */
export function recoveryAfterRollback(spec: Pick<SourceSpec, "feed">, rolledBack: RolledBack): readonly string[] {
  switch (spec.feed.format) {
    case "clamav":
      return [
        "Clients without a database take the older one at their next run.",
        "freshclam never goes back by itself: a client that has the newer version keeps it, and says so with exit code 0.",
        'To take such a client back: stop freshclam, remove the database (for example "rm /var/lib/clamav/daily.c[lv]d"), run freshclam once.',
        "Without going back: publish a file overlay.ign2 with the harmful signatures' names, one a line (ringfort publish FOLDER --as directory), " +
          "and name it in freshclam.conf as DatabaseCustomURL: clients then ignore them at their next run (docs/rollback.md).",
      ];
    case "liveupdate":
      return [
        ...recalls(spec.feed, rolledBack),
        "A vendor's own LiveUpdate client takes only what is newer than it has: on machines that took the bad content, " +
          "install the older package by the product's own means, or wait for the vendor's next sequence.",
      ];
    case "directory":
      return [
        "Clients that ask If-Modified-Since or If-None-Match (wget -N, curl -z, curl --etag-compare) follow at their next request: every Last-Modified is now this rollback's time.",
        'apt-get keeps an index that is newer by its own Date. To take such a client back: "rm -r /var/lib/apt/lists", then "apt-get update"; ' +
          'what is installed goes back by "apt-get install --allow-downgrades NAME=VERSION".',
        "suricata-update follows at its next run; a rule can be switched off without going back by its sid in disable.conf.",
        "Other clients that compare version numbers themselves, and refuse older ones, keep what they have.",
      ];
  }
}

/** The recall for each product that has gone back. A series' name cannot be taken apart: the description's products are tried. */
function recalls(feed: LiveupdateFeed, { channel, from, to }: RolledBack): readonly string[] {
  const products = feed.index.kind === "products" ? feed.index.products : [];
  const commands: string[] = [];
  for (const { product, version, language } of products) {
    const name = `${product} ${version} ${language}`.toLowerCase();
    const [had, has] = [from, to].map((series) => series.find((each) => each.name === name)?.version);
    if (had === undefined || has === undefined || had <= has) continue;
    commands.push(
      `ringfort recall --key KEYFILE --into TREE --channel ${channel} --product ${shellWord(product)} ` +
        `--version ${shellWord(version)} --language ${shellWord(language)} --from ${has + 1} --until ${had} --to ${has} ` +
        "--reason TEXT --publish",
    );
  }
  if (commands.length === 0)
    return [
      "ringfort-agent goes back once a signed recall is published: ringfort recall --help tells how, and ringfort diff " +
        "shows the sequences that this rollback took back.",
    ];
  const rest = commands.length - MOST_RECALLS;
  return [
    "ringfort-agent goes back once a signed recall is published:",
    ...commands.slice(0, MOST_RECALLS),
    ...(rest > 0 ? [`and ${rest} more; ringfort diff shows the sequences.`] : []),
  ];
}

/** A word of a POSIX shell's command line: names of products come from a description that somebody may have sent. */
function shellWord(text: string): string {
  return /^[A-Za-z0-9._-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
