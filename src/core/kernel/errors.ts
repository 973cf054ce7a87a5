/**
 * Every "no" and every breakage has a code, and this is the one table of them; `docs/reference/errors.md` is compared
 * with it in both directions by a test. A refusal is an expected no and a value; a failure is the world breaking and
 * an exception. Wrong is not the same as unwelcome: a bad signature and a good one by a stranger have codes apart.
 */
export const REFUSALS = {
  "feed.malformed": "the vendor's index could not be read as its format says",
  "feed.empty": "the index names nothing that the selection wants",
  "feed.too-many-names": "the index names more files than the limits allow",
  "feed.unsafe-name": "the index holds a name that could escape, hide or confuse",
  "feed.name-collision": "two names in the index would be one file on some file system",
  "feed.duplicate-name": "the index names one file twice",
  "feed.unsigned": "the source demands a signature over its index and there is none",
  "feed.signature-wrong": "a signature over the index does not verify",
  "feed.signer-unknown": "the index is signed, but by no key that this source trusts",
  "feed.signature-expired": "the signature, or the key that made it, has expired",
  "feed.older-than-held": "the index is older than the revision we hold: a replay or a vendor's rollback",
  "feed.from-the-future": "the index claims a time too far ahead of our clock",
  "feed.contradicts-itself": "the index says otherwise than its signed guard, or than the name that it stands under",
  "feed.digest-weak": "a file is bound by SHA-1 alone, which this source's profile does not accept",
  "feed.digest-missing": "a file is listed without a digest that may bind it",
  "artifact.missing": "a file that the index names is not there",
  "artifact.digest-differs": "the bytes that came are not those that the index or the pin names",
  "artifact.size-differs": "more or fewer bytes came than the index names",
  "artifact.malformed": "the file is not what its format says",
  "artifact.signature-wrong": "the signature inside or beside the file does not verify",
  "artifact.signer-unknown": "the file is signed, but by no key that this source trusts",
  "artifact.contradicts-itself": "the signed inside of the file says otherwise than its unsigned outside",
  "artifact.version-differs": "the file is of another version than the index named: the upstream is half updated",
  "artifact.older-than-held": "the file is older than the one we hold: a replay or a vendor's rollback",
  "artifact.from-the-future": "the file claims a build time too far ahead of our clock",
  "artifact.expands-too-far": "the file unpacks to more than its budget",
  "feed.signer-blocked": "the index is signed by somebody whom this installation has blocked",
  "artifact.blocked": "the content, or its signer, is blocked in this installation",
  "budget.artifact-bytes": "one file is larger than the source's budget for a file",
  "budget.total-bytes": "the run would take more bytes than the source's budget",
  "budget.files": "the feed has more files than the source's budget",
  "budget.growth": "the feed has grown faster than its own history allows",
  "budget.free-disk": "the run would eat into the free-disk reserve",
  "promotion.unsigned-source": "content of an unsigned source never leaves staging",
  "promotion.not-in-earlier-channel": "the revision was never in the channel before this one",
  "promotion.already-there": "the channel already points at this revision",
  "promotion.changed-meanwhile": "someone moved the channel, or gave an order, while this was being decided",
  "promotion.not-newer": "the revision is older than the channel's: that is a rollback, and is asked for by name",
  "promotion.no-ring": "the source's release policy has no such ring, or names a channel that is not configured",
  "promotion.withdrawn": "the ring before was taken back from the revision",
  "promotion.soaking": "the revision has not been in the ring before for long enough",
  "promotion.health-unproven": "too little is known of the clients of the ring before",
  "promotion.health-suspect": "something speaks against the revision among the clients of the ring before",
  "promotion.outside-hours": "the ring does not move at this time",
  "promotion.sign-off-missing": "somebody has to sign first",
  "promotion.by-hand": "the policy leaves this ring to a person",
  "promotion.after-rollback": "the ring was rolled back, and waits for a person to move it forward",
  "channel.held": "somebody has put a hold on the channel",
  "channel.pinned": "the channel is pinned to a revision",
  "channel.shut-off": "nothing of the channel or the source is served at the moment",
  "revision.blocked": "the revision, something in it, or its signer is blocked",
  "proposal.open-already": "a promotion of this channel is proposed already",
  "proposal.own": "nobody signs what they have written",
  "proposal.role-missing": "whoever signs must have one of the roles that are asked for",
  "proposal.signed-already": "one person counts once",
  "proposal.changed-meanwhile": "the proposal was edited or ended since it was read",
  "proposal.ended": "the proposal is no longer open",
  "policy.changed-meanwhile": "someone has changed the policy since it was read",
  "rollback.nothing-older": "the channel has never pointed at an older revision",
  "rollback.never-there": "the channel has never pointed at that revision",
  "revision.gone": "the revision has been removed by a collection: the record tells when and why",
  "collection.changed-meanwhile": "what would be removed is no longer what was shown",
  "network.underdescribed": "the configuration does not say enough for a packet filter",
  "release.unsigned": "the folder has no signed list of its files",
  "release.signature-wrong": "the signature over the folder's list does not verify",
  "release.signer-unknown": "the folder's list is signed, but not by the key that is believed",
  "release.malformed": "the folder's list cannot be read",
  "release.file-differs": "a file is not the one that was signed",
  "release.file-missing": "a file that was signed is not there",
  "release.file-unlisted": "a file is not in the signed list: nobody vouches for it",
  "sockets.underdescribed": "the configuration does not say enough for socket units",
  "setup.already-there": "there is a configuration already, and nobody said that it may be changed",
  "export.folder-taken": "the folder for a channel's trees holds something else",
  "export.folder-unsafe": "the folder for a channel's trees is in the store, or others may write in it",
  "export.other-file-system": "the folder for a channel's trees cannot have links to the store's files",
  "image.malformed": "the manifest of a golden image is not one, or contradicts itself",
  "image.signature-wrong": "the signature over a golden image's manifest does not verify",
  "image.signer-unknown": "the golden image is signed, but by no key that was given",
  "image.part-differs": "a part of a golden image is missing, another one, or was never named",
  "image.block-differs": "a block of the root file system is not the one that the root hash names",
  "image.older-than-held": "the golden image is not newer than the one in use: a replay",
  "image.secret-inside": "a secret would be in the golden image, or is",
  "image.not-running": "the running root is not that of the golden image",
  "image.not-rehearsed": "nothing shows that a golden image has brought a mirror back",
  "certificate.key-differs": "the certificate is for another key than the one beside it",
  "certificate.unusable": "no TLS can be served with this certificate or key",
  "certificate.expired": "the certificate has ended",
  "certificate.not-yet-valid": "the certificate has not begun, or the clock is wrong",
  "backup.key-wrong": "no key or passphrase that was given opens the back-up",
  "backup.damaged": "the back-up is damaged, cut off, or is none",
  "restore.folder-taken": "the data folder holds something already",
  "unit.malformed": "a unit file, or a drop-in of it, is not what systemd reads, or is too large",
  "unit.running": "the unit runs, and a copy beside it would get in its way",
  "unit.no-copy": "a copy of the unit does not work as it is, so nothing can be tried on it",
  "unit.unsteady": "the directives that were kept one after the other do not work when they are tried once more",
  "audit.malformed": "a line of the audit log, or a checkpoint, is not what it should be",
  "audit.numbering": "an entry of the audit log is missing, doubled or out of its place",
  "audit.truncated": "the audit log has fewer entries than were signed",
  "audit.changed": "the audit log is not the one that was signed",
  "audit.unsigned-tail": "the audit log goes on behind its last checkpoint",
  "audit.signature-wrong": "a checkpoint is not signed by this key",
} as const satisfies Record<string, string>;

export type RefusalCode = keyof typeof REFUSALS;

export const FAILURES = {
  "upstream.unreachable": "no connection to the upstream",
  "upstream.name-unknown": "the upstream's host name does not resolve",
  "upstream.tls": "the upstream's certificate or TLS handshake was not acceptable",
  "upstream.status": "the upstream answered with an error status",
  "upstream.not-found": "the upstream does not have the file",
  "upstream.malformed": "the upstream's answer broke its protocol",
  "upstream.cut-off": "the connection ended before the body did",
  "upstream.changed": "the file changed while it was being resumed",
  "upstream.stalled": "the upstream delivered less than the least rate",
  "upstream.timeout": "the upstream took longer than the time limit",
  "upstream.over-cap": "the upstream sent more than the cap; the transfer was stopped there",
  "upstream.redirect-loop": "too many redirects",
  "upstream.redirect-scheme": "a redirect to another scheme, which this source does not allow",
  "upstream.redirect-inside": "a redirect to an inside address, which this source does not allow",
  "upstream.login": "the upstream refused our login",
  "upstream.proxy": "the proxy refused or broke the connection",
  "address.unsupported": "no transport for this address",
  "worker.died": "a worker process died while at this job",
  "worker.protocol": "a worker process said something outside its protocol",
  "worker.silent": "a worker process did not answer in time",
  "store.full": "the disk is full",
  "store.io": "reading or writing the store failed",
  "store.damaged": "something in the store is damaged or missing",
  "store.busy": "another process holds the store",
  "store.schema": "the ledger was written by a newer Ringfort",
  "config.unreadable": "the configuration file cannot be read",
  "config.invalid": "the configuration is not valid",
  "source.unknown": "no source of that name",
  "source.exists": "a source of that name exists",
  "source.invalid": "the source's description is not valid",
  "source.busy": "a sync of this source is still going",
  "source.in-use": "the source still holds a channel",
  "proposal.unknown": "no such proposal",
  "restraint.unknown": "no such hold, pin or block, or it is released already",
  "policy.invalid": "the release policy is not valid",
  "channel.unknown": "no channel of that name",
  "content.unknown": "nothing is known of that content",
  "revision.unknown": "no such revision",
  "revision.in-use": "a channel points at the revision",
  "daemon.unreachable": "the daemon does not answer on its control socket",
  "daemon.stopping": "the daemon is stopping",
  "request.malformed": "the request is not one that the daemon knows",
  "login.refused": "who asks is not known, or what they showed is not good",
  "login.too-often": "too many wrong passwords for one name",
  "login.role-missing": "who asks may not do this",
  "login.stale": "the log-in was begun by another browser, too long ago, or is over",
  "login.not-believed": "the issuer's answer does not prove who somebody is",
  "login.not-allowed": "the issuer vouches for somebody who may not come in here",
  "login.name-taken": "the issuer gives a name that somebody else has here",
  "issuer.unreachable": "the OpenID issuer does not answer",
  "issuer.unfit": "the OpenID issuer answers otherwise than it must",
  "password.unfit": "the password is too short or too long",
  "person.unknown": "nobody of that name",
  "person.exists": "somebody has that name",
  "person.from-issuer": "what the person may is the issuer's to say",
  "person.linked-already": "the person, or the issuer's identity, is linked already",
  "token.unknown": "no such token",
  "notice.refused": "the receiver of a notice would not take it",
  "notice.undelivered": "a notice could not be delivered",
  "audit.not-continued": "the signer has signed another past than the ledger holds",
  "audit.key-unusable": "the key of the audit log cannot be read or written",
  "confinement.too-weak": "this machine does not give the confinement that the configuration asks for",
  "process.unknown": "no process is named so, or it has ended",
  "film.unreadable": "the file is no film, or no look, of ringfort observe",
  "image.tool-missing": "a program that makes golden images is not installed",
  "image.not-built": "a step of making a golden image did not succeed",
  "film.unwritten": "what was observed could not be written",
  "film.failed": "the processes could not be observed",
  "trial.unavailable": "there is no way here to try a profile",
  "host.unreadable": "the host's packet filter or its kernel's settings cannot be read",
  "service.refused": "the service manager did not do what it was told",
  "service.silent": "the daemon was started, and has not answered in time",
  "host.no-manager": "no systemd manages this machine, or we are not root",
  "unit.unreadable": "the unit's file, or a drop-in of it, cannot be read",
  "trial.interrupted": "the trial was interrupted; everything is as it was before",
  "listen.failed": "a channel's address could not be listened on",
} as const satisfies Record<string, string>;

export type FailureCode = keyof typeof FAILURES;

/** An expected "no" from core: stored, shown, counted. `detail` names the place; strings from outside are cut in it. */
export interface Refusal {
  readonly kind: "refused";
  readonly code: RefusalCode;
  readonly detail: string;
}

export function refuse(code: RefusalCode, detail: string): Refusal {
  return { kind: "refused", code, detail };
}

/** The world broke. `retry` says whether the same call may go through later. */
export class Failure extends Error {
  readonly code: FailureCode;
  readonly retry: "never" | "later";

  constructor(
    code: FailureCode,
    detail: string,
    options: { readonly retry?: "never" | "later"; readonly cause?: unknown } = {},
  ) {
    super(detail, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "Failure";
    this.code = code;
    this.retry = options.retry ?? "never";
  }
}

/** The promised exit codes of the command line (docs/reference/cli.md). */
export const EXIT = { done: 0, failure: 1, usage: 2, refused: 3, later: 4, waiting: 5 } as const;

/** Text from outside, fit for a log, a terminal and a message: control characters escaped, length cut. */
export function quoteOutside(text: string, most = 120): string {
  const cut = text.length > most ? `${text.slice(0, most)}…` : text;
  // The cut may halve a pair, and a half in JSON or UTF-8 is something else for each of its readers.
  return cut
    .toWellFormed()
    .replace(
      /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
}

/** A URL without its login, query and fragment: what may stand in logs, events and messages. */
export function quoteUrl(text: string): string {
  const url = URL.parse(text);
  // What is no URL with a host may still hold a login: all up to the last @ goes, for a password may hold / and ?.
  if (url === null || (url.host === "" && url.protocol !== "file:"))
    return quoteOutside(text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, "$1").replace(/[?#].*$/s, ""), 300);
  url.username = "";
  url.password = "";
  url.search = "";
  url.hash = "";
  return quoteOutside(url.href, 300);
}
