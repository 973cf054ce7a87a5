import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { quoteOutside } from "../core/kernel/errors.ts";
import { matchesGlob } from "../core/kernel/glob.ts";
import type { CheckSpec } from "../core/model/check.ts";
import type { RevisionEntry } from "../core/model/revision.ts";
import type { Checker, CheckWord } from "../core/ports.ts";
import { type CheckJail, layOut, MOST_JAILED, SAMPLE } from "./check-jail.ts";
import { type JailEnd, runInJail } from "./run-in-jail.ts";

/** Runs checks in jails over the blobs of a revision. `blobs`: the data folder's `blobs/sha256`. */
export function openChecker(blobs: string): Checker {
  return {
    check: async (check, entries, signal) => {
      if (entries.length > MOST_JAILED) return note("check.too-many-files", `${entries.length} files`);
      const prepared = prepare(check, entries);
      if (prepared === null) return note("check.nothing-to-check", "");
      const [program = ""] = prepared.command;
      if (!existsSync(program)) return note("check.no-program", quoteOutside(program));
      const tree = await mkdtemp(path.join(tmpdir(), "ringfort-check-"));
      try {
        await layOut(tree, entries);
        return wordOf(check, await runInJail({ blobs, tree, memory: check.memory, ...prepared }, check.time, signal));
      } catch (cause) {
        if (!(cause instanceof Error && "syscall" in cause)) throw cause;
        return note("check.no-jail", quoteOutside(cause.message, 400));
      } finally {
        await rm(tree, { recursive: true, force: true });
      }
    },
  };
}

function note(code: CheckWord["code"], detail: string): CheckWord {
  return { outcome: "note", code, detail };
}

type Prepared = Pick<CheckJail, "command" | "reads">;

const CLAMSCAN = "/usr/bin/clamscan";
const SHELL = "/bin/sh";

/** Archives are unpacked within the jail: that is where a hostile one may do its worst. */
const SURICATA = `
mkdir /tmp/rules /tmp/log
for file; do
  case $file in
    *.gz) tar -xzf "$file" -C /tmp/rules || exit 1 ;;
    *) cat "$file" >> /tmp/rules/plain.rules ;;
  esac
done
find /tmp/rules -type f -name '*.rules' -exec cat {} + > /tmp/all.rules
command -v suricata > /dev/null || exit 127
exec suricata -T -c "$0" -S /tmp/all.rules -l /tmp/log
`;

/** What is run for a check, or `null` when no file of the revision is one that it looks at. */
function prepare(check: CheckSpec, entries: readonly RevisionEntry[]): Prepared | null {
  if (check.kind === "command") {
    const [program = ""] = check.command;
    return { command: check.command, reads: [program, ...check.reads] };
  }
  const globs = check.kind === "clamscan" ? check.databases : check.rules;
  const files = entries
    .filter((entry) => globs.some((glob) => matchesGlob(glob, entry.path)))
    .map((entry) => path.posix.join("/revision", entry.path));
  if (files.length === 0) return null;
  if (check.kind === "suricata")
    return { command: [SHELL, "-c", SURICATA, check.config, ...files], reads: [path.dirname(check.config)] };
  const databases = files.map((file) => `--database=${file}`);
  return {
    command: [CLAMSCAN, "--recursive", "--infected", "--no-summary", ...databases, SAMPLE, ...check.clean],
    reads: check.clean,
  };
}

function wordOf(check: CheckSpec, end: JailEnd): CheckWord {
  switch (end.how) {
    case "timed-out":
      return note("check.timed-out", "");
    case "too-much-output":
      return note("check.too-much-output", lastLine(end.output));
    case "no-jail":
      return note("check.no-jail", lastLine(end.output));
    case "killed":
      return note("check.no-opinion", lastLine(end.output));
    case "exited":
      return check.kind === "clamscan" ? clamscanWord(check.sample, end) : exitWord(check, end);
  }
}

function exitWord(check: CheckSpec, { code, output }: JailEnd): CheckWord {
  const detail = lastLine(output);
  if (code === 0) return { outcome: "good", code: "check.passed", detail };
  if (code === 127 && check.kind === "suricata") return note("check.no-program", "suricata");
  if (code !== 1) return note("check.no-opinion", `exit code ${code}: ${detail}`);
  return { outcome: "bad", code: check.kind === "suricata" ? "check.load-failed" : "check.said-bad", detail };
}

/** clamscan(1): 0 nothing found, 1 something found, 2 an error, as when a database cannot be loaded. */
function clamscanWord(sample: "eicar" | "none", { code, output }: JailEnd): CheckWord {
  if (code > 1) return { outcome: "bad", code: "check.load-failed", detail: lastLine(output) };
  const found = output.split("\n").filter((line) => line.endsWith(" FOUND"));
  const wrong = found.filter((line) => !line.startsWith(`${SAMPLE}: `));
  if (wrong.length > 0) {
    const detail = `${wrong.length} files, for example ${quoteOutside(wrong[0] ?? "", 300)}`;
    return { outcome: "bad", code: "check.false-positives", detail };
  }
  if (sample === "eicar" && found.length === 0)
    return { outcome: "bad", code: "check.sample-missed", detail: "EICAR was not found" };
  return { outcome: "good", code: "check.passed", detail: "" };
}

function lastLine(output: string): string {
  return quoteOutside(output.trimEnd().split("\n").at(-1) ?? "", 400);
}
