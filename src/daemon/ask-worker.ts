import type * as z from "zod";
import { Failure, type FailureCode } from "../core/kernel/errors.ts";
import type { Duration } from "../core/kernel/instant.ts";
import type { JobLanes } from "./job-lanes.ts";

interface Failed {
  readonly kind: "failed";
  readonly code: FailureCode;
  readonly detail: string;
  readonly retry: "never" | "later";
}

/**
 * One job that is closed by one answer and sends no bytes. What the worker reports as failed is thrown as if it had
 * happened here; `limit`: the longest that it may take before the process is taken for hung. Throws `Failure`.
 */
export async function askWorker<A extends { readonly kind: string }>(
  lanes: JobLanes,
  request: unknown,
  schema: z.ZodType<A>,
  limit: Duration,
): Promise<Exclude<A, { kind: "failed" }>> {
  const answers: A[] = [];
  await lanes.run({
    request,
    limit,
    message: (value) => {
      answers.push(schema.parse(value));
      return true;
    },
    data: () => {
      throw new Failure("worker.protocol", "bytes in the place of an answer");
    },
  });
  const [answer] = answers;
  if (answer === undefined) throw new Failure("worker.protocol", "a job that ended without an answer");
  if (isFailed(answer)) throw new Failure(answer.code, answer.detail, { retry: answer.retry });
  return answer as Exclude<A, { kind: "failed" }>;
}

function isFailed(answer: { readonly kind: string }): answer is Failed {
  return answer.kind === "failed";
}
