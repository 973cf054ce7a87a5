import { statSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { errnoOf } from "../core/kernel/disk.ts";
import { readAdvisories, vulnerableDependencies, vulnerablePackages } from "../core/machine/advisories.ts";
import { compareDebianVersions } from "../core/machine/debian-version.ts";
import { type AdvisoryFacts, type Fact, known, type PatchFacts, unknown, withFact } from "../core/machine/facts.ts";
import { type InstalledPackage, installedPackages, pendingUpdates } from "../core/machine/package-list.ts";
import { runHere } from "./programs.ts";
import { Root } from "./root.ts";

const LISTS = "var/lib/apt/lists";
const MOST_LIST_BYTES = 256 * 1_024 * 1_024;
const MOST_FEED_BYTES = 512 * 1_024 * 1_024;

export interface Dependency {
  readonly name: string;
  readonly version: string;
}

export interface PatchWish {
  /** The runtime's version, where the machine is the one that this runs on. */
  readonly runtime: string | null;
  readonly dependencies: Fact<readonly Dependency[]>;
  /** Files of advisories; absolute. */
  readonly advisories: readonly string[];
}

/** What this machine lacks, from apt's lists, dpkg's status and files of advisories; no network, and nothing is changed. */
export function patchFacts(root: Root, wish: PatchWish): PatchFacts {
  const installed = withFact(root.text("var/lib/dpkg/status", MOST_LIST_BYTES), (text) =>
    known(installedPackages(text)),
  );
  const names = withFact(root.names(LISTS), (all) => known(all.filter((name) => /security/.test(name))));
  const feeds = wish.advisories.map(readFeed);
  return {
    pending: withFact(installed, (here) => withFact(names, (all) => pending(root, here, all))),
    metadataAt: withFact(names, (all) => metadataAt(root, all)),
    runtime: wish.runtime === null ? unknown("an image does not tell which runtime it will run") : known(wish.runtime),
    dependencies: withFact(wish.dependencies, (those) =>
      ofFeeds(feeds, "osv", (feed) => vulnerableDependencies(feed.entries, those)),
    ),
    packages: withFact(installed, (here) =>
      withFact(releaseName(root), (release) =>
        ofFeeds(feeds, "tracker", (feed) => vulnerablePackages(feed.packages, release, here)),
      ),
    ),
    rebootPending: rebootPending(root),
  };
}

function pending(root: Root, installed: readonly InstalledPackage[], names: readonly string[]): PatchFacts["pending"] {
  const lists: string[] = [];
  for (const name of names.filter((each) => /_Packages(?:\.\w+)?$/.test(each))) {
    const list = listText(root, `${LISTS}/${name}`);
    if ("unknown" in list) return list;
    lists.push(list.is);
  }
  return lists.length === 0 ? unknown("apt has no list of security updates") : known(pendingUpdates(installed, lists));
}

function listText(root: Root, name: string): Fact<string> {
  if (name.endsWith("_Packages")) return root.text(name, MOST_LIST_BYTES);
  if (name.endsWith(".gz"))
    return withFact(root.bytes(name, MOST_LIST_BYTES), (bytes): Fact<string> => {
      try {
        return known(gunzipSync(bytes, { maxOutputLength: MOST_LIST_BYTES }).toString("utf8"));
      } catch {
        return unknown(`${name} is damaged`);
      }
    });
  // Of the other ways to compress apt's own reader knows.
  if (root.isHere) return runHere(["/usr/lib/apt/apt-helper"], ["cat-file", root.at(name)], MOST_LIST_BYTES);
  return unknown(`${name} is compressed in a way that is not read here`);
}

/** The oldest date of the security indexes: the newest would hide one that is no longer fetched. */
function metadataAt(root: Root, names: readonly string[]): Fact<number> {
  const dates: number[] = [];
  for (const name of names.filter((each) => /_(?:In)?Release$/.test(each))) {
    const text = root.text(`${LISTS}/${name}`);
    if ("unknown" in text) return text;
    const at = Date.parse(/^Date: (.+)$/m.exec(text.is)?.[1] ?? "");
    if (!Number.isNaN(at)) dates.push(at);
  }
  if (dates.length === 0) return unknown("apt has no security index");
  return known(dates.reduce((a, b) => Math.min(a, b)));
}

function releaseName(root: Root): Fact<string> {
  return withFact(root.text("etc/os-release"), (text) => {
    const name = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(text)?.[1];
    return name === undefined ? unknown("etc/os-release has no VERSION_CODENAME") : known(name);
  });
}

type Feed = NonNullable<ReturnType<typeof readAdvisories>> & { readonly fileAt: number };

function readFeed(file: string): Fact<Feed> {
  try {
    const { size, mtimeMs } = statSync(file);
    if (size > MOST_FEED_BYTES) return unknown(`${file} is too large for advisories`);
    const text = new Root(path.dirname(file)).text(path.basename(file), MOST_FEED_BYTES);
    if ("unknown" in text) return text;
    const advisories = readAdvisories(text.is);
    return advisories === null
      ? unknown(`${file} is no file of advisories`)
      : known({ ...advisories, fileAt: mtimeMs });
  } catch (cause) {
    return unknown(`${file}: ${errnoOf(cause) ?? "unreadable"}`);
  }
}

function ofFeeds<K extends Feed["kind"]>(
  feeds: readonly Fact<Feed>[],
  kind: K,
  find: (feed: Extract<Feed, { readonly kind: K }>) => AdvisoryFacts["vulnerabilities"],
): Fact<AdvisoryFacts> {
  const broken = feeds.find((feed) => "unknown" in feed);
  const those = feeds.flatMap((feed) =>
    "is" in feed && feed.is.kind === kind ? [feed.is as Extract<Feed, { readonly kind: K }>] : [],
  );
  // One that cannot be read may be the one that is asked for.
  if (broken !== undefined && "unknown" in broken) return broken;
  if (those.length === 0)
    return unknown(
      kind === "osv" ? "no file of OSV's advisories is configured" : "no file of the security tracker is configured",
    );
  return known({
    // The file's own time is when the channel showed it; a statement's is when it was made.
    newest: those.map((feed) => ("newest" in feed ? feed.newest : feed.fileAt)).reduce((a, b) => Math.max(a, b)),
    vulnerabilities: those.flatMap(find),
  });
}

function rebootPending(root: Root): Fact<boolean> {
  return withFact(root.exists("run/reboot-required"), (flag): Fact<boolean> => {
    if (flag) return known(true);
    const running = root.text("proc/sys/kernel/osrelease", 4_096);
    const kernels = root.names("boot");
    if ("unknown" in running || "unknown" in kernels) return known(false);
    const installed = kernels.is.flatMap((name) => /^vmlinuz-(.+)$/.exec(name)?.[1] ?? []);
    const newest = installed.toSorted(compareDebianVersions).at(-1);
    // A container runs its host's kernel, and has none of its own to start.
    return known(newest !== undefined && compareDebianVersions(newest, running.is.trim()) > 0);
  });
}
