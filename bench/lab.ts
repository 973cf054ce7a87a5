import { rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import * as z from "zod";
import { needs, needsProgram } from "../test/fixtures/needs.ts";
import { LAB_ADDRESSES, needsNetns } from "../test/fixtures/netns.ts";
import { BastionHost, CLIENTS, PASSIVE, VERSIONS } from "../test/lab/bastion.ts";
import { conclude, machine, say, table } from "./report.ts";

/**
 * `npm run lab`: the paper's network in five namespaces (internet, bastion, inside switch, a client of staging, one of production), the
 * real daemon on the bastion behind the rules and settings of `ringfort harden network`. Attacks stay in the namespaces, which
 * end with it. Wants root.
 */
const PACKETS = path.join(import.meta.dirname, "lab/packets.py");
const FLOOD = { perSecond: 50_000, seconds: 8, connectsFor: 6 } as const;
const ALL_PORTS = 65_535;

const missing = needs(
  needsProgram("nft", "nftables"),
  needsProgram("curl", "curl"),
  needsProgram("sysctl", "procps"),
  needsProgram("nmap", "nmap"),
  needsProgram("python3", "python3"),
  needsProgram("ss", "iproute2"),
  needsNetns(),
);
if (missing !== false) throw new Error(missing);

interface Outcome {
  readonly what: string;
  readonly seen: string;
  readonly goal: string;
  readonly met: boolean;
  readonly figures: Readonly<Record<string, unknown>>;
}

say(machine());
const host = await BastionHost.start();
try {
  await host.fill();
  const outcomes = await allOf(host);
  say(
    `\n${table(
      ["what", "seen", "goal", "met"],
      outcomes.map(({ what, seen, goal, met }) => [what, seen, goal, met ? "yes" : "NO"]),
    )}`,
  );
  const figures = outcomes.map(({ what, met, figures: own }) => ({ what, met, ...own }));
  conclude({ lab: "network", outcomes: figures }, outcomes.length === 8 && outcomes.every(({ met }) => met));
} finally {
  await host.end();
  await rm(path.join(import.meta.dirname, "lab/__pycache__"), { recursive: true, force: true });
}

async function allOf(bastion: BastionHost): Promise<readonly Outcome[]> {
  // A redirect must be able to move a route at all, or its refusal says nothing: first, while nothing is hardened.
  await bastion.must("bastion", "ip", "route", "add", "203.0.113.0/24", "via", "198.51.100.99");
  await bastion.must(
    "bastion",
    "sysctl",
    "-qw",
    "net/ipv4/conf/all/secure_redirects=0",
    "net/ipv4/conf/out0/secure_redirects=0",
  );
  await bastion.must(
    "bastion",
    "sysctl",
    "-qw",
    "net/ipv4/conf/all/accept_redirects=1",
    "net/ipv4/conf/out0/accept_redirects=1",
  );
  // The kernel moves a route only to a neighbour that answers.
  await bastion.must("internet", "ip", "addr", "add", "198.51.100.66/24", "dev", "eth0");
  const movable = await redirected(bastion);
  await bastion.must("bastion", "ip", "route", "flush", "cache");
  await bastion.harden();
  // The kernel's settings alone are to refuse it: with the rules away for this once.
  await bastion.must("bastion", "nft", "delete", "table", "inet", "ringfort");
  const moved = await redirected(bastion);
  await bastion.harden();
  const redirect: Outcome = {
    what: "forged ICMP redirect",
    seen: `route ${moved ? "moved" : "stayed"} (unhardened: ${movable ? "moved" : "stayed"})`,
    goal: "stays, where it moved before",
    met: movable && !moved,
    figures: { movable, moved },
  };
  return [
    redirect,
    await matrix(bastion),
    await closed(bastion),
    await openInside(bastion),
    await spoofed(bastion),
    await theft(bastion),
    await flood(bastion, "internet", "flood from outside"),
    await flood(bastion, "production", "flood from inside, forged as clients of staging"),
  ];
}

async function packets(
  bastion: BastionHost,
  from: string,
  ...args: readonly string[]
): Promise<Record<string, number>> {
  const said = await bastion.must(from, "python3", "-B", PACKETS, ...args);
  return z.record(z.string(), z.number()).parse(JSON.parse(said));
}

async function redirected(bastion: BastionHost): Promise<boolean> {
  await packets(bastion, "internet", "redirect", "198.51.100.99", "198.51.100.1", "198.51.100.66", "203.0.113.5");
  await wait(200);
  return (await bastion.must("bastion", "ip", "route", "get", "203.0.113.5")).includes("via 198.51.100.66");
}

async function matrix(bastion: BastionHost): Promise<Outcome> {
  const cells = await bastion.matrix();
  const heads = ["version", "client", "staging", "production", "outside"];
  const rows = VERSIONS.flatMap((version) =>
    CLIENTS.map((client) => {
      const own = cells.filter((cell) => cell.version === version && cell.client === client);
      const at = (place: string): string =>
        own.flatMap((cell) => (cell.at === place ? [`${cell.protocol}: ${cell.found}`] : [])).join(", ");
      return [version, client, at("staging"), at("production"), at("outside")];
    }),
  );
  say(`\n${table(heads, rows)}`);
  const right = cells.filter(({ wanted, found }) => wanted === found).length;
  return {
    what: "reachability matrix",
    seen: `${right} of ${cells.length} cells as expected`,
    goal: "all",
    met: cells.length === 54 && right === cells.length,
    figures: { cells: cells.length, right },
  };
}

/** The ports that nmap finds open or refused at an address. What it gets no answer from is filtered. */
async function answering(bastion: BastionHost, from: string, address: string): Promise<readonly number[]> {
  const six = address.includes(":") ? ["-6"] : [];
  const speed = ["-n", "-Pn", "-sS", "--max-retries", "1", "--min-rate", "15000", "--host-timeout", "90s"];
  const said = await bastion.must(from, "nmap", ...six, ...speed, "-p-", "-oG", "-", address);
  if (!/Ignored State: filtered \(\d+\)/.test(said)) throw new Error(`nmap has not looked at everything:\n${said}`);
  const filtered = Number(/Ignored State: filtered \((\d+)\)/.exec(said)?.[1]);
  const named = [...said.matchAll(/(\d+)\/(open|closed)\//g)].map(([, port]) => Number(port));
  if (filtered + named.length !== ALL_PORTS) throw new Error(`nmap counts ${filtered} and ${named.length} ports`);
  return named;
}

function bastionAddresses(): readonly string[] {
  return VERSIONS.flatMap((version) => {
    const { staging, production, outside } = LAB_ADDRESSES[version];
    return [staging, production, outside].map((each) => each.replaceAll(/[[\]]/g, ""));
  });
}

async function closed(bastion: BastionHost): Promise<Outcome> {
  const addresses = bastionAddresses();
  let answers = 0;
  for (const address of addresses) answers += (await answering(bastion, "internet", address)).length;
  return {
    what: "TCP ports that answer outside",
    seen: `${answers} of ${addresses.length} × ${ALL_PORTS}`,
    goal: "0",
    met: answers === 0,
    figures: { addresses: addresses.length, ports: ALL_PORTS, answers },
  };
}

/** That the same look finds what is there. */
async function openInside(bastion: BastionHost): Promise<Outcome> {
  const found = (await answering(bastion, "staging", "10.20.0.10")).toSorted((a, b) => a - b);
  const passive = Array.from({ length: PASSIVE.to - PASSIVE.from + 1 }, (_, at) => PASSIVE.from + at);
  const wanted = [21, 80, 443, ...passive];
  return {
    what: "TCP ports that answer a client of staging",
    seen: found.join(" "),
    goal: "the channel's, no other",
    met: found.join() === wanted.join(),
    figures: { found },
  };
}

/** Half-open connections at the channel after SYNs in a client's name: from outside none; from inside, where nobody could tell, all. */
async function spoofed(bastion: BastionHost): Promise<Outcome> {
  const half = async (from: string, target: string, source: string): Promise<number> => {
    await packets(bastion, from, "forge", target, "80", source, "20");
    await wait(100);
    const said = await bastion.must("bastion", "ss", "-Hnt", "state", "syn-recv");
    return said.split("\n").filter((line) => line.includes(source)).length;
  };
  const outside =
    (await half("internet", "10.20.0.10", "10.20.1.77")) + (await half("internet", "fd20::10", "fd20::1:77"));
  const inside =
    (await half("production", "10.20.0.10", "10.20.1.78")) + (await half("production", "fd20::10", "fd20::1:78"));
  return {
    what: "forged sources that are heard",
    seen: `${outside} of 40 outside, ${inside} of 40 on the clients' own network`,
    goal: "0 outside",
    met: outside === 0 && inside > 0,
    figures: { outside, inside },
  };
}

async function theft(bastion: BastionHost): Promise<Outcome> {
  await bastion.must("staging", "ip", "addr", "add", "10.20.1.6/16", "dev", "eth0");
  const { stolen, received } = await packets(
    bastion,
    "staging",
    "theft",
    "10.20.0.10",
    "10.20.1.5",
    "10.20.1.6",
    "/s/one.bin",
  );
  return {
    what: "FTP data port taken by another client of the channel",
    seen: `${stolen} bytes to the thief, ${received} to the client`,
    goal: "0, and the whole file",
    met: stolen === 0 && received === 100_000,
    figures: { stolen, received },
  };
}

async function flood(bastion: BastionHost, from: string, what: string): Promise<Outcome> {
  const cookies = async (): Promise<number> =>
    Number(/SyncookiesSent\s+(\d+)/.exec(await bastion.must("bastion", "nstat", "-asz", "TcpExtSyncookiesSent"))?.[1]);
  const before = await cookies();
  const { perSecond, seconds, connectsFor } = FLOOD;
  const [link] = z
    .array(z.object({ address: z.string() }))
    .parse(
      JSON.parse(
        await bastion.must("bastion", "ip", "-j", "link", "show", "dev", from === "internet" ? "out0" : "in0"),
      ),
    );
  const half = [String(perSecond / 2), String(seconds)];
  const send = async (): Promise<Record<string, number>> =>
    packets(bastion, from, "flood", "10.20.0.10", link?.address ?? "", "80", "10.20.1", ...half);
  // Two senders: what the bastion's kernel does with a packet, the sender's processor does.
  const sending = Promise.all([send(), send()]);
  await wait(1_000);
  const { tried = 0, answered = 0 } = await packets(
    bastion,
    "staging",
    "connects",
    "10.20.0.10",
    "80",
    String(connectsFor),
  );
  const rate = Math.round((await sending).reduce((sum, { sent = 0, seconds: took = 1 }) => sum + sent / took, 0));
  const sentCookies = (await cookies()) - before;
  const share = answered / tried;
  return {
    what,
    seen: `${answered} of ${tried} connections at ${rate} SYN/s, ${sentCookies} cookies`,
    goal: `≥ 99 % at ${perSecond}/s`,
    met:
      share >= 0.99 &&
      tried >= 20 &&
      rate >= perSecond * 0.95 &&
      (from === "internet" ? sentCookies === 0 : sentCookies > 0),
    figures: { from, tried, answered, rate, cookies: sentCookies },
  };
}
