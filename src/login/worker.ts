import { Failure } from "../core/kernel/errors.ts";
import { Lane } from "../wire/lane.ts";
import { type LoginAnswer, type LoginRequest, loginRequest } from "../wire/login-jobs.ts";
import { beginLogin, endLogin } from "./ask-issuer.ts";

/** The longest detail that an answer may carry (`wire/jobs.ts`). */
const DETAIL_LENGTH = 4_096;

/** Asks the issuer what the keeper wants to know, one after another, until the lane's other end is gone. */
export function serveLoginLane(fd: number): Lane {
  const lane = Lane.adopt(fd, {
    message(value) {
      const request = loginRequest.safeParse(value);
      if (!request.success) throw new Failure("worker.protocol", "not a log-in");
      void answerTo(request.data).then((answer) => lane.send(answer));
    },
    data() {
      throw new Failure("worker.protocol", "log-ins take no data frames");
    },
  });
  return lane;
}

async function answerTo(request: LoginRequest): Promise<LoginAnswer> {
  try {
    return await (request.kind === "login-begin" ? beginLogin(request) : endLogin(request));
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    return { kind: "failed", code: cause.code, detail: cause.message.slice(0, DETAIL_LENGTH), retry: cause.retry };
  }
}
