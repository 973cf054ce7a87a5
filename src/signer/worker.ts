import { continues } from "../core/audit/merkle-tree.ts";
import { Failure } from "../core/kernel/errors.ts";
import { signCheckpoint } from "../formats/transparency/checkpoint.ts";
import { noteSigner } from "../formats/transparency/signed-note.ts";
import { treeHash } from "../formats/transparency/tree-hash.ts";
import { type SignerAnswer, type SignerRequest, signerRequest } from "../wire/jobs.ts";
import { Lane } from "../wire/lane.ts";
import { keyOf, type LastSigned, lastOf, remember } from "./key-folder.ts";

export interface SignerOptions {
  readonly laneFd: number;
  /** The signer's own folder, which it alone reads and writes. */
  readonly folder: string;
  /** The log's name, for a key that has to be made. */
  readonly name: string;
  readonly randomBytes: (count: number) => Buffer;
}

/**
 * Signs states of the audit log, each only when it is shown to continue the last one: whoever takes the keeper over may
 * stop the log, and cannot have another past signed.
 */
export function serveSignerLane(options: SignerOptions): Lane {
  const lane = Lane.adopt(options.laneFd, {
    message(value) {
      const request = signerRequest.safeParse(value);
      if (!request.success) throw new Failure("worker.protocol", "not a request to the signer");
      lane.send(answer(request.data, options));
    },
    data() {
      throw new Failure("worker.protocol", "the signer takes no data frames");
    },
  });
  return lane;
}

function answer(request: SignerRequest, { folder, name, randomBytes }: SignerOptions): SignerAnswer {
  try {
    const key = keyOf(folder, name, randomBytes);
    const signer = noteSigner(key.name, Buffer.from(key.seed, "base64"));
    const last = lastOf(folder);
    if (request.kind === "signer-state")
      return { kind: "signer-state", verifier: signer.verifier, size: last?.size ?? 0, note: last?.note ?? null };
    const root = Buffer.from(request.root, "hex");
    if (last?.size === request.size && last.root === request.root) return { kind: "signed", note: last.note };
    if (!continuesLast(last, request.size, root, request.proof))
      return {
        kind: "failed",
        code: "audit.not-continued",
        detail: `${last?.size ?? 0} entries were signed; the ${request.size} that are shown do not continue them`,
        retry: "never",
      };
    const note = signCheckpoint({ origin: key.name, size: request.size, root }, signer);
    remember(folder, { size: request.size, root: request.root, note });
    return { kind: "signed", note };
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    return { kind: "failed", code: cause.code, detail: cause.message, retry: cause.retry };
  }
}

function continuesLast(last: LastSigned | null, size: number, root: Buffer, proof: readonly string[]): boolean {
  if (last === null) return proof.length === 0;
  const older = { size: last.size, root: Buffer.from(last.root, "hex") };
  return continues(
    treeHash,
    older,
    { size, root },
    proof.map((hex) => Buffer.from(hex, "hex")),
  );
}
