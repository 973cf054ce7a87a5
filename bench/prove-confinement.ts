import { probeKernel } from "../src/confine/launch.ts";
import { attack, layersOf, needsKernelWalls, ROLES } from "../test/confinement/run.ts";
import { conclude, machine, say, table } from "./report.ts";

/**
 * `npm run prove:confinement`: an attacker in the place of each role, with arbitrary JavaScript and system calls past
 * Node; behind Node's flags alone, behind the kernel's wall alone, and behind both as the daemon puts them.
 */
const LEAST_ATTEMPTS = 40;

const missing = needsKernelWalls();
if (missing !== false) throw new Error(`it ${missing}`);
const { landlock } = probeKernel();
say(`${machine()}, Landlock ${landlock}`);

const rows: string[][] = [];
const figures: Record<string, unknown>[] = [];
let ok = true;
for (const role of ROLES) {
  for (const layers of layersOf(role)) {
    const { attempts, worked } = await attack(role, layers);
    const through = attempts.filter(({ refused }) => !refused);
    const broken = Object.entries(worked).flatMap(([name, went]) => (went ? [] : [name]));
    const works = Object.keys(worked).length;
    rows.push([
      role,
      layers,
      `${attempts.length - through.length}/${attempts.length}`,
      `${works - broken.length}/${works}`,
      [...new Set(through.map(({ kind }) => kind))].join(", "),
    ]);
    figures.push({ role, layers, attempts: attempts.length, through: through.length, works, broken: broken.length });
    // Of the flags alone nothing is promised: they are there to show what they let through.
    if (layers === "flags") continue;
    for (const { kind, name, answer } of through) say(`${role}, ${layers}: ${kind}: ${name}: ${answer}`);
    for (const name of broken) say(`${role}, ${layers}: no longer ${name}`);
    ok &&= through.length === 0 && broken.length === 0 && attempts.length >= LEAST_ATTEMPTS;
  }
}
say(`\n${table(["role", "walls", "refused", "its work", "let through"], rows)}`);
conclude({ proof: "confinement", landlock, figures }, ok);
