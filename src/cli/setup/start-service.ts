import { Failure, type Refusal } from "../../core/kernel/errors.ts";
import type { SourceSpec } from "../../core/model/source.ts";
import { TIMERS } from "../../core/setup/host-files.ts";
import { askDaemon } from "../../wire/client.ts";
import { type CommandContext, type HostDoor, isRefusal } from "../context.ts";
import { installed, rooted } from "./write-host.ts";

const SERVICE = "ringfort.service";
/** The longest that a daemon may take to answer: a large ledger is migrated and checked first. */
const MOST_WAIT = 120_000;
const PAUSE = 200;
const PATIENCE = 5_000;

/** How far the service has come: it runs and answers, will start with the machine, or has to be started by hand. */
export type ServiceState = "running" | "enabled" | "by-hand";

/** Has systemd start the service with the machine, and now where it runs. Throws `service.refused`. */
export async function startService(
  host: HostDoor,
  { root, units, start }: { readonly root: string; readonly units: readonly string[]; readonly start: boolean },
): Promise<ServiceState> {
  const isHere = root === "/" && host.systemdRuns();
  if (isHere) await host.systemctl(["daemon-reload"]);
  const timers = await installed(root, TIMERS);
  if (!(await host.systemctl([...rooted(root), "enable", SERVICE, ...units, ...timers]))) return "by-hand";
  if (!isHere || !start) return "enabled";
  // A socket is not opened for a service that runs already: both stop, then both start.
  await host.systemctl(["stop", SERVICE, ...units]);
  await host.systemctl(["start", SERVICE, ...timers]);
  return "running";
}

/** Waits until the daemon answers, as long as its service is there to. Throws `service.silent`. */
export async function waitForDaemon(context: CommandContext, socket: string): Promise<void> {
  const { surroundings, terminal } = context;
  const until = terminal.now() + MOST_WAIT;
  for (;;) {
    try {
      await askDaemon(socket, { verb: "status" }, () => {}, PATIENCE);
      return;
    } catch (error) {
      if (!(error instanceof Failure) || error.retry !== "later") throw error;
      if (terminal.now() > until || !(await surroundings.pause(PAUSE)))
        throw new Failure("service.silent", `${socket}: ${error.message}`, { cause: error });
      await mustBeActive(surroundings.host);
    }
  }
}

async function mustBeActive(host: HostDoor): Promise<void> {
  try {
    await host.systemctl(["is-active", SERVICE]);
  } catch (cause) {
    throw new Failure("service.silent", `${SERVICE} has ended before it answered`, { cause });
  }
}

/** Adds the first source; one of that name that is there already stays as it is. */
export async function addFirst(
  context: CommandContext,
  socket: string,
  spec: SourceSpec,
): Promise<"added" | "there" | Refusal> {
  try {
    const answer = await askDaemon(socket, { verb: "source-add", spec, by: context.by }, () => {});
    return isRefusal(answer) ? answer : "added";
  } catch (error) {
    if (error instanceof Failure && error.code === "source.exists") return "there";
    throw error;
  }
}
