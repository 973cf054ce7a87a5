import type { Machine } from "./machine.ts";
import { expect } from "./steps.ts";

const SOURCE = "tools";
const FILE = "tool-1.0.bin";
export const SETUP =
  "ringfort setup --yes --outside out0 --inside in0 --ftp --admins 10.20.9.0/24 --resolvers none " +
  "--staging-address 10.20.0.10:80 --staging-clients 10.20.1.0/24 " +
  "--production-address 10.20.0.20:80 --production-clients 10.20.2.0/24 ";

/** One client of a channel: it asks from its own address, in its own network name space. */
const CLIENTS = {
  staging: { from: "10.20.1.5", at: "10.20.0.10" },
  production: { from: "10.20.2.5", at: "10.20.0.20" },
} as const;
type Channel = keyof typeof CLIENTS;

/** A vendor on the outside: a folder that is signed with minisign, served from the internet's side by HTTP. */
export async function makeVendor(machine: Machine): Promise<string> {
  await machine.must(`mkdir -p /srv/vendor/new
    head -c 300000 /dev/urandom > /srv/vendor/new/${FILE}
    ringfort key new /root/vendor.key --kind minisign
    ringfort publish /srv/vendor/new --into /srv/vendor/tree --key /root/vendor.key --as directory`);
  const key = JSON.parse(await machine.must("ringfort key show /root/vendor.key --json")) as {
    readonly publicKey: string;
  };
  await startVendor(machine);
  return `--source ${SOURCE} --format directory --address http://192.0.2.2/ --checksums --minisign-key ${key.publicKey}`;
}

/** The vendor's server does not outlive a boot. */
export async function startVendor(machine: Machine): Promise<void> {
  await machine.must(`
    cat > /srv/vendor/serve.mjs <<'JS'
import { createServer } from "node:http";
import { createReadStream, existsSync, statSync } from "node:fs";
createServer((request, answer) => {
  const file = "/srv/vendor/tree" + decodeURIComponent(request.url ?? "/");
  if (!existsSync(file) || !statSync(file).isFile()) return void answer.writeHead(404).end();
  answer.writeHead(200, { "content-length": statSync(file).size });
  createReadStream(file).pipe(answer);
}).listen(80, "192.0.2.2");
JS
    systemd-run --quiet --unit=vendor ip netns exec internet /usr/lib/ringfort/bin/node /srv/vendor/serve.mjs
    for tick in $(seq 50); do ip netns exec internet curl -s -m 2 -o /dev/null http://192.0.2.2/ && break; sleep 0.1; done`);
}

/** What a channel's own client gets of the vendor's file: its SHA-256. Throws where it gets none. */
export async function fetched(machine: Machine, channel: Channel): Promise<string> {
  const { from, at } = CLIENTS[channel];
  const curl = `ip netns exec client curl -sS --fail --max-time 20 --interface ${from} http://${at}/${SOURCE}/${FILE}`;
  return (await machine.must(`${curl} -o /tmp/got && sha256sum /tmp/got | cut -d' ' -f1`)).trim();
}

/** The same over FTP, passive. */
export async function fetchedByFtp(machine: Machine, channel: Channel): Promise<string> {
  const { from, at } = CLIENTS[channel];
  const curl = `ip netns exec client curl -sS --max-time 20 --interface ${from} ftp://${at}/${SOURCE}/${FILE}`;
  return (await machine.must(`${curl} -o /tmp/got && sha256sum /tmp/got | cut -d' ' -f1`)).trim();
}

export async function vendorsDigest(machine: Machine): Promise<string> {
  return (await machine.must(`sha256sum /srv/vendor/new/${FILE} | cut -d' ' -f1`)).trim();
}

/** Both channels show the vendor's file to their own clients, and to nobody else's. */
export async function servesBoth(machine: Machine, digest: string): Promise<void> {
  for (const channel of ["staging", "production"] as const)
    expect((await fetched(machine, channel)) === digest, `${channel} serves other bytes`);
  const stranger = await machine.run(
    `ip netns exec client curl -sS --max-time 5 --interface ${CLIENTS.production.from} http://${CLIENTS.staging.at}/`,
  );
  expect(stranger.code !== 0, "production's client is served by staging");
}

/** Nobody listens where a channel was. */
export async function isRefused(machine: Machine, channel: Channel): Promise<boolean> {
  const { from, at } = CLIENTS[channel];
  // 7: curl could not connect.
  return (await machine.run(`ip netns exec client curl -s --max-time 5 --interface ${from} http://${at}/`)).code === 7;
}

/** The daemon runs, answers, and every process that runs is confined by the kernel. */
export async function isConfined(machine: Machine): Promise<readonly string[]> {
  const status = JSON.parse(await machine.must("ringfort status --json")) as {
    readonly processes: readonly { readonly role: string; readonly state: string; readonly level: string | null }[];
  };
  const running = status.processes.filter(({ state }) => state === "running");
  const weak = running.filter(({ level }) => level !== "kernel" && level !== "users");
  for (const channel of Object.keys(CLIENTS))
    expect(
      running.some(({ role }) => role === `serve-${channel}`),
      `nobody serves ${channel}`,
    );
  expect(weak.length === 0, `not confined by the kernel: ${weak.map(({ role }) => role).join(", ")}`);
  return running.map(({ role, level }) => `${role} ${level}`);
}

/** What the ledger says of the channels: which revision each shows, and how it came there. */
export async function positions(machine: Machine): Promise<string> {
  const { positions: all } = JSON.parse(await machine.must("ringfort channels --json")) as {
    readonly positions?: readonly unknown[];
  };
  return JSON.stringify(all ?? []);
}

export const installed = (name: string): string =>
  `apt-get -qq -y --no-install-recommends --allow-downgrades install /opt/packages/${name}.deb`;

export async function versionOf(machine: Machine): Promise<string> {
  return (await machine.run("dpkg-query -W -f '${Status} ${Version}' ringfort")).stdout.trim();
}
