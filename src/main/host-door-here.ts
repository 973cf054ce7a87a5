import { existsSync } from "node:fs";
import process from "node:process";
import type { HostDoor } from "../cli/context.ts";
import { daemonCommand } from "./own-files.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const hold = (): void => {};

/** This machine, for `ringfort setup`. What reads and changes it is loaded when it is needed. */
export const hostDoorHere: HostDoor = {
  machine: async () => (await import("../host/machine.ts")).readMachine(),
  systemdRuns: () => existsSync("/run/systemd/system"),
  systemctl: async (args) => (await import("../host/service-manager.ts")).systemctl(args),
  undisturbed: async (work) => {
    for (const signal of SIGNALS) process.on(signal, hold);
    try {
      return await work();
    } finally {
      for (const signal of SIGNALS) process.off(signal, hold);
    }
  },
  daemonCommand: daemonCommand(),
};
