import { Failure, type FailureCode, type RefusalCode } from "../core/kernel/errors.ts";

/** What only a client can come upon: a failed install has no counterpart on a mirror. */
const INSTALL_CODES = {
  "install.command-failed": "the install command ended with an error",
  "install.command-timeout": "the install command did not end in its time",
  "install.unsupported": "the package cannot be installed in the way that the configuration asks for",
  "install.nothing-to-go-back-to": "a recall names a version that is neither kept nor offered",
} as const satisfies Record<string, string>;

export type AgentCode = RefusalCode | FailureCode | keyof typeof INSTALL_CODES;

/** An expected "no" on the client's road, thrown to the one place that decides between next host and end of run. */
export class Stop extends Error {
  readonly code: AgentCode;
  /** Whether another mirror could have another answer: false where the fault is this machine's. */
  readonly elsewhere: boolean;

  constructor(code: AgentCode, detail: string, elsewhere = true) {
    super(detail);
    this.name = "Stop";
    this.code = code;
    this.elsewhere = elsewhere;
  }
}

/** The code and text of what went wrong, or `null` for a bug, which nobody may swallow. */
export function troubleOf(
  cause: unknown,
): { readonly code: AgentCode; readonly detail: string; readonly elsewhere: boolean } | null {
  if (cause instanceof Stop) return { code: cause.code, detail: cause.message, elsewhere: cause.elsewhere };
  if (cause instanceof Failure) {
    return { code: cause.code, detail: cause.message, elsewhere: !cause.code.startsWith("store.") };
  }
  return null;
}
