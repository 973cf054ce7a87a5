import type { Observer } from "../cli/observe/doors.ts";
import { lookHere, portsHere } from "../host/observe/look.ts";

/** This machine's processes, for `ringfort observe`. */
export const observerHere: Observer = {
  look: async (wish) => lookHere(wish, Date.now()),
  ports: async () => portsHere(),
};
