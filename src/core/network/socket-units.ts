import type { Config } from "../config.ts";
import { type ListenAddress, splitListen } from "./listen-address.ts";
import type { Underdescribed } from "./network-plan.ts";

/** One file of systemd: a socket that it opens and hands to the daemon, so that nothing of Ringfort opens one. */
export interface SocketUnit {
  /** The file's name; all of ours match `SOCKET_UNIT`. */
  readonly file: string;
  readonly text: string;
}

/** Which files of a folder of units are of this sort, whoever wrote them: `ringfort-serve.socket` is one that starts a role. */
export const SOCKET_UNIT: RegExp = /^ringfort-listen-[a-z0-9-]+\.socket$/;

/** A server is handed no more than 200 descriptors at once (`wire/role-message.ts`), and a unit is read by people too. */
const MOST_PASSIVE = 128;

type Channel = Config["channels"][string];
type Fault = (text: string) => void;

/** What a unit is made of. */
interface Wanted {
  /** Under which the keeper looks for it: `socketNames` of daemon/channel-sockets.ts. */
  readonly name: string;
  readonly ports: readonly number[];
  readonly at: ListenAddress;
  readonly device: string | undefined;
}

/**
 * The socket units of a configuration, one for each listener, sorted as the channels are. The same configuration gives the
 * same text. Every value is a number, an address that `splitListen` has read, or a name that its schema lets through:
 * nothing can end a line.
 */
export function socketUnits({ channels, host, console: api }: Config): readonly SocketUnit[] | Underdescribed {
  const faults: string[] = [];
  const wanted = Object.entries(channels).flatMap(([name, channel]) =>
    channelSockets(name, channel, host.inside, (fault) => faults.push(fault)),
  );
  const people = api === undefined ? [] : consoleSocket(api.listen, host.inside, (fault) => faults.push(fault));
  if (faults.length > 0) return { kind: "underdescribed", faults };
  return [...wanted, ...people].map((each) => ({ file: `ringfort-listen-${each.name}.socket`, text: writeUnit(each) }));
}

function consoleSocket(listen: string, inside: string | undefined, fault: Fault): readonly Wanted[] {
  const at = placeOf("console.listen", listen, fault);
  const device = at?.loopback === true ? undefined : inside;
  return at === null ? [] : [{ name: "console", ports: [at.port], at, device }];
}

function channelSockets(name: string, channel: Channel, inside: string | undefined, fault: Fault): readonly Wanted[] {
  const { listen, https, ftp } = channel;
  const one = (use: string, key: string, text: string): readonly Wanted[] => {
    const at = placeOf(`channels.${name}.${key}`, text, fault);
    // The loopback is no interface of either side.
    const device = channel.interface ?? (at?.loopback === true ? undefined : inside);
    return at === null ? [] : [{ name: `${name}-${use}`, ports: [at.port], at, device }];
  };
  const files = ftp === undefined ? [] : one("ftp", "ftp.listen", ftp.listen);
  if (ftp?.active === true)
    fault(
      `channels.${name}.ftp.active: a server that connects to its clients does not go with sockets that are handed over`,
    );
  const { from, to } = ftp?.passive ?? { from: 0, to: 0 };
  if (ftp !== undefined && from === 0)
    fault(`channels.${name}.ftp.passive: a range of ports for data, for example from 50000 to 50063`);
  const ports = Array.from({ length: Math.min(to - from + 1, MOST_PASSIVE) }, (_, offset) => from + offset);
  return [
    ...(listen === undefined ? [] : one("http", "listen", listen)),
    ...(https === undefined ? [] : one("https", "https.listen", https.listen)),
    ...files,
    ...files.map((control) => ({ ...control, name: `${name}-pasv`, ports })),
  ];
}

function placeOf(key: string, text: string, fault: Fault): ListenAddress | null {
  const at = splitListen(text);
  if (at === null) fault(`${key}: ${text} is no address and port`);
  else if (at.port === 0)
    fault(`${key}: ${text} leaves the port to the system; whoever opens it beforehand needs to know it`);
  else return at;
  return null;
}

function writeUnit({ name, ports, at, device }: Wanted): string {
  const host = at.family === "ip6" ? `[${at.host}]` : at.host;
  return `# Made by \`ringfort harden sockets\`: make it again rather than edit it. \`ringfort harden sockets --check\` compares.
[Unit]
Description=Ringfort, ${name}
Documentation=man:ringfort(1) file:///usr/share/doc/ringfort/hardening.md
# Open as long as the service runs or is about to, over its restarts too; closed when it is stopped, so that no client starts
# again what somebody has stopped. Not PartOf=: what is closed and opened in one moment may find its own address taken.
StopWhenUnneeded=yes

[Socket]
Service=ringfort.service
FileDescriptorName=${name}
${ports.map((port) => `ListenStream=${host}:${port}\n`).join("")}${at.any && at.family === "ip6" ? "BindIPv6Only=both\n" : ""}Backlog=511
${device === undefined ? "" : `# Linux else answers for this address on its other interfaces too.\nBindToDevice=${device}\n`}${at.loopback || at.any ? "" : "# An address may come later in the start than its socket.\nFreeBind=yes\n"}
[Install]
# The service is never without it: it opens none itself.
RequiredBy=ringfort.service
`;
}
