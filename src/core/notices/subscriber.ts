import * as z from "zod";
import { isTimeZone } from "../kernel/local-time.ts";
import { duration } from "../model/written-value.ts";

/** Who is told of events, how, and when not: `notify` of the configuration. */

const clockTime = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, "a time of day is HH:MM, for example 22:00")
  .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));

const address = z
  .string()
  .max(254)
  .regex(/^[^\s<>@,;:"]+@[^\s<>@,;:"]+$/, "one plain address, for example ops@example.org");

const file = z.string().min(1).max(4_096);

const mail = z.strictObject({
  server: z
    .string()
    .regex(/^smtps?:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?\/?$/, "smtp://HOST:PORT or smtps://HOST:PORT")
    .describe("`smtp://HOST:25` (587 with a login) or `smtps://HOST:465`."),
  startTls: z
    .enum(["required", "offered"])
    .default("required")
    .describe("Of `smtp:`: whether mail may go in clear where the server offers no STARTTLS."),
  user: z.string().min(1).max(255).optional().describe("The login's name; without it none is sent."),
  passwordFile: file.optional().describe("A file that holds the login's password."),
  from: address.describe("The sender's address."),
  to: z.array(address).min(1).max(50).describe("The receivers' addresses."),
});

const webhook = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .max(2_048)
    .describe("Where each notice is sent, as POST with a JSON body."),
  secretFile: file.describe(
    "A file that holds the secret under which each request is signed (Standard Webhooks: HMAC-SHA256), 24 to 64 bytes in base64, `whsec_` before it or not.",
  ),
});

export const subscriber = z
  .strictObject({
    mail: mail.optional().describe("By mail; what comes together is sent in one."),
    webhook: webhook.optional().describe("By a signed HTTP request for each event, in order, tried again for a day."),
    events: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(64)
      .default(["*"])
      .describe("Which events, as patterns with `*` (docs/reference/events.md)."),
    least: z
      .enum(["error", "warning", "notice", "info"])
      .default("warning")
      .describe("Events that weigh less are not told."),
    quiet: z
      .strictObject({
        from: clockTime.describe("When quiet hours begin."),
        to: clockTime.describe("When they end: what waited is then told."),
        zone: z
          .string()
          .refine(isTimeZone, "a time zone of the IANA database, for example Europe/Berlin")
          .default("UTC"),
        except: z
          .enum(["error", "none"])
          .default("error")
          .describe("`error`: what weighs that much is told at once, whatever the hour."),
      })
      .optional()
      .describe("Hours in which nothing is told."),
    within: duration
      .prefault("1m")
      .describe("How long a notice may wait for others, so that a burst is one mail. A webhook does not wait."),
  })
  .refine(
    ({ mail: byMail, webhook: byHook }) => (byMail === undefined) !== (byHook === undefined),
    "a subscriber is told by `mail` or by `webhook`: one of the two",
  );
export type Subscriber = z.infer<typeof subscriber>;
export type MailRoute = z.infer<typeof mail>;
export type WebhookRoute = z.infer<typeof webhook>;
