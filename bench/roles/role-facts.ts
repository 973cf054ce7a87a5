import * as z from "zod";
import type { Machine } from "./machine.ts";

/** A running process of the daemon, as the kernel of the machine tells it. */
export interface RoleFacts {
  readonly role: string;
  readonly pid: number;
  /** What `ringfort status` says. */
  readonly level: string | null;
  readonly user: number;
  readonly capabilities: boolean;
  readonly noNewPrivileges: boolean;
  readonly filtered: boolean;
  /** Whether its network is another than the machine's, with the loopback alone in it. */
  readonly network: "empty" | "the machine's" | "other";
  /** Whether some descriptor of it ends it at the word of whoever holds the other end. */
  readonly tethered: boolean;
}

const status = z.object({
  processes: z.array(z.object({ role: z.string(), pid: z.number().nullable(), level: z.string().nullable() })),
});

async function processesOf(machine: Machine): Promise<z.infer<typeof status>["processes"]> {
  return status.parse(JSON.parse(await machine.root("ringfort status --json"))).processes;
}

export async function pidOf(machine: Machine, role: string): Promise<number> {
  const pid = (await processesOf(machine)).find((each) => each.role === role)?.pid;
  if (pid === null || pid === undefined) throw new Error(`${role} does not run`);
  return pid;
}

/** The keeper and every process that runs. */
export async function factsOf(machine: Machine): Promise<readonly RoleFacts[]> {
  const keeper = Number(await machine.root("systemctl show -p MainPID --value ringfort.service"));
  const running = (await processesOf(machine)).flatMap(({ role, pid, level }) =>
    pid === null ? [] : [{ role, pid, level }],
  );
  const facts: RoleFacts[] = [];
  for (const each of [{ role: "keeper", pid: keeper, level: null }, ...running])
    facts.push({ ...each, ...(await lookAt(machine, each.pid)) });
  return facts;
}

async function lookAt(machine: Machine, pid: number): Promise<Omit<RoleFacts, "role" | "pid" | "level">> {
  const text = await machine.root(`cat /proc/${pid}/status`);
  const line = (name: string): string => new RegExp(`^${name}:\\t(\\S+)`, "m").exec(text)?.[1] ?? "";
  const net = (whose: string | number): Promise<string> => machine.root(`readlink /proc/${whose}/ns/net`);
  const devices = await machine.root(`tail -n +3 /proc/${pid}/net/dev | cut -d: -f1 | tr -d ' '`);
  const sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(line);
  const apart = (await net(pid)) !== (await net(1));
  // O_ASYNC, 020000, among the flags of an open description.
  const tethered = await machine.can(`grep -hE '^flags:.*[2367][0-7]{4}$' /proc/${pid}/fdinfo/*`);
  return {
    user: Number(line("Uid")),
    capabilities: sets.some((set) => !/^0+$/.test(set)),
    noNewPrivileges: line("NoNewPrivs") === "1",
    filtered: line("Seccomp") === "2",
    network: apart ? (devices === "lo" ? "empty" : "other") : "the machine's",
    tethered,
  };
}
