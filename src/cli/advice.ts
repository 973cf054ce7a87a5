import type { FailureCode, RefusalCode } from "../core/kernel/errors.ts";

/** What to do next, for every code there is. The error page (docs/reference/errors.md) is made from it too. */
export const ADVICE: Readonly<Record<RefusalCode | FailureCode, string>> = {
  "feed.malformed":
    "look at the index at the upstream's address; if it is what you expect, the source's format is set wrong",
  "feed.empty": "compare the source's selection and format with what the upstream holds: ringfort source show NAME",
  "feed.too-many-names": "check that the address leads where you mean; a narrower listing depth or address helps",
  "feed.unsafe-name": "tell the vendor; nothing with such a name is ever written or served",
  "feed.name-collision": "tell the vendor, or leave one of the two names out with --exclude",
  "feed.duplicate-name": "tell the vendor; which of the two is meant cannot be known here",
  "feed.unsigned":
    "ask the vendor where the signature is and name it with --signature; if there is none, trust must be declared otherwise",
  "feed.signature-wrong":
    "the index was changed or damaged after it was signed: wait for the next run, try another address, then ask the vendor",
  "feed.signer-unknown":
    "ask the vendor over another road whether the key has changed; then give the new key with ringfort source change",
  "feed.signature-expired": "ask the vendor for a fresh signature or key; the held revision goes on being served",
  "feed.older-than-held":
    "wait for the upstream to catch up, or try another address; if the vendor really went back, roll the channel back",
  "feed.from-the-future": "compare this machine's clock with the real time, then ask the vendor",
  "feed.contradicts-itself":
    "try another address: somebody may have mixed the index of one product with the name of another",
  "feed.digest-weak":
    'ask the vendor for SHA-256; content that never had it needs a source of its own with the profile "legacy-sha1"',
  "feed.digest-missing": "ask the vendor for SHA-256 or SHA-512 digests, or pin the files",
  "artifact.missing": "wait: the upstream is likely half updated; if it stays so, exclude the file or ask the vendor",
  "artifact.digest-differs":
    "wait for the next run, for the upstream may be half updated; if it stays so, ask the vendor over another road",
  "artifact.size-differs":
    "wait for the next run, for the upstream may be half updated; if it stays so, ask the vendor",
  "artifact.malformed": "wait for the next run; if it stays so, try another address and ask the vendor",
  "artifact.signature-wrong": "do not use the file from elsewhere either; try another address and ask the vendor",
  "artifact.signer-unknown":
    "ask the vendor over another road whether the key has changed; then give the new key with ringfort source change",
  "artifact.contradicts-itself": "try another address: somebody may have changed what the signature does not cover",
  "artifact.version-differs": "wait for the next run: the upstream is half updated",
  "artifact.older-than-held":
    "wait for the upstream to catch up, or try another address; if the vendor really went back, roll the channel back",
  "artifact.from-the-future": "compare this machine's clock with the real time, then ask the vendor",
  "artifact.expands-too-far":
    "if the file is really meant to unpack so far, raise budget.expansion with ringfort source change",
  "feed.signer-blocked":
    "see who blocked the signer and why with ringfort restraints; nothing of theirs is taken until it is released",
  "artifact.blocked": "see who blocked it and why with ringfort restraints; wait for the vendor's next version",
  "budget.artifact-bytes":
    "if the file is really meant to be so large, raise budget.artifactBytes with ringfort source change",
  "budget.total-bytes":
    "if the feed is really so large, raise budget.bytes with ringfort source change, or select less of it",
  "budget.files": "if the feed is really so long, raise budget.files with ringfort source change, or select less of it",
  "budget.growth": "look at what is new upstream; if it is meant, raise budget.growth with ringfort source change",
  "budget.free-disk": "free space on the store's file system: ringfort gc shows what could go",
  "promotion.unsigned-source":
    "find something that vouches for the content (a key, a signed list, pinned digests) and change the source's trust",
  "promotion.not-in-earlier-channel": "promote it to the channel before this one first: ringfort channels SOURCE",
  "promotion.already-there": "nothing: the channel already shows it",
  "promotion.changed-meanwhile": "look at the channel again (ringfort channels), then decide again",
  "promotion.not-newer": "if you mean to go back, say so: ringfort rollback SOURCE --channel CHANNEL --revision NUMBER",
  "promotion.no-ring": "compare the policy with the configured channels: ringfort policy show NAME, ringfort channels",
  "promotion.withdrawn":
    "find out why the ring before was taken back; if the revision is good after all, promote that ring to it again first",
  "promotion.soaking":
    "wait, or see both clocks with ringfort policy explain NAME; what can't wait has ringfort propose --emergency",
  "promotion.health-unproven":
    "wait until clients of the ring before have come back; ringfort policy explain NAME says how many are missing",
  "promotion.health-suspect":
    "look at the clients of the ring before; hold the channel with ringfort hold NAME, or take the ring before back",
  "promotion.outside-hours": "wait for the time that is named; what can't wait has ringfort propose --emergency",
  "promotion.sign-off-missing":
    "propose it with ringfort propose NAME, and have the others sign with ringfort sign-off",
  "promotion.by-hand": "promote it yourself when you have looked: ringfort promote NAME --to CHANNEL",
  "promotion.after-rollback":
    "look why it was rolled back; then move it forward yourself: ringfort promote NAME --to CHANNEL",
  "channel.held": "see who holds it and why with ringfort restraints; then ringfort release NUMBER",
  "channel.pinned": "see who pinned it and why with ringfort restraints; then ringfort release NUMBER",
  "channel.shut-off": "see why with ringfort status; ringfort resume serves again",
  "revision.blocked": "see what is blocked and why with ringfort restraints; wait for a revision without it",
  "proposal.open-already": "see it with ringfort proposals; change it with ringfort propose --edit, or withdraw it",
  "proposal.own": "ask somebody else to sign: ringfort sign-off NUMBER, as another user",
  "proposal.role-missing": "ask somebody who has the role; ringfort proposals says which are missing",
  "proposal.signed-already": "ask somebody else to sign; ringfort proposals says who has",
  "proposal.changed-meanwhile":
    "look at it again with ringfort proposals: what you signed may have become something else",
  "proposal.ended": "propose it again: ringfort propose NAME",
  "policy.changed-meanwhile": "look at it with ringfort policy show NAME, then set yours again",
  "rollback.nothing-older": "there is nothing to go back to; ringfort revisions SOURCE shows what is held",
  "rollback.never-there": "choose a revision that the channel has shown: ringfort log --moves --source SOURCE",
  "revision.gone": "choose a revision that is still held: ringfort revisions SOURCE",
  "collection.changed-meanwhile": "look again: ringfort gc shows what would go now",
  "network.underdescribed":
    "write what is named into the configuration file (docs/reference/configuration.md, host), or give it as a flag",
  "release.unsigned": "fetch SHA256SUMS and SHA256SUMS.minisig from where the files came from",
  "release.signature-wrong": "use none of the files; fetch list and signature again, from another place if it stays so",
  "release.signer-unknown":
    "ask the publisher, by another way than this folder, which key is theirs now; else use none of the files",
  "release.malformed": "fetch the list again; if it stays so, tell the publisher: the signature over it is good",
  "release.file-differs": "do not use it; fetch it again, from another place if it stays so",
  "release.file-missing": "fetch it, or name the files that you want verified",
  "release.file-unlisted": "do not use it, or remove it; to verify some files in a folder of other things, name them",
  "sockets.underdescribed": "say what is named above in the configuration file: a socket has an address and a port",
  "setup.already-there":
    "look at it with ringfort config show; --change changes what is said and keeps the old file beside it",
  "export.folder-taken": "name an empty folder, or one that does not exist yet: one for each channel",
  "export.folder-unsafe":
    "name a folder outside the data folder that belongs to the daemon's user and that nobody else may write in",
  "export.other-file-system":
    "choose a folder on the data folder's file system, or let the files be copied: --method copy, or method: copy",
  "upstream.unreachable": "check the line, the firewall and the source's address and proxy; the next run tries again",
  "upstream.name-unknown": "check the address for a slip and this machine's name resolution",
  "upstream.tls":
    "check the clock and the address; an authority of your own is given with --ca, checking is never turned off",
  "upstream.status": "look at the status in the detail; the next run tries again",
  "upstream.not-found": "compare the source's address and file names with what the upstream holds",
  "upstream.malformed": "check that the address leads to the vendor and no portal or proxy answers in its place",
  "upstream.cut-off": "sync again: what came is kept and the rest is fetched",
  "upstream.changed": "sync again: the upstream was being updated",
  "upstream.stalled": "try another address, or lower budget.leastRate for a slow line",
  "upstream.timeout": "sync again; for a slow line raise the time limits with ringfort source change",
  "upstream.over-cap": "if the file is really meant to be so large, raise the budget with ringfort source change",
  "upstream.redirect-loop": "give the address where the redirects end, or raise budget.redirects",
  "upstream.redirect-scheme": "give the address that is redirected to, or allow the change with --allow-scheme-change",
  "upstream.redirect-inside": "if the upstream really is inside your network, allow it with --allow-inside",
  "upstream.login": "check the user and the password file of the source's login",
  "upstream.proxy": "check the proxy's address and login",
  "address.unsupported": "write an http, https, ftp or file address",
  "image.malformed": "do not write it to a disk; build it again, or ask whoever signed it",
  "image.signature-wrong":
    "do not write it to a disk: copy it again from where it was built, then ask who could change it",
  "image.signer-unknown":
    "give the public key that signs your images (ringfort key show FILE, where it is kept); another key is another image",
  "image.part-differs": "do not write it to a disk: copy the folder again from where it was built",
  "image.block-differs":
    "do not use it: copy the folder again from where it was built; if the disk did this, replace the disk",
  "image.older-than-held":
    "build a new image; to go back on purpose, verify the older one without --after, knowing which holes it has",
  "image.secret-inside":
    "keep keys and passwords on the data disk or in a credential, and name their file in the configuration",
  "image.not-running": "find out what runs here before you trust it; start the machine from the verified image",
  "image.not-rehearsed":
    "start an empty machine from the image with a back-up beside it, wait for ringfort store check --repair, then record it there with ringfort image rehearse",
  "certificate.key-differs":
    "look at both files: a renewal that stopped half-way leaves them so; the certificate before it goes on being shown",
  "certificate.unusable": "TLS wants PEM without a passphrase, and a key that is no weaker than RSA of 2048 bits",
  "certificate.expired": "renew it, and look at why the tool that does so did not",
  "certificate.not-yet-valid": "compare this machine's clock with the real time; it is taken by itself when it begins",
  "backup.key-wrong": "give the identity of one of its recipients, or the passphrase that it was made with",
  "backup.damaged": "take another copy of it, or an older one; nothing was restored",
  "restore.folder-taken":
    "restore into an empty data folder: stop the daemon, move the old one aside, and keep it until all is well",
  "unit.malformed":
    "mend the line that is named, or ask the package's maintainer: systemd reads on without it, and does not what it says",
  "unit.running":
    "try it on a machine where the unit does not run, or with --instead: the unit is then stopped for the time of the trial",
  "unit.no-copy":
    "look at why with journalctl -u 'ringfort-try-*'; ports in use, files missing, or a --check-command that fails anyway",
  "unit.unsteady": "try again with a longer --settle and a --check-command that asks for what the daemon is there for",
  "audit.malformed":
    "export the log again; if it stays so, the export or the ledger was changed: keep both, and ask who could",
  "audit.numbering": "entries were taken out, doubled or moved: keep the export, export again, and compare the two",
  "audit.truncated":
    "the end of the log is missing: export again; if it stays so, an older ledger was put in place, or entries were removed",
  "audit.changed":
    "somebody changed what was signed: keep this export and the checkpoint, and compare with an older export from the named entry on",
  "audit.unsigned-tail": "export the log again: an export begins with a fresh checkpoint over all entries",
  "audit.signature-wrong":
    "compare the key with the one that you kept (ringfort audit-log key); if it is right, the checkpoint is forged",
  "login.refused": "log in again, or ask an admin for a new token: ringfort token make NAME",
  "login.too-often": "wait as long as it takes; an admin can set another password: ringfort user password NAME",
  "login.stale": "begin again: /api/v1/oidc/log-in",
  "login.not-believed": "look at the event's detail and at the issuer's settings; the clock may be wrong",
  "login.not-allowed": "put the person into a group that console.oidc.roles names, or into the tenant",
  "login.name-taken": "when it is the same person: ringfort user link NAME --subject SUBJECT",
  "issuer.unreachable": "look whether this host reaches the issuer (console.oidc.issuer)",
  "issuer.unfit": "compare console.oidc.issuer and hosts with the issuer's discovery document",
  "login.role-missing": "ask an admin: ringfort user set NAME --role ROLE",
  "password.unfit": "take a few words that nobody would put together",
  "person.unknown": "ringfort user list shows who is known; ringfort user add NAME makes somebody known",
  "person.from-issuer":
    "change the person's groups at the issuer; ringfort user set NAME --disable keeps them out at once",
  "person.linked-already": "ringfort user list shows who is linked",
  "person.exists": "take another name, or change the one that is there: ringfort user set NAME",
  "token.unknown": "ringfort token list shows the tokens that there are",
  "notice.refused":
    "look at what the receiver said: an address, a login or a secret is wrong; ringfort notify test NAME tries again at once",
  "notice.undelivered":
    "look whether the mail server or the webhook's host can be reached from here; it is tried again for a day",
  "audit.not-continued":
    "the ledger is older than its checkpoints: put the newest backup back. If there is none, move the folder signer aside: a new key then signs a new beginning, which everybody sees",
  "audit.key-unusable":
    "look at the folder signer in the data folder: its owner, its rights, free space; restore the key from a backup when it is gone",
  "worker.died": "look into the daemon's log for what came before; it has been started again by itself",
  "worker.protocol":
    "make sure that the command line and the daemon are of the same version, and restart the daemon after an upgrade",
  "worker.silent": "look into the daemon's log; the worker has been started again by itself",
  "store.full": "free space on the store's file system: ringfort gc shows what could go",
  "store.io": "check the disk and the rights of the data folder; the daemon's log names the file",
  "store.damaged": "run ringfort store check --repair",
  "store.busy": "another daemon runs with this data folder: stop it, or give this one a folder of its own",
  "store.schema": "start the Ringfort that wrote it, or a newer one; the ledger is never taken back to an older form",
  "config.unreadable": "check the path and its rights; --config names another file",
  "config.invalid": "mend the lines named above; ringfort config check reads the daemon's file again",
  "revision.in-use": "move the channel off it first: ringfort channels shows which one points at it",
  "source.unknown": "ringfort source list shows the names",
  "source.exists": "change it with ringfort source change NAME --from FILE, or choose another name",
  "source.invalid": "mend what is named above; docs/reference/source.md describes every field",
  "source.busy": "wait for the run that is going: ringfort status --watch",
  "source.in-use": "if its clients may lose it, say --force",
  "proposal.unknown": "ringfort proposals lists them",
  "restraint.unknown": "ringfort restraints lists them",
  "policy.invalid": "mend what is named; docs/reference/policy.md has every key, ringfort policy presets has examples",
  "channel.unknown": "ringfort channels shows the names; channels are declared in the configuration file",
  "content.unknown":
    "compare the digest: all 64 characters of its SHA-256; ringfort trace --file FILE takes it of a file; clients that nobody has seen for long are forgotten",
  "revision.unknown": "ringfort revisions SOURCE shows the numbers",
  "daemon.unreachable":
    "start it (npm run ringfortd -- --config FILE), or become the user that it runs as; --socket names another control socket",
  "daemon.stopping": "wait until it runs again",
  "request.malformed": "make sure that the command line and the daemon are of the same version",
  "confinement.too-weak":
    "use a kernel with Landlock (Linux 5.19 or later, x86-64, landlock in /sys/kernel/security/lsm), for the level users let systemd start the package's units (systemctl start ringfort), or lower confinement.least in the configuration file, knowingly",
  "process.unknown": "look for it with ps; a unit is named as systemctl names it, a role as ringfort status does",
  "film.unreadable": "name files that ringfort observe has written, with --output or --json",
  "image.tool-missing": "install the packages that are named, as root, and build again",
  "image.not-built": "read what the step said; nothing is left of the attempt",
  "film.unwritten": "name another file with --output, in a folder that you may write in",
  "film.failed":
    "run it as root, or as the user of the processes; the kernel's yama.ptrace_scope may forbid to trace those of others",
  "trial.unavailable": "install strace; try it on the host itself, as root, where systemd runs",
  "host.unreadable": "run it as root on the host itself, with nft (package nftables) and unshare (util-linux) there",
  "service.refused": "mend what it names; journalctl -u ringfort tells more, and ringfort setup may be run again",
  "service.silent": "journalctl -u ringfort tells why; everything is written, and ringfort setup may be run again",
  "host.no-manager": "run it with sudo on a machine that systemd runs; without --try the advice needs neither",
  "unit.unreadable": "name a file that is there, or a unit as systemctl lists it",
  "trial.interrupted": "try again when there is time: nothing was written",
  "listen.failed":
    "give the channel another address in the configuration file, or free this one: ss -ltnp shows who listens; a daemon whose unit has no network is handed its listeners: ringfort harden sockets",
};

/** What to do about an error's code; a code of a newer daemon has no advice. */
export function adviceFor(code: string): string {
  const known: Readonly<Record<string, string>> = ADVICE;
  return known[code] ?? "look into the daemon's log";
}
