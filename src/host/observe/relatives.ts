import process from "node:process";
import { withFact } from "../../core/machine/facts.ts";
import { pathText } from "../../core/observed/path-text.ts";
import type { TracedProcess } from "../../core/observed/trace.ts";
import { statusField } from "../processes.ts";
import type { Root } from "../root.ts";

/** What the kernel says of a process; `null`: it has ended, or is not shown. */
export function aboutProcess(root: Root, pid: number): TracedProcess | null {
  const program = root.link(`proc/${pid}/exe`);
  const cwd = root.link(`proc/${pid}/cwd`);
  const uid = withFact(statusField(root, pid, "Uid"), (value) => ({ is: Number(value.split(/\s+/)[1]) }));
  if ("unknown" in program || "unknown" in cwd) return null;
  return { uid: "is" in uid ? uid.is : null, program: pathText(program.is), cwd: pathText(cwd.is) };
}

/** Processes and all that they have started and that still hang on them. */
export function withDescendants(root: Root, pids: readonly number[]): readonly number[] {
  const names = root.names("proc");
  const parents = ("is" in names ? names.is : []).flatMap((name) => {
    const parent = /^\d+$/.test(name) ? statusField(root, Number(name), "PPid") : null;
    return parent !== null && "is" in parent ? [[Number(name), Number(parent.is)] as const] : [];
  });
  const found = new Set(pids);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) {
      // Whoever observes is not what is observed, though that may have started it.
      if (found.has(parent) && pid !== process.pid) found.add(pid);
    }
  }
  return [...found];
}
