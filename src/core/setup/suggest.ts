import type { SettingName } from "./settings.ts";

/** An interface of this machine. */
interface MachineInterface {
  readonly name: string;
  /** Each with the length of its network's prefix: "10.20.0.10/16". */
  readonly addresses: readonly string[];
  /** Whether the way to everywhere leads through it. */
  readonly hasDefaultRoute: boolean;
}

/** What is known of the machine before anybody is asked. */
export interface Machine {
  /** Without the loopback. */
  readonly interfaces: readonly MachineInterface[];
  /** As /etc/resolv.conf names them. */
  readonly resolvers: readonly string[];
}

/** What has been answered so far; `null` is "none". */
export type Answers = Partial<Record<SettingName, string | readonly string[] | null>>;

/** What is offered where nobody has said anything yet; "none" where nothing can be guessed. Pure: the machine was looked at before. */
export function suggest(name: SettingName, answers: Answers, machine: Machine): string {
  const inside = machine.interfaces.find((each) => each.name === answers.inside);
  const own = (inside?.addresses ?? []).filter((address) => !/^fe80:/i.test(address));
  switch (name) {
    case "outside":
      return machine.interfaces.length < 2 ? "none" : (outsideOf(machine)?.name ?? "none");
    case "inside":
      return insideOf(answers, machine)?.name ?? "none";
    case "stagingAddress":
      if (own.length === 0) return "127.0.0.1:8081";
      return at(own[0], own.length === 1 ? 8081 : 80);
    case "productionAddress":
      return own.length === 0 ? "127.0.0.1:8082" : at(own[1] ?? own[0], 80);
    case "stagingClients":
    case "productionClients":
      return own[0] === undefined ? "none" : (networkOf(own[0]) ?? "none");
    case "admins":
      return "none";
    case "resolvers":
      return machine.resolvers.filter((each) => !each.startsWith("127.") && each !== "::1").join(" ") || "none";
  }
}

function outsideOf({ interfaces }: Machine): MachineInterface | undefined {
  return interfaces.find(({ hasDefaultRoute }) => hasDefaultRoute);
}

function insideOf({ outside }: Answers, { interfaces }: Machine): MachineInterface | undefined {
  const others = interfaces.filter(({ name }) => name !== outside);
  return others.find(({ addresses }) => addresses.length > 0) ?? others[0];
}

function at(address: string | undefined, port: number): string {
  const host = (address ?? "").split("/")[0] ?? "";
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The network of an IPv4 address and its prefix; of IPv6 `null`: whose /64 it is nobody can say. */
function networkOf(address: string): string | null {
  const [, host = "", length = ""] = /^([\d.]+)\/(\d{1,2})$/.exec(address) ?? [];
  if (host === "") return null;
  const bits = Number(length);
  const number = host.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - bits);
  const first = Math.floor(number / size) * size;
  const bytes = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256);
  return `${bytes.join(".")}/${bits}`;
}
