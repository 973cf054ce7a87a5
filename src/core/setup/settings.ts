import * as z from "zod";
import { type Config, config, listen } from "../config.ts";
import { clientNetworks, hostConfig, interfaceName } from "../config-network.ts";
import { planNetwork } from "../network/network-plan.ts";
import { socketUnits } from "../network/socket-units.ts";

/** One thing that `ringfort setup` asks for: a key of the configuration, judged by the configuration's own schema. */
export interface Setting {
  readonly name: SettingName;
  readonly path: readonly string[];
  readonly schema: z.ZodType;
  readonly isList: boolean;
  /** Whether "none" is an answer: the key is then left out. */
  readonly optional: boolean;
  readonly question: string;
}

export type SettingName =
  | "outside"
  | "inside"
  | "stagingAddress"
  | "productionAddress"
  | "stagingClients"
  | "productionClients"
  | "admins"
  | "resolvers";

const one = { isList: false, optional: false } as const;
const list = { isList: true, optional: true } as const;

/** In the order in which they are asked: what is suggested for one rests on those before it. */
export const SETTINGS: readonly Setting[] = [
  {
    ...one,
    name: "outside",
    path: ["host", "outside"],
    schema: interfaceName,
    optional: true,
    question: "Interface towards the internet; nothing is ever served on it (none: this host has one side only)",
  },
  {
    ...one,
    name: "inside",
    path: ["host", "inside"],
    schema: interfaceName,
    optional: true,
    question: "Interface towards the clients (none: no channel is bound to one)",
  },
  {
    ...one,
    name: "stagingAddress",
    path: ["channels", "staging", "listen"],
    schema: listen,
    question: "Address and port of the channel staging",
  },
  {
    ...one,
    name: "productionAddress",
    path: ["channels", "production", "listen"],
    schema: listen,
    question: "Address and port of the channel production",
  },
  {
    ...list,
    name: "stagingClients",
    path: ["channels", "staging", "allow"],
    schema: clientNetworks,
    question: "Networks of staging's clients (none: whoever reaches the address)",
  },
  {
    ...list,
    name: "productionClients",
    path: ["channels", "production", "allow"],
    schema: clientNetworks,
    question: "Networks of production's clients (none: whoever reaches the address)",
  },
  {
    ...list,
    name: "admins",
    path: ["host", "admins"],
    schema: clientNetworks,
    question:
      "Networks from which this host is administered by SSH (none: from nowhere once the packet filter is loaded)",
  },
  {
    ...list,
    name: "resolvers",
    path: ["host", "resolvers"],
    schema: hostConfig.shape.resolvers,
    question: "Name servers that this host asks (none: any, outside)",
  },
];

/** A value of the configuration, or why what was typed is none. */
export type ReadAnswer =
  | { readonly kind: "value"; readonly value: string | readonly string[] | null }
  | { readonly kind: "fault"; readonly fault: string };

/** Reads what somebody has typed or given as a flag. `null` is "none": the key is left out. */
export function readAnswer(setting: Setting, text: string): ReadAnswer {
  const typed = text.trim();
  if (typed === "none" && setting.optional) return { kind: "value", value: null };
  const parts = typed.split(/[\s,]+/).filter((part) => part !== "");
  const value = setting.isList ? parts : typed;
  const judged = setting.schema.safeParse(value);
  if (judged.success && parts.length > 0) return { kind: "value", value };
  return { kind: "fault", fault: whyNot(setting, judged.error) };
}

function whyNot({ isList, schema }: Setting, error: z.ZodError | undefined): string {
  if (schema === clientNetworks) return "networks or addresses, for example 10.20.0.0/16";
  return isList ? "addresses, for example 10.0.0.53" : (error?.issues[0]?.message ?? "something, or none");
}

/** What is wrong with a whole configuration, as it is written: by its schema, as sockets, and as a packet filter where it has two sides. */
export function faultsOf(written: unknown): readonly string[] {
  const judged = config.safeParse(written);
  if (!judged.success) return judged.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  const sockets = socketUnits(judged.data);
  const plan = isDualHomed(judged.data) ? planNetwork(judged.data, []) : null;
  return [...("kind" in sockets ? sockets.faults : []), ...(plan !== null && "kind" in plan ? plan.faults : [])];
}

/** A host with one side has no packet filter of ours: which of its traffic is upstream's and which its clients' nobody can say. */
export function isDualHomed({ host }: Config): boolean {
  return host.outside !== undefined;
}
