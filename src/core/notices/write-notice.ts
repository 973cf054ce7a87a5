import { quoteOutside } from "../kernel/errors.ts";
import { formatInstant } from "../kernel/instant.ts";
import type { EventRecord } from "../ports.ts";

/** An event with the next thing to do about it. */
export interface Told {
  readonly event: EventRecord;
  readonly next: string;
}

/** Characters of one field in a notice, and events of one mail: the rest is in the log. */
const MOST_FIELD = 1_000;
export const MOST_TOLD = 50;

/** The subject and the text of a mail about one event or several. */
export function mailOf(mirror: string, told: readonly Told[]): { readonly subject: string; readonly text: string } {
  const [first] = told;
  const about = first === undefined ? "nothing" : headline(first.event);
  const subject = told.length === 1 ? about : `${told.length} events, first ${about}`;
  const text = told.map(({ event, next }) => `${paragraph(event)}\nnext: ${next}\n`).join("\n");
  return { subject: `[${mirror}] ${quoteOutside(subject, 150)}`, text: `${text}\n-- \nRingfort on ${mirror}\n` };
}

/** The body of a webhook's request. Its shape is promised (docs/notifications.md). */
export function webhookBody(mirror: string, { event, next }: Told): string {
  return JSON.stringify({
    type: event.name,
    timestamp: formatInstant(event.at),
    data: { mirror, ...event.fields, next },
  });
}

function headline({ name, fields }: EventRecord): string {
  const about = [fields["source"], fields["channel"], fields["code"] ?? fields["outcome"]].filter(
    (part) => typeof part === "string" && part !== "",
  );
  return [name, ...about].join(" ");
}

function paragraph({ at, name, fields }: EventRecord): string {
  const lines = Object.entries(fields).map(([key, value]) => `  ${key}: ${quoteOutside(String(value), MOST_FIELD)}`);
  return [`${formatInstant(at)}  ${name}`, ...lines].join("\n");
}
