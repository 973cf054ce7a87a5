import type * as z from "zod";
import { Failure, type Refusal } from "../core/kernel/errors.ts";
import type { Actor } from "../core/model/actor.ts";
import type { Report } from "../operations/sync-run.ts";
import { apiRequest } from "../wire/api-requests.ts";
import { type Caller, type LocalServer, listenLocally } from "../wire/local-server.ts";
import { type Request, type Results, request as requestSchema, type Verb } from "../wire/requests.ts";
import type { Gate } from "./gate.ts";
import type { IssuerLogin } from "./issuer-login.ts";
import { NEEDED_ROLES } from "./needed-roles.ts";
import { socketActor } from "./socket-actor.ts";

type Reading<T> = T extends readonly (infer E)[]
  ? readonly Reading<E>[]
  : T extends object
    ? { readonly [K in keyof T]: Reading<T[K]> }
    : T;

/** A result, as it is given: nobody changes it any more. */
export type Answers = { readonly [V in Verb]: Reading<Results[V]> };

/** What the daemon does for each verb: a result, a refusal, or a thrown `Failure`. */
export type Verbs = {
  readonly [V in Verb]: (
    request: Extract<Request, { verb: V }>,
    report: Report,
    gone: AbortSignal,
    actor: Actor,
  ) => Promise<Answers[V] | Refusal>;
};

/** How often a watcher is told how far the work is. */
const REPORT_EVERY = 100;

export interface ControlServer extends LocalServer {
  /** Resolves when the work that callers asked for is over; after `close`, no more can come. */
  settled(): Promise<void>;
}

/** Answers the command line on the control socket: whoever may open it is the daemon's own user, and is asked for nothing. */
export async function openControlServer(
  path: string,
  verbs: Verbs,
  onBug: (error: unknown) => void,
): Promise<ControlServer> {
  return openServer(path, 0o600, onBug, async (value, caller) => {
    const parsed = requestSchema.safeParse(value);
    if (!parsed.success) throw new Failure("request.malformed", describe(parsed.error));
    const request = parsed.data;
    const actor = socketActor("by" in request ? request.by : "");
    return perform(request, verbs, reporter(caller), caller.gone, actor);
  });
}

/** Answers the console's process: each request comes with what somebody showed, and is done as who that is. */
export async function openApiServer(
  { path, mode }: { readonly path: string; readonly mode: number },
  verbs: Verbs,
  gate: Gate,
  issuer: IssuerLogin | null,
  onBug: (error: unknown) => void,
): Promise<ControlServer> {
  return openServer(path, mode, onBug, async (value, caller) => {
    const parsed = apiRequest.safeParse(value);
    if (!parsed.success) throw new Failure("request.malformed", describe(parsed.error));
    const asked = parsed.data;
    if (asked.kind === "log-in") return gate.logIn(asked.name, asked.password);
    if (asked.kind === "log-out") {
      gate.logOut(asked.session);
      return {};
    }
    if (asked.kind === "oidc-begin" || asked.kind === "oidc-end") {
      if (issuer === null) throw new Failure("request.malformed", "no issuer is configured");
      return asked.kind === "oidc-begin" ? issuer.begin() : issuer.end(asked.flow, asked.query);
    }
    const actor = await gate.who(asked.credential);
    if (asked.kind === "who") return { actor };
    const { request } = asked;
    gate.require(actor, NEEDED_ROLES[request.verb]);
    const named = "by" in request ? { ...request, by: actor.name } : request;
    return perform(named, verbs, reporter(caller), caller.gone, actor);
  });
}

/** Gives every request to `answer`, and sends what comes of it: a result, a refusal or a failure. */
async function openServer(
  path: string,
  mode: number,
  onBug: (error: unknown) => void,
  answer: (value: unknown, caller: Caller) => Promise<object>,
): Promise<ControlServer> {
  const going = new Set<Promise<void>>();
  const attend = (value: unknown, caller: Caller): void => {
    const work = conclude(caller, () => answer(value, caller))
      .catch(onBug)
      .finally(() => going.delete(work));
    going.add(work);
  };
  const server = await listenLocally(path, attend, mode);
  return {
    close: () => server.close(),
    settled: async () => {
      await Promise.all(going);
    },
  };
}

async function conclude(caller: Caller, work: () => Promise<object>): Promise<void> {
  try {
    const result = await work();
    if (isRefusal(result)) caller.reply(result);
    else caller.reply({ kind: "result", value: result });
  } catch (error) {
    if (!(error instanceof Failure)) {
      caller.end();
      throw error;
    }
    caller.reply({ kind: "failed", code: error.code, detail: error.message, retry: error.retry });
  }
  caller.end();
}

/** The one place where the verb's name chooses its function; the table's type keeps each pair together. */
function perform(
  request: Request,
  verbs: Verbs,
  report: Report,
  gone: AbortSignal,
  actor: Actor,
): Promise<Answers[Verb] | Refusal> {
  const verb = verbs[request.verb] as (
    given: Request,
    report: Report,
    gone: AbortSignal,
    actor: Actor,
  ) => Promise<Answers[Verb] | Refusal>;
  return verb(request, report, gone, actor);
}

function reporter(caller: Caller): Report {
  let last = 0;
  return (phase, done, total, unit) => {
    const now = performance.now();
    if (now - last < REPORT_EVERY && done !== total) return;
    last = now;
    caller.reply({ kind: "progress", phase: phase.slice(0, 1_200), done, total, unit });
  };
}

function isRefusal(result: object): result is Refusal {
  return "kind" in result && result.kind === "refused";
}

function describe(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join(".") || "request"}: ${issue.message}`)
    .join("; ");
}
