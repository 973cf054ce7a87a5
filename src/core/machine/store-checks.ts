import { type Check, EVERYWHERE, fail, few, notApplicable, ON_SERVERS, over, pass } from "./check.ts";

const WANTED_OPTIONS = ["nodev", "nosuid", "noexec"] as const;

/** FS: where the files lie, and who may touch them. */
export const STORE_CHECKS: readonly Check[] = [
  {
    id: "FS-01",
    severity: "medium",
    title: "the store has a file system of its own",
    means: "a full store else fills the system's disk, and a full system the store's",
    fix: "give the data folder a file system: a line in /etc/fstab, then mount it",
    origin: "paper 5.2.2; ANSSI R28",
    profiles: ON_SERVERS,
    judge: ({ store }) =>
      over(store.ownFileSystem, (own) => (own ? pass("it has") : fail("it shares the file system of its parent"))),
  },
  {
    id: "FS-02",
    severity: "medium",
    title: "the store is mounted nodev,nosuid,noexec",
    means: "nothing in it is ever run; a file that gets there by a mistake is not run either",
    fix: "mount -o remount,nodev,nosuid,noexec on the data folder's mount point, and the same in /etc/fstab",
    origin: "CIS 1.1.2; ANSSI R28",
    profiles: ON_SERVERS,
    judge: ({ store }) =>
      over(store.mountOptions, (options) => {
        const missing = WANTED_OPTIONS.filter((option) => !options.includes(option));
        return missing.length === 0 ? pass(WANTED_OPTIONS.join(",")) : fail(`without ${missing.join(", ")}`);
      }),
  },
  {
    id: "FS-03",
    severity: "critical",
    title: "servers cannot write what they serve",
    means: "whoever takes over a server could put content of their own in front of every client",
    fix: "chmod -R a-w below blobs/sha256, chmod go-w on the folders; confinement: { least: kernel } in ringfort.yaml",
    origin: "paper 5.2.3",
    profiles: EVERYWHERE,
    judge: ({ store }) =>
      over(store.writableToServers, (paths) => (paths.length === 0 ? pass("nothing is") : fail(few(paths)))),
  },
  {
    id: "FS-04",
    severity: "high",
    title: "no links, devices or set-user-ID files are in the store",
    means: "a link in the store leads a reader to what is not the store's",
    fix: "find DATA/blobs DATA/views ! -type f ! -type d -delete, then ringfort store check --repair",
    origin: "paper 5.2.2; ANSSI R56",
    profiles: EVERYWHERE,
    judge: ({ store }) => over(store.oddities, (paths) => (paths.length === 0 ? pass("none are") : fail(few(paths)))),
  },
  {
    id: "FS-05",
    severity: "critical",
    title: "the signing key is its owner's alone",
    means: "who has the key signs another past",
    fix: "chmod 0600 DATA/signer/key && chmod 0700 DATA/signer",
    origin: "ANSSI R50",
    profiles: EVERYWHERE,
    judge: ({ store }) =>
      over(store.key, (key) => {
        if (key === null) return notApplicable("no key has been made yet");
        const written = key.mode.toString(8).padStart(4, "0");
        return (key.mode & 0o077) === 0 ? pass(`mode ${written}`) : fail(`mode ${written}`);
      }),
  },
];
