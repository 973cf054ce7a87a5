import type { EventRecord } from "../core/ports.ts";

/** RFC 5424 section 6.2.1, table 2; sd-daemon(3) has the same numbers. Lower is worse. */
const SEVERITY = { error: 3, warning: 4, notice: 5, info: 6 } as const;
type Severity = (typeof SEVERITY)[keyof typeof SEVERITY];

type EventFields = EventRecord["fields"];

const { error, warning, notice, info } = SEVERITY;

/** How a run's end weighs: a refusal means that the mirror did its work and somebody should look. */
const OUTCOMES: Readonly<Record<string, Severity>> = {
  "new-revision": notice,
  "nothing-new": info,
  refused: warning,
  failed: error,
};

/** Every event that is not told below is "info". */
const SEVERITIES: Readonly<Record<string, Severity | ((fields: EventFields) => Severity)>> = {
  "daemon.started": notice,
  "daemon.stopped": notice,
  "worker.died": error,
  "channel.listening": info,
  "channel.view-failed": error,
  "channel.client-refused": warning,
  "channel.down": error,
  "console.listening": info,
  "console.down": error,
  "channel.moved": notice,
  "channel.move-refused": warning,
  "tree.exported": info,
  "tree.failed": error,
  "certificate.loaded": notice,
  "certificate.refused": error,
  "certificate.ending": ({ expired }) => (expired === true ? error : warning),
  "source.added": notice,
  "source.changed": notice,
  "source.removed": notice,
  "sync.ended": ({ outcome }) => OUTCOMES[String(outcome)] ?? error,
  "address.failed": warning,
  "feed.refused": warning,
  "artifact.refused": warning,
  "revision.sealed": info,
  "revision.suspect": warning,
  "revision.cleared": notice,
  "policy.set": notice,
  "proposal.made": notice,
  "proposal.edited": notice,
  "proposal.signed": notice,
  "proposal.ended": notice,
  "ring.waiting": info,
  "ring.overdue": warning,
  "rings.failed": error,
  "restraint.set": warning,
  "restraint.released": notice,
  "evidence.found": ({ outcome }) => (outcome === "bad" ? warning : notice),
  "store.recovered": warning,
  "store.copies-removed": warning,
  "store.collected": info,
  "store.collection-failed": warning,
  "revisions.removed": notice,
  "blob.missing": error,
  "blob.withdrawn": error,
  "blob.damaged": error,
  "blob.repaired": notice,
  "audit-log.signed": info,
  "audit-log.failed": error,
  "notice.failed": warning,
  "notice.dropped": error,
  "person.set": notice,
  "person.linked": notice,
  "token.made": notice,
  "token.revoked": notice,
  "login.accepted": info,
  "login.refused": warning,
  "access-log.failed": error,
  "clients.lost": warning,
  "log.failed": error,
  "log.dropped": warning,
};

/** The one table of how much an event weighs, for the system log. */
export function severityOf({ name, fields }: Pick<EventRecord, "name" | "fields">): Severity {
  const known = SEVERITIES[name];
  return typeof known === "function" ? known(fields) : (known ?? info);
}
