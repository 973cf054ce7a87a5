import { FACILITIES, type SystemLogConfig, syslogAddress } from "../core/config.ts";
import { matchesGlob } from "../core/kernel/glob.ts";
import type { EventRecord } from "../core/ports.ts";
import { type SyslogSender, syslogMessage } from "./syslog-message.ts";
import { severityOf } from "./syslog-severity.ts";
import { type SyslogTransport, tcpTransport, udpTransport } from "./syslog-transport.ts";

/**
 * The operating system's log: each event of the house is offered to it once. `record` never throws, never waits and
 * never fails a run; `close` hands over what waits, within a second.
 *
 * This is the seam for the Windows event log. There an adapter would register an event source ("Ringfort", which needs
 * an administrator once), and map a severity to its three types (error; warning; information for notice and info), the
 * event's static name to a fixed event id, and its fields to insertion strings of a message file, so that a viewer
 * shows them in its own language. It needs the Win32 functions RegisterEventSource and ReportEvent, which Node does not
 * offer: a small native part, or a forwarder that reads standard error. Neither is built.
 */
export interface SystemLog {
  /** `line` is the event as the event log has it: one JSON text without its line end. */
  record(event: EventRecord, line: string): void;
  close(): Promise<void>;
}

export interface StderrOptions {
  readonly write: (text: string) => void;
  /** Whether standard error is the systemd journal. */
  readonly journal: boolean;
}

/** sd-daemon(3): `<N>` in front of a line is its severity, where the journal reads it. */
export function stderrLog({ write, journal }: StderrOptions): SystemLog {
  return {
    record: (event, line) => write(`${journal ? `<${severityOf(event)}>` : ""}${line}\n`),
    close: async () => {},
  };
}

/** The longest that a stop waits for the receiver; milliseconds. */
const CLOSE_LIMIT = 1_000;

/** Sends the events that `config.events` takes to the syslog receiver at `config.address`. */
export function syslogLog(config: SystemLogConfig, sender: Omit<SyslogSender, "facility" | "enterprise">): SystemLog {
  const address = syslogAddress(config.address);
  if (address === null) throw new Error("the configuration's schema lets no such address through");
  const transport: SyslogTransport = address.transport === "udp" ? udpTransport(address) : tcpTransport(address);
  const from: SyslogSender = { ...sender, facility: FACILITIES[config.facility], enterprise: config.enterprise };
  return {
    record: (event) => {
      if (!config.events.some((pattern) => matchesGlob(pattern, event.name))) return;
      const lost = transport.takeDropped();
      if (lost > 0)
        transport.send(syslogMessage(from, { at: event.at, name: "log.dropped", fields: { messages: lost } }));
      transport.send(syslogMessage(from, event));
    },
    close: () => transport.close(CLOSE_LIMIT),
  };
}

/**
 * Whether this stream is the journal's: `JOURNAL_STREAM` holds its device and inode, and a variable that was only
 * inherited names another one (systemd.exec(5)).
 */
export function isJournal(stated: string | undefined, stream: { readonly dev: bigint; readonly ino: bigint }): boolean {
  return stated === `${stream.dev}:${stream.ino}`;
}
