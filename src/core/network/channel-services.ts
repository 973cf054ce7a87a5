import type { Config } from "../config.ts";
import { type ListenAddress, splitListen } from "./listen-address.ts";
import type { Service } from "./network-plan.ts";

type Channel = Config["channels"][string];

/** What clients may connect to of one channel. What it lacks is told through `fault`, by key. */
export function channelServices(
  name: string,
  channel: Channel,
  inside: string | undefined,
  fault: (text: string) => void,
): readonly Service[] {
  const { listen, https, ftp, allow } = channel;
  const on = channel.interface ?? inside;
  const of = (key: string, text: string, more: Partial<Service> = {}): readonly Service[] => {
    const at = placeOf(`channels.${name}.${key}`, text, fault);
    if (at === null || at.loopback) return [];
    if (on === undefined) {
      fault(`channels.${name}.interface, or host.inside: the interface towards its clients`);
      return [];
    }
    const one = { interface: on, address: at.host, family: at.family, clients: [allow], callsBack: false } as const;
    return [{ name: `${name} ${key.split(".")[0] ?? key}`, ...one, ports: [[at.port, at.port]], ...more }];
  };
  const http = listen === undefined ? [] : of("listen", listen).map((each) => ({ ...each, name: `${name} http` }));
  const secure = https === undefined ? [] : of("https.listen", https.listen);
  if (ftp === undefined) return [...http, ...secure];
  const { from, to } = ftp.passive;
  const at = splitListen(ftp.listen);
  if (from === 0 && at?.loopback === false)
    fault(`channels.${name}.ftp.passive: a range of ports for data, for example from 50000 to 50099`);
  const control = at?.port ?? 0;
  const files = of("ftp.listen", ftp.listen, {
    clients: [allow, ftp.allow],
    ports: [
      [control, control],
      [from, to],
    ],
    callsBack: ftp.active,
  });
  return [...http, ...secure, ...files];
}

/** A channel of a dual-homed host has an address of its own: on all addresses it would stand outside too. */
function placeOf(key: string, text: string, fault: (text: string) => void): ListenAddress | null {
  const at = splitListen(text);
  if (at === null) fault(`${key}: ${text} is no address and port`);
  else if (at.any) fault(`${key}: ${text} is every address of the host; name the one on the inside`);
  else if (at.port === 0) fault(`${key}: ${text} leaves the port to the system; a filter needs to know it`);
  else return at;
  return null;
}
