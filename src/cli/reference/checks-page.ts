import { CHECKS } from "../../core/machine/judge-host.ts";
import { code, markdownTable, pageHead } from "./markdown.ts";

/** Every check of `ringfort audit`. */
export function checksPage(): string {
  const rows = CHECKS.map(({ id, severity, title, means, fix, origin, profiles }) => [
    code(id),
    severity,
    title,
    means,
    code(fix),
    origin,
    profiles.join(", "),
  ]);
  return `${pageHead("Checks", "src/core/machine/")}What \`ringfort audit\` asks of the machine and of the installation. An id stays the same from version to version. CIS numbers are
those of the Debian 12 benchmark, R numbers those of ANSSI's recommendations for GNU/Linux (2.0); "paper" is the paper that Ringfort follows.

${markdownTable(["id", "severity", "asks whether", "else", "fix", "from", "profiles"], rows)}`;
}
