import { judgeRecovery } from "../image/rehearsal.ts";
import { DAY } from "../kernel/instant.ts";
import { type Check, EVERYWHERE, fail, few, notApplicable, ON_SERVERS, over, pass } from "./check.ts";
import type { ConfiguredFacts } from "./facts.ts";

const LEAST_CERTIFICATE_LIFE = 30 * DAY;
const MOST_CHECK_AGE = 30 * DAY;
/** Without these an access log answers neither who nor what nor how it went. */
const LEAST_LOG_FIELDS = ["date", "time", "c-ip", "cs-uri-stem", "sc-status"] as const;
const MOST_LOG_BYTES = 64 * 1_024 ** 3;

/** What Ringfort itself holds and has done. NET-13 stands with the network. */
export const PRODUCT_CHECKS: readonly Check[] = [
  {
    id: "NET-14",
    severity: "medium",
    title: "certificates are good for another 30 days",
    means: "clients refuse a mirror whose certificate has ended",
    fix: "certbot renew, or what else renews; ringfort status shows what is served",
    origin: "docs/operations.md",
    profiles: EVERYWHERE,
    judge: ({ product, now, configured }) =>
      configured.hasTls
        ? over(product.certificates, (all) => {
            const wrong = all.filter(
              ({ notAfter, refused }) => refused !== null || notAfter - now < LEAST_CERTIFICATE_LIFE,
            );
            return wrong.length === 0
              ? pass("they are")
              : fail(few(wrong.map(({ channel, refused }) => `${channel}: ${refused ?? "ends soon"}`)));
          })
        : notApplicable("no channel uses TLS"),
  },
  {
    id: "LIM-01",
    severity: "medium",
    title: "one client cannot take a channel's whole capacity",
    means: "else one client, slow or hostile, keeps all others out",
    fix: "limits: { connections: 512, connectionsPerClient: 32, headerTimeout: 5s, leastRate: 1KiB } in ringfort.yaml",
    origin: "docs/hardening.md",
    profiles: ON_SERVERS,
    judge: ({ configured }) => {
      const wrong = limitFaults(configured);
      return wrong.length === 0 ? pass("it cannot") : fail(few(wrong));
    },
  },
  {
    id: "FS-06",
    severity: "critical",
    title: "every blob was compared with its digest this month",
    means: "a disk that changes bytes is found when they are read again, and not before",
    fix: "ringfort store check --repair",
    origin: "paper 6.4; ANSSI R76",
    profiles: EVERYWHERE,
    judge: ({ product, now }) =>
      over(product.storeChecked, (check) => {
        if (check === null) return { kind: "unknown", said: "the store was never checked" };
        if (check.damaged > 0) return fail(`${check.damaged} blobs were damaged or missing`);
        return now - check.at > MOST_CHECK_AGE ? fail("the last check is older than 30 days") : pass("all were whole");
      }),
  },
  {
    id: "LOG-01",
    severity: "low",
    title: "access logs tell who, what and how it went, under a ceiling",
    means: "after an incident the log is what answers who took what",
    fix: "logs: { total: 2GiB } in ringfort.yaml, and the fields left at their default",
    origin: "paper 5.2.2; ANSSI R72",
    profiles: EVERYWHERE,
    judge: ({ configured: { logFields, logTotal } }) => {
      const missing = LEAST_LOG_FIELDS.filter((field) => !logFields.includes(field));
      if (missing.length > 0) return fail(`without ${missing.join(", ")}`);
      return logTotal > MOST_LOG_BYTES ? fail("their ceiling is above 64 GiB") : pass("they do");
    },
  },
  {
    id: "LOG-02",
    severity: "critical",
    title: "the audit log verifies, against a checkpoint that was kept elsewhere",
    means: "a log that only fits itself could be another one, written over the first",
    fix: "auditLog: { witness: FILE } in ringfort.yaml, on another machine's share; then ringfort audit-log verify",
    origin: "ANSSI R77",
    profiles: ON_SERVERS,
    judge: ({ product }) =>
      over(product.auditLog, ({ wrong, kept }) => {
        if (wrong !== null) return fail(wrong);
        return kept === 0
          ? fail("no checkpoint is kept elsewhere")
          : pass(`against ${kept} checkpoints kept elsewhere`);
      }),
  },
  {
    id: "CHG-01",
    severity: "high",
    title: "releases soak, and a second person signs them",
    means: "one mistaken or hostile person else releases alone, and at once",
    fix: "ringfort policy set SOURCE --preset two-person, or --from POLICY.yaml with soak and signOffs under its last ring (docs/release.md)",
    origin: "paper 6.3.1",
    profiles: ON_SERVERS,
    judge: ({ product }) =>
      over(product.releases, (all) => {
        const released = all.filter((each) => each.released);
        if (released.length === 0) return notApplicable("nothing has been released");
        const wrong = released.filter(({ soak, signOffs }) => soak === 0 || signOffs === 0);
        return wrong.length === 0
          ? pass("all do")
          : fail(few(wrong.map(({ source, soak }) => `${source}: ${soak === 0 ? "no soak" : "no sign-off"}`)));
      }),
  },
  {
    id: "CHG-02",
    severity: "high",
    title: "every source is verified, and its upstream's word has not ended",
    means: "what nobody vouches for is whatever the line delivers",
    fix: "ringfort source show NAME, then ringfort source change NAME with the vendor's key",
    origin: "paper 3.2.4",
    profiles: EVERYWHERE,
    judge: ({ product }) =>
      over(product.sources, (all) => {
        if (all.length === 0) return notApplicable("there is no source");
        const wrong = all.flatMap(({ source, trust, lastCode }) =>
          trust === "none"
            ? [`${source}: trust none`]
            : lastCode !== null && OVER_CODES.has(lastCode)
              ? [`${source}: ${lastCode}`]
              : [],
        );
        return wrong.length === 0 ? pass("every one is") : fail(few(wrong));
      }),
  },
  {
    id: "TIME-01",
    severity: "high",
    title: "the clock is kept",
    means: "expiry, soak and certificates are decided by it",
    fix: "apt-get install chrony, or systemctl enable --now systemd-timesyncd",
    origin: "CIS 2.3.1",
    profiles: EVERYWHERE,
    judge: ({ clockSynchronized }) =>
      over(clockSynchronized, (kept) => (kept ? pass("it is") : fail("the kernel says that nobody keeps it"))),
  },
  {
    id: "REC-01",
    severity: "medium",
    title: "the running root is the golden image where there is one, and a restore was rehearsed within 90 days",
    means: "a way back that nobody has gone is a hope",
    fix: "ringfort backup verify FILE --identity KEYFILE --rehearsed; with an image, ringfort image rehearse (docs/image.md)",
    origin: "paper 6.4",
    profiles: ON_SERVERS,
    judge: ({ product, root, now }) => judgeRecovery({ ...product, root, now }),
  },
];

const OVER_CODES: ReadonlySet<string> = new Set([
  "feed.signature-expired",
  "feed.signature-wrong",
  "feed.signer-unknown",
  "feed.older-than-held",
]);

function limitFaults(configured: ConfiguredFacts): readonly string[] {
  const wrong: string[] = [];
  if (configured.connectionsPerClient * 2 > configured.connections)
    wrong.push(`connectionsPerClient ${configured.connectionsPerClient} of ${configured.connections}`);
  if (configured.headerTimeout > 60_000) wrong.push(`headerTimeout ${configured.headerTimeout} ms`);
  if (configured.leastRate < 128) wrong.push(`leastRate ${configured.leastRate} bytes`);
  for (const { channel, most, perClient } of configured.ftpSessions)
    if (perClient * 2 > most) wrong.push(`${channel}: sessionsPerClient ${perClient} of ${most}`);
  return wrong;
}
