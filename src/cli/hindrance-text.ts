import { quoteOutside } from "../core/kernel/errors.ts";
import type { Instant } from "../core/kernel/instant.ts";
import { demandsText } from "../core/release/sign-offs.ts";
import type { Results } from "../wire/requests.ts";

type Hindrance = Results["propose"]["waitsFor"][number];

/** One reason why a ring does not move, and what would clear it. */
export function hindranceText({ code, detail, clears }: Hindrance, when: (instant: Instant) => string): string {
  const what = `${quoteOutside(detail, 400)} (${code})`;
  switch (clears.by) {
    case "time":
      return `${what}; until ${when(clears.at)}`;
    case "sign-off":
      return `${what}; needs ${demandsText(clears.missing)}`;
    case "clients":
      return `${what}; clears as clients come back`;
    case "person":
      return `${what}; next: ${quoteOutside(clears.how, 200)}`;
    case "nothing":
      return what;
  }
}
