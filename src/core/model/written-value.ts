import * as z from "zod";
import { parseDuration } from "../kernel/instant.ts";
import { pathFault } from "../kernel/safe-path.ts";
import { parseSize } from "../kernel/size.ts";

/** Text whose form an editor learns from the schema file; the transformation that follows says what is wrong in words. */
function forEditors(form: RegExp): z.ZodString {
  return z.string().meta({ pattern: form.source });
}

/** A length of time: "90s", "1h 30m", or milliseconds as a number. Becomes milliseconds. */
export const duration = z
  .union([
    z.int().nonnegative(),
    forEditors(/^\s*(?:\d+(?:\.\d+)?\s*(?:ms|s|m|h|d)\s*)+$/).transform((text, context) => {
      const parsed = parseDuration(text);
      if (parsed === null)
        context.addIssue({
          code: "custom",
          message: `"${text}" is no length of time; write for example "90s", "4h" or "1d 12h"`,
        });
      return parsed ?? 0;
    }),
  ])
  .meta({ title: "length of time" });

/** A number of bytes: "400 MB", "64KiB", or a number. Becomes bytes. */
export const size = z
  .union([
    z.int().nonnegative(),
    forEditors(/^\s*\d+(?:\.\d+)?\s*(?:[KMGTkmgt]?[Ii]?[Bb])?\s*$/).transform((text, context) => {
      const parsed = parseSize(text);
      if (parsed === null)
        context.addIssue({ code: "custom", message: `"${text}" is no size; write for example "400 MB" or "64KiB"` });
      return parsed ?? 0;
    }),
  ])
  .meta({ title: "bytes" });

/** A path inside a feed. */
export const artifactPath = z.string().superRefine((text, context) => {
  const fault = pathFault(text);
  if (fault !== null) context.addIssue({ code: "custom", message: `"${text}" is no path inside a feed (${fault})` });
});

/** Where an upstream is. */
export const address = z.string().superRefine((text, context) => {
  const scheme = URL.canParse(text) ? new URL(text).protocol : "";
  if (!["http:", "https:", "ftp:", "file:"].includes(scheme)) {
    context.addIssue({
      code: "custom",
      message: `"${text}" is no address; write http://…, https://…, ftp://… or file:///…`,
    });
  } else if (new URL(text).password !== "") {
    context.addIssue({
      code: "custom",
      message: "a password does not belong into an address; use network.login with passwordFile",
    });
  }
});
