import { closeSync, openSync, writeSync } from "node:fs";
import process from "node:process";
import { type DescriptorDoor, descriptorDoor } from "../confine/descriptors.ts";
import { launch, probeKernel } from "../confine/launch.ts";
import { kernelPolicy, permissionFlagsOnly } from "../daemon/jails.ts";
import { roleNamed } from "../daemon/roles.ts";
import {
  ROLE_DESCRIPTORS,
  ROLE_MESSAGE_BYTES,
  ROLE_PATIENCE,
  type RoleAnswer,
  type RoleStart,
  roleStart,
} from "../wire/role-message.ts";
import { programHere } from "./own-files.ts";

/**
 * The starter: `start-role.ts <role>`, begun by systemd for each connection to the role's socket, which is its descriptor 3
 * (sd_listen_fds(3)). It takes one message from the keeper, gives rights up as the launcher does, and becomes the worker of the role on its command
 * line: a keeper that was taken over can say with what, never what. Or it ends with 71, and says why on
 * standard error and to the keeper.
 *
 * Its unit starts it without helper threads: descriptors of Node's own are overwritten here, and nobody else may be using them.
 */
const CONNECTION = 3;

class Refused extends Error {}

function become(role: string): never {
  const row = roleNamed(role);
  const door = descriptorDoor();
  if (row === null) throw new Refused("there is no such role");
  if (door === null) throw new Refused("this machine's system calls are not written down");
  const { start, fds } = received(door);
  // From here on the keeper may end us, and does by being gone.
  door.dieBy(CONNECTION);
  if (door.isStirring(CONNECTION)) throw new Refused("more than one message, or the keeper is gone");
  if (start.role !== role) throw new Refused(`this is ${role}`);
  const networks: readonly string[] = row.networks;
  if (!networks.includes(start.network)) throw new Refused(`${role} may not have the network "${start.network}"`);
  if (!row.writes && start.writes.length > 0) throw new Refused(`${role} writes nothing`);
  const { landlock, seccomp } = probeKernel();
  if (landlock === 0 || !seccomp) throw new Refused("the kernel gives no Landlock or no seccomp");
  const jail = { ...start, program: programHere.files };
  // Behind all that the worker knows of it keeps the connection, whose end tells the keeper that it is gone.
  const descriptors = 3 + fds.length + 1;
  const plain = [process.execPath, ...row.runtime, programHere.entry(row.entry), ...start.args];
  const command = permissionFlagsOnly(jail, plain, descriptors);
  sayReady(door);
  door.place([...fds, CONNECTION]);
  launch({ ...kernelPolicy(jail, descriptors), tether: descriptors - 1 }, landlock, command);
}

function received(door: DescriptorDoor): { readonly start: RoleStart; readonly fds: readonly number[] } {
  door.patience(CONNECTION, ROLE_PATIENCE);
  const message = door.receive(CONNECTION, { bytes: ROLE_MESSAGE_BYTES, fds: ROLE_DESCRIPTORS });
  if (message === null) throw new Refused("nothing came in time");
  if (message.kind === "refused") throw new Refused(message.why);
  const parsed = roleStart.safeParse(jsonOf(message.bytes));
  if (!parsed.success) throw new Refused("not what a role is started with");
  if (parsed.data.descriptors !== message.fds.length) throw new Refused("another number of descriptors than was said");
  return { start: parsed.data, fds: message.fds };
}

/** With what the kernel says of us, for the keeper to read while we live: it is another user, and could not open it. */
function sayReady(door: DescriptorDoor): void {
  const status = openSync("/proc/self/status", "r");
  door.send(CONNECTION, Buffer.from(JSON.stringify({ kind: "role-ready" } satisfies RoleAnswer)), [status]);
  closeSync(status);
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return null;
  }
}

try {
  become(process.argv[2] ?? "");
} catch (error) {
  const why = error instanceof Error ? error.message : "unknown";
  // Not process.stderr: its pipe may stand on what was overwritten.
  writeSync(2, `a role was not started: ${why}\n`);
  try {
    if (error instanceof Refused)
      descriptorDoor()?.send(
        CONNECTION,
        Buffer.from(JSON.stringify({ kind: "role-refused", why } satisfies RoleAnswer)),
        [],
      );
  } catch {
    // The keeper is gone, or there never was a connection.
  }
  process.exit(71);
}
