import { Failure, type FailureCode } from "../core/kernel/errors.ts";
import { type Duration, MINUTE, SECOND } from "../core/kernel/instant.ts";
import type { AuditCheckpoint } from "../core/model/audit-entry.ts";
import type { Clock, Events, Ledger } from "../core/ports.ts";
import { type SignerAnswer, type SignerRequest, signerAnswer } from "../wire/jobs.ts";
import { askWorker } from "./ask-worker.ts";
import type { JobLanes } from "./job-lanes.ts";

/** The longest that a signature may take. */
const LIMIT: Duration = 10 * SECOND;
const LOOK_EVERY: Duration = SECOND;
/** A burst of entries is signed once, when the log has been quiet for one look, or after so long. */
const LONGEST_WAIT: Duration = 30 * SECOND;
/** How long after a signer's "no" it is asked again. */
const AFTER_FAILURE: Duration = MINUTE;

export interface CheckpointParts {
  readonly signer: JobLanes;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly events: Events;
  /** Makes the signer's folder durable: it cannot do so itself. */
  readonly settleFolder: () => Promise<void>;
  /** Keeps a checkpoint where the ledger is not: `auditLog.witness`. Throws `Failure`. */
  readonly witness: (note: string) => Promise<void>;
}

/** Has the audit log signed: soon after its last entry, and when somebody asks. */
export class Checkpoints {
  readonly #parts: CheckpointParts;
  #verifier: string | null = null;
  /** Entries that the signer has signed. */
  #signed = 0;
  #seen = 0;
  #unsignedSince: number | null = null;
  #silentUntil = 0;
  #trouble: FailureCode | null = null;
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: CheckpointParts) {
    this.#parts = parts;
  }

  /** The log's public key, or why it is not signed; for status. */
  get state(): { readonly verifier: string | null; readonly signed: number; readonly trouble: FailureCode | null } {
    return { verifier: this.#verifier, signed: this.#signed, trouble: this.#trouble };
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY).unref();
  }

  /** Signs what is not signed yet; for the end of the daemon. A signer that cannot is left: its "no" was said before. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.sign().catch(ignoreFailure);
  }

  /** The checkpoint over all entries up to now. Throws `Failure` `audit.*`, `worker.*`, `store.*`. */
  sign(): Promise<AuditCheckpoint & { readonly verifier: string }> {
    const turn = this.#turn.then(
      () => this.#sign(),
      () => this.#sign(),
    );
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #look(): Promise<void> {
    const now = this.#parts.clock.now();
    const size = await this.#parts.ledger.auditSize();
    const quiet = size === this.#seen;
    this.#seen = size;
    if (size === this.#signed || now < this.#silentUntil) return;
    this.#unsignedSince ??= now;
    if (!quiet && now - this.#unsignedSince < LONGEST_WAIT) return;
    await this.sign().catch(ignoreFailure);
  }

  async #sign(): Promise<AuditCheckpoint & { readonly verifier: string }> {
    try {
      const signed = await this.#signNow();
      this.#trouble = null;
      return signed;
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause;
      this.#silentUntil = this.#parts.clock.now() + AFTER_FAILURE;
      if (this.#trouble !== cause.code)
        this.#parts.events.emit("audit-log.failed", { code: cause.code, detail: cause.message });
      this.#trouble = cause.code;
      throw cause;
    }
  }

  async #signNow(): Promise<AuditCheckpoint & { readonly verifier: string }> {
    const { ledger, clock, events, witness } = this.#parts;
    const state = await this.#ask({ kind: "signer-state" });
    if (state.kind !== "signer-state") throw new Failure("worker.protocol", "the signer did not say its state");
    if (this.#verifier === null) await this.#parts.settleFolder();
    this.#verifier = state.verifier;
    const size = await ledger.auditSize();
    if (state.size > size)
      throw new Failure(
        "audit.not-continued",
        `${state.size} entries were signed, and the ledger holds ${size}: it is older than its own checkpoints`,
      );
    const root = hex(await ledger.auditRoot(size));
    const proof = (await ledger.auditConsistency(state.size, size)).map(hex);
    const answer = await this.#ask({ kind: "sign", size, root, proof });
    if (answer.kind !== "signed") throw new Failure("worker.protocol", "the signer did not sign");
    const checkpoint = { size, at: clock.now(), note: answer.note };
    const fresh = size !== this.#signed || state.note !== answer.note;
    await ledger.putCheckpoint(checkpoint);
    this.#signed = size;
    this.#unsignedSince = null;
    if (fresh) {
      events.emit("audit-log.signed", { size, note: answer.note });
      // One that could not be kept is superseded by the next.
      await witness(answer.note);
    }
    return { ...checkpoint, verifier: state.verifier };
  }

  #ask(request: SignerRequest): Promise<Exclude<SignerAnswer, { kind: "failed" }>> {
    return askWorker(this.#parts.signer, request, signerAnswer, LIMIT);
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Said as an event, and shown by status. */
function ignoreFailure(cause: unknown): void {
  if (!(cause instanceof Failure)) throw cause;
}
