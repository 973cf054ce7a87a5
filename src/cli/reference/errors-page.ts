import { FAILURES, REFUSALS } from "../../core/kernel/errors.ts";
import { adviceFor } from "../advice.ts";
import { code, markdownTable, pageHead } from "./markdown.ts";

/** Every refusal and every failure, with what to do about it. */
export function errorsPage(): string {
  return `${pageHead("Refusals and failures", "src/core/kernel/errors.ts and src/cli/advice.ts")}Every "no" and every breakage has a code, which stays the same from version to version: scripts and alarms may rely on it. The
words beside it may change.

## Refusals

An expected no: what came, or what was asked, is not acceptable. Nothing was changed by it; every channel goes on showing what it
showed. The exit code is 3.

${rows(REFUSALS)}
## Failures

The world broke: the line, the disk, a process, or what was asked does not exist. The exit code is 4 where the same call may go
through later, else 1.

${rows(FAILURES)}`;
}

function rows(codes: Readonly<Record<string, string>>): string {
  return markdownTable(
    ["code", "what happened", "what to do"],
    Object.entries(codes).map(([name, means]) => [code(name), means, adviceFor(name)]),
  );
}
