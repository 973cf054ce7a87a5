/** One measure: what kind of value it is, its labels in order, and what it says. docs/metrics.md is compared with this table. */
interface Metric {
  readonly type: "gauge" | "counter";
  readonly labels: readonly string[];
  readonly help: string;
}

/**
 * Everything that `/metrics` tells, in its order. Labels have values of the configuration, of the sources, or of fixed
 * lists of codes: nothing that a stranger chooses makes a new series.
 */
export const METRICS = {
  ringfort_build_info: { type: "gauge", labels: ["version"], help: "Always 1; the version of the daemon." },
  ringfort_start_time_seconds: { type: "gauge", labels: [], help: "When the daemon started, since 1970." },
  ringfort_source_latest_revision: {
    type: "gauge",
    labels: ["source"],
    help: "The newest revision that was accepted.",
  },
  ringfort_channel_revision: {
    type: "gauge",
    labels: ["source", "channel"],
    help: "The revision that the channel shows; absent while it shows none.",
  },
  ringfort_channel_content_age_seconds: {
    type: "gauge",
    labels: ["source", "channel"],
    help: "How long ago what the channel shows was accepted.",
  },
  ringfort_channel_lag_seconds: {
    type: "gauge",
    labels: ["source", "channel"],
    help: "How long the channel has been without something newer that was accepted; 0 when it shows the newest.",
  },
  ringfort_channel_soak_seconds: {
    type: "gauge",
    labels: ["source", "channel"],
    help: "The least time in the channel before, as the policy says.",
  },
  ringfort_channel_staleness_limit_seconds: {
    type: "gauge",
    labels: ["source", "channel"],
    help: "The longest that the channel may lag, as the policy says; absent without a limit.",
  },
  ringfort_channel_clients: {
    type: "gauge",
    labels: ["channel"],
    help: "Different clients seen in the last 24 hours.",
  },
  ringfort_channel_served_bytes_total: {
    type: "counter",
    labels: ["channel"],
    help: "Bytes sent to clients for files, heads of answers included, since the daemon's start; absent where clients are not recorded.",
  },
  ringfort_revision_suspect: {
    type: "gauge",
    labels: ["source", "channel"],
    help: "1 when something speaks against the revision that the channel tries for the next; absent where no health is asked.",
  },
  ringfort_canaries: {
    type: "gauge",
    labels: ["source", "channel", "state"],
    help: "Canaries of the channel for the revision that it tries: known, fetched, proven or silent, each counted by itself.",
  },
  ringfort_sync_runs_total: {
    type: "counter",
    labels: ["source", "outcome"],
    help: "Runs since the source was first set up, by what came of them.",
  },
  ringfort_sync_refusals_total: {
    type: "counter",
    labels: ["source", "code"],
    help: "Runs that were refused, by code.",
  },
  ringfort_sync_failures_total: {
    type: "counter",
    labels: ["source", "code"],
    help: "Runs that failed, by code.",
  },
  ringfort_sync_last_run_timestamp_seconds: {
    type: "gauge",
    labels: ["source"],
    help: "When the last run ended, since 1970.",
  },
  ringfort_sync_last_success_timestamp_seconds: {
    type: "gauge",
    labels: ["source"],
    help: "When the last run ended that was neither refused nor failed, since 1970; absent before the first.",
  },
  ringfort_sync_fetched_bytes_total: {
    type: "counter",
    labels: ["source"],
    help: "Bytes that came from the upstream.",
  },
  ringfort_store_blobs: { type: "gauge", labels: [], help: "Blobs that a revision names." },
  ringfort_store_bytes: { type: "gauge", labels: [], help: "Bytes of these." },
  ringfort_store_free_bytes: { type: "gauge", labels: [], help: "Bytes free where the store lies." },
  ringfort_audit_log_entries: { type: "gauge", labels: [], help: "Entries of the audit log." },
  ringfort_audit_log_signed_entries: {
    type: "gauge",
    labels: [],
    help: "Entries under the newest checkpoint; absent before the first.",
  },
  ringfort_audit_log_checkpoint_timestamp_seconds: {
    type: "gauge",
    labels: [],
    help: "When the newest checkpoint was signed, since 1970; absent before the first.",
  },
  ringfort_worker_up: {
    type: "gauge",
    labels: ["process"],
    help: "1 while the process runs; some run only when needed.",
  },
  ringfort_worker_restarts_total: {
    type: "counter",
    labels: ["process"],
    help: "Starts after the first, since the daemon's start.",
  },
  ringfort_worker_confinement_level: {
    type: "gauge",
    labels: ["process"],
    help: "How far the kernel says that it is confined: 0 for L0, 1 for L1, 2 for L2; absent while it does not run.",
  },
  ringfort_certificate_expiry_timestamp_seconds: {
    type: "gauge",
    labels: ["channel", "protocol"],
    help: "When the certificate that is shown ends, since 1970.",
  },
} as const satisfies Readonly<Record<string, Metric>>;
export type MetricName = keyof typeof METRICS;
