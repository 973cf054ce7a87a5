import type { Config } from "../config.ts";
import { firewallRequests } from "../network/firewall-requests.ts";
import { kernelSettings, writeSysctl } from "../network/kernel-settings.ts";
import { planNetwork, type SourceRoute, type Underdescribed } from "../network/network-plan.ts";
import { socketUnits } from "../network/socket-units.ts";
import { writeRuleSet } from "../network/write-rule-set.ts";
import { isDualHomed } from "./settings.ts";

/** A file of the host that is made from the configuration. */
export interface HostFile {
  /** Absolute, "/" being the host's root. */
  readonly path: string;
  readonly text: string;
}

/** Where they lie: what the packet filter's unit and sysctl(8) read, and what systemd does. */
const NETWORK_FOLDER = "/etc/ringfort/network";
export const UNIT_FOLDER = "/etc/systemd/system";
/** What the package brings to be done by itself: each is started with the service. */
export const TIMERS = ["ringfort-audit.timer", "ringfort-backup.timer", "ringfort-health.timer"] as const;
const SYSCTL_FILE = "/etc/sysctl.d/60-ringfort.conf";

/** All that `ringfort setup` writes beside the configuration, made by the code of `ringfort harden`; or what the configuration lacks. */
export function hostFiles(config: Config, sources: readonly SourceRoute[]): readonly HostFile[] | Underdescribed {
  const sockets = socketUnits(config);
  if ("kind" in sockets) return sockets;
  const units = sockets.map(({ file, text }) => ({ path: `${UNIT_FOLDER}/${file}`, text }));
  if (!isDualHomed(config)) return units;
  const plan = planNetwork(config, sources);
  if ("kind" in plan) return plan;
  return [
    ...units,
    { path: `${NETWORK_FOLDER}/ringfort.nft`, text: writeRuleSet(plan) },
    {
      path: `${NETWORK_FOLDER}/ringfort-firewalls.json`,
      text: `${JSON.stringify(firewallRequests(plan), null, 2)}\n`,
    },
    { path: SYSCTL_FILE, text: writeSysctl(kernelSettings(plan)) },
  ];
}
