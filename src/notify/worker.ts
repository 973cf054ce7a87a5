import { Failure } from "../core/kernel/errors.ts";
import { type NotifyAnswer, type NotifyRequest, notifyRequest } from "../wire/jobs.ts";
import { Lane } from "../wire/lane.ts";
import { sendMail } from "./mail.ts";
import { sendWebhook } from "./webhook.ts";

/** The longest detail that an answer may carry (`wire/jobs.ts`). */
const DETAIL_LENGTH = 4_096;

/** Delivers notices that come over a lane, one after another, until its other end is gone. */
export function serveNotifyLane(fd: number): Lane {
  const lane = Lane.adopt(fd, {
    message(value) {
      const request = notifyRequest.safeParse(value);
      if (!request.success) throw new Failure("worker.protocol", "not a notice");
      void deliver(request.data).then((answer) => lane.send(answer));
    },
    data() {
      throw new Failure("worker.protocol", "notices take no data frames");
    },
  });
  return lane;
}

async function deliver(request: NotifyRequest): Promise<NotifyAnswer> {
  try {
    await (request.kind === "mail" ? sendMail(request) : sendWebhook(request));
    return { kind: "delivered" };
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    return { kind: "failed", code: cause.code, detail: cause.message.slice(0, DETAIL_LENGTH), retry: cause.retry };
  }
}
