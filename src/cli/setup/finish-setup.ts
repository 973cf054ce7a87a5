import path from "node:path";
import { EXIT, type Refusal } from "../../core/kernel/errors.ts";
import { isDualHomed } from "../../core/setup/settings.ts";
import type { CommandContext, Outcome } from "../context.ts";
import { plainYaml } from "../plain-yaml.ts";
import { placeFiles } from "./place-files.ts";
import { type Next, shownFiles, shownNext } from "./report-setup.ts";
import { type SetupPlan, socketOf } from "./setup-plan.ts";
import { addFirst, type ServiceState, startService, waitForDaemon } from "./start-service.ts";
import { writeHost } from "./write-host.ts";

/** Writes all of it, has the service started, waits until it answers, and adds the first source. */
export async function finish(plan: SetupPlan, start: boolean, context: CommandContext): Promise<Outcome | Refusal> {
  const { place, config, host, source } = plan;
  const door = context.surroundings.host;
  await writeHost(host, door, place.root);
  const { root, isSystem } = place;
  const service: ServiceState =
    isSystem && host.units.length > 0 ? await startService(door, { root, units: host.units, start }) : "by-hand";
  let first: "added" | "there" | "later" | null = source === null ? null : "later";
  if (service === "running") {
    const socket = socketOf(config, place, context);
    await waitForDaemon(context, socket);
    if (source !== null) {
      const added = await addFirst(context, socket, source);
      if (typeof added === "object") return added;
      first = added;
    }
  }
  const later = first === "later" ? await keepForLater(plan) : null;
  const next = nextSteps(plan, service, later, context);
  const text = `${shownFiles(plan, context)}\nservice: ${WORDS[service]}\n${source === null ? "" : `source ${source.name}: ${first === "there" ? "there already, unchanged" : (first ?? "")}\n`}${shownNext(next, context)}`;
  const json = {
    written: true,
    files: host.files.map(({ path: file, state }) => ({ file, state })),
    removed: host.surplus,
    service,
    source: source === null ? null : { name: source.name, state: first },
    notes: plan.notes,
    next,
  };
  return { json, text, exit: EXIT.done };
}

const WORDS: Readonly<Record<ServiceState, string>> = {
  running: "running, and starts with the machine",
  enabled: "starts with the machine",
  "by-hand": "has to be started by hand",
};

/** A source that no daemon could take yet is written down beside the configuration. */
async function keepForLater({ place, source }: SetupPlan): Promise<string> {
  const file = path.join(path.dirname(place.file), `first-source-${source?.name ?? ""}.yaml`);
  await placeFiles([{ path: file, text: plainYaml(source), mode: 0o640, keepAs: null }]);
  return file;
}

function nextSteps(
  { config, place, source }: SetupPlan,
  service: ServiceState,
  later: string | null,
  { surroundings }: CommandContext,
): readonly Next[] {
  const start =
    service === "enabled" ? "systemctl start ringfort" : `${surroundings.host.daemonCommand} --config ${place.file}`;
  const name = source?.name ?? "NAME";
  const within = place.root === "/" ? "" : `${place.root}/`;
  return [
    ...(service === "running" ? [] : [{ command: start, does: "start the daemon" }]),
    ...(later === null
      ? []
      : [
          {
            command: `ringfort source add ${name} --from ${later.replace(within, "/")}`,
            does: "then the first source",
          },
        ]),
    ...(source === null
      ? [{ command: "ringfort source add --help", does: "subscribe to a vendor" }]
      : [{ command: `ringfort sync ${name}`, does: "fetch, verify, and show it in staging" }]),
    ...(isDualHomed(config) && place.isSystem
      ? [
          {
            command: "systemctl enable --now ringfort-filter && sysctl --system",
            does: "on the host's console: the packet filter and the kernel's settings; it shuts out whoever is not named",
          },
        ]
      : []),
    { command: "ringfort audit", does: "what of this host is not as it should be" },
    { command: "ringfort backup create --help", does: "keep what cannot be fetched again" },
  ];
}
