import { existsSync } from "node:fs";
import process from "node:process";
import type { Observer } from "../cli/observe/doors.ts";
import { REFUSABLE } from "../confine/refusals.ts";
import { trialPolicyOf } from "../core/observed/trial-policy.ts";
import { filmHere } from "../host/observe/film.ts";
import { lookHere, portsHere, topFoldersHere, whichProcesses } from "../host/observe/look.ts";
import { tryHere } from "../host/observe/try.ts";
import { Root } from "../host/root.ts";
import { exposureOfText, passedOverHere } from "../host/unit-exposure.ts";
import { trialLauncher } from "./own-files.ts";

/** This machine's processes, for `ringfort observe`. */
export const observerHere: Observer = {
  look: async (wish) => lookHere(wish, Date.now()),
  ports: async () => portsHere(),
  topFolders: async () => topFoldersHere(),
  passedOver: async () => passedOverHere(),
  exposure: async (unit) => exposureOfText(unit),
  film: async ({ processes, ...wish }, write) =>
    interruptible((stop) =>
      filmHere({ ...wish, pids: wish.command === null ? whichProcesses(new Root("/"), processes) : [] }, write, stop),
    ),
  isThere: (file) => existsSync(file),
  try: async ({ profile, ...wish }, write) =>
    interruptible((stop) => {
      const policy = JSON.stringify(trialPolicyOf(profile, REFUSABLE));
      return tryHere({ ...wish, launcher: [...trialLauncher(), policy] }, write, stop);
    }),
};

/** What a person interrupts ends in good order, and tells what it has. */
async function interruptible<T>(work: (stop: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, stop);
  try {
    return await work(controller.signal);
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}
