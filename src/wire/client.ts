import type * as z from "zod";
import { Failure, type Refusal, refuse } from "../core/kernel/errors.ts";
import type { Duration } from "../core/kernel/instant.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import { type ApiRequest, apiResults } from "./api-requests.ts";
import { messageFrame } from "./frame.ts";
import { Lane } from "./lane.ts";
import { type Progress, type Request, type Results, reply, results, type Verb } from "./requests.ts";

/** The request of one verb. */
export type RequestOf<V extends Verb> = Extract<Request, { readonly verb: V }>;

/** What the conversation has come to, once it has ended. */
type Ending<T> = { readonly value: T | Refusal } | { readonly failure: Failure };

/** What closes the conversation when all goes well. */
interface Expected {
  readonly name: string;
  readonly schema: z.ZodType;
}

const OTHER_VERSION = "the daemon is of another version";

/**
 * Asks the daemon one thing over its control socket and waits for the closing answer, however long the work takes, or no
 * longer than `patience`.
 * Throws `daemon.unreachable` when nobody listens or the daemon goes away first, `worker.protocol` when its answer is
 * not of the promised shape, and whatever failure the daemon itself reports, as if it had happened here.
 */
export async function askDaemon<V extends Verb>(
  socketPath: string,
  request: RequestOf<V>,
  onProgress: (progress: Progress) => void,
  patience: Duration | null = null,
): Promise<Results[V] | Refusal> {
  return converse(socketPath, request, { name: request.verb, schema: results[request.verb] }, onProgress, patience);
}

/** As `askDaemon`, over the socket for the console, as whoever showed what the request carries. */
export async function askDaemonAs(
  socketPath: string,
  request: ApiRequest,
  onProgress: (progress: Progress) => void,
): Promise<unknown> {
  const answer =
    request.kind === "ask"
      ? { name: request.request.verb, schema: results[request.request.verb] }
      : { name: request.kind, schema: apiResults[request.kind] };
  return converse(socketPath, request, answer, onProgress);
}

async function converse<T>(
  socketPath: string,
  request: object,
  answer: Expected,
  onProgress: (progress: Progress) => void,
  patience: Duration | null = null,
): Promise<T | Refusal> {
  if (messageFrame(request).length > LIMITS.requestBytes) {
    throw new Failure("request.malformed", `the request is larger than ${LIMITS.requestBytes} bytes`);
  }
  const ended = Promise.withResolvers<Ending<T>>();
  const lane = await connect(socketPath, (message) => {
    const ending = understand<T>(answer, message, onProgress);
    if (ending !== null) ended.resolve(ending);
  });
  lane.onClose((cause) => ended.resolve({ failure: goneEarly(cause) }));
  lane.send(request);
  const hung = (): void =>
    ended.resolve({ failure: new Failure("daemon.unreachable", "the daemon does not answer", { retry: "later" }) });
  const timer = patience === null ? null : setTimeout(hung, patience);
  try {
    const ending = await ended.promise;
    if ("failure" in ending) throw ending.failure;
    return ending.value;
  } finally {
    if (timer !== null) clearTimeout(timer);
    lane.close();
  }
}

async function connect(socketPath: string, message: (value: unknown) => void): Promise<Lane> {
  try {
    return await Lane.connect(socketPath, { message, data: () => {} });
  } catch (cause) {
    throw new Failure("daemon.unreachable", `${socketPath}: ${whyNot(cause)}`, { retry: "later", cause });
  }
}

function whyNot(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code === "ENOENT") return "there is no such socket, so that no daemon runs with this data folder";
  if (code === "ECONNREFUSED") return "the socket is there but nobody listens: the daemon was stopped hard";
  if (code === "EACCES" || code === "EPERM") return "this user may not open it";
  if (code === "EINVAL" || code === "ENAMETOOLONG") return "the path is too long for a Unix socket";
  return code === "" ? String(cause) : code;
}

function goneEarly(cause: Error | null): Failure {
  if (cause instanceof Failure) return new Failure(cause.code, `${OTHER_VERSION}: ${cause.message}`, { cause });
  return new Failure(
    "daemon.unreachable",
    "the daemon went away before it answered; whether it did the work is in its log",
    {
      retry: "later",
      cause,
    },
  );
}

/** What one message means: `null` while the work goes on. */
function understand<T>(
  { name, schema }: Expected,
  message: unknown,
  onProgress: (progress: Progress) => void,
): Ending<T> | null {
  const parsed = reply.safeParse(message);
  if (!parsed.success) return { failure: new Failure("worker.protocol", `${OTHER_VERSION}: ${place(parsed.error)}`) };
  const said = parsed.data;
  if (said.kind === "progress") {
    onProgress(said);
    return null;
  }
  if (said.kind === "refused") return { value: refuse(said.code, said.detail) };
  if (said.kind === "failed") return { failure: new Failure(said.code, said.detail, { retry: said.retry }) };
  const value = schema.safeParse(said.value);
  if (!value.success) {
    return {
      failure: new Failure("worker.protocol", `${OTHER_VERSION}: its answer to ${name}, ${place(value.error)}`),
    };
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the schema has just made sure of it
  return { value: value.data as T };
}

function place(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? "unreadable" : `at ${issue.path.join(".") || "the top"}: ${issue.message}`;
}
