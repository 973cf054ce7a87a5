import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { needsBoot } from "../test/fixtures/booted-root.ts";
import { needs, needsProgram } from "../test/fixtures/needs.ts";
import { conclude, say, table } from "./report.ts";
import { Machine } from "./roles/machine.ts";
import { factsOf, pidOf, type RoleFacts } from "./roles/role-facts.ts";

/**
 * `npm run prove:roles`: the package in a new Debian 12 whose systemd is process 1. An installation of before, whose keeper started all
 * itself, comes over; sources are mirrored from a folder and over HTTP, promoted, fetched over HTTP and FTP, the audit log signed. Then the
 * kernel is asked of every process whose it is and what it may; files are tried with each user, from inside its own view; processes are
 * killed and stopped. Wants root, mmdebstrap, systemd-container and a Debian mirror.
 */
const missing = needs(needsBoot(), needsProgram("openssl", "openssl"));
if (missing !== false) {
  say(`not run: ${missing}`);
  conclude({ proof: "roles", skipped: missing }, false);
  process.exit();
}

const folder = await mkdtemp(path.join(tmpdir(), "ringfort-prove-roles-"));
const steps: { readonly step: string; readonly ok: boolean; readonly why: string }[] = [];
let machine: Machine | null = null;
let facts: readonly RoleFacts[] = [];

async function step(name: string, work: (machine: Machine) => Promise<string | undefined>): Promise<void> {
  if (machine === null) throw new Error("no machine");
  const why = await work(machine).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  steps.push({ step: name, ok: why === undefined, why: why ?? "" });
  say(`${why === undefined ? "ok " : "NO "} ${name}${why === undefined ? "" : `: ${why}`}`);
}

/** What of these is not as it should be; `undefined`: nothing. */
function faults(all: Readonly<Record<string, boolean>>): string | undefined {
  const bad = Object.entries(all).flatMap(([name, ok]) => (ok ? [] : [name]));
  return bad.length === 0 ? undefined : bad.join("; ");
}

const AS = "setpriv --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs";
/** A command as a user, in the machine's own view of the files. */
const as = (user: string | number, command: string): string => `${AS} --reuid=${user} --regid=${user} ${command}`;
/** The same in a process's own view. `cat` and `ls` are programs of the machine, which the view shows. */
const inside = (pid: number, user: number, command: string): string =>
  `nsenter --target ${pid} --mount --root --wd=/ /usr/bin/${AS} --reuid=${user} --regid=${user} /usr/bin/${command}`;
const UP = "ringfort status >/dev/null 2>&1";
const LEDGER = "/var/lib/ringfort/ledger.sqlite";
const KEY = "/var/lib/ringfort-signer/key";

const found = (role: string): RoleFacts => {
  const one = facts.find((each) => each.role === role);
  if (one === undefined) throw new Error(`${role} does not run`);
  return one;
};

try {
  machine = await Machine.make(folder);
  await step(
    "the package is installed, and an installation of before has data: all of one user, its umask 0077",
    async (vm) => {
      await vm.root("DEBIAN_FRONTEND=noninteractive dpkg -i /root/ringfort.deb >/dev/null 2>&1");
      await vm.root(`mkdir -p /etc/ringfort /srv/updates && cp /root/old.yaml /etc/ringfort/ringfort.yaml
      echo "an update" >/srv/updates/a.bin
      ringfort key new /root/vendor.key --kind minisign >/dev/null
      ringfort publish /srv/updates --into /srv/tree --key /root/vendor.key --as directory >/dev/null; chmod -R a+rX /srv/tree
      install -m 0644 /root/old.yaml /srv/old.yaml`);
      const daemon = "/usr/lib/ringfort/bin/node /usr/lib/ringfort/dist/main/ringfortd.js --config /srv/old.yaml";
      await vm.root(`systemd-run -q --unit=before -p UMask=0077 -p User=ringfort ${daemon}`);
      await vm.until(UP, 20);
      await vm.root(`KEY=$(ringfort key show /root/vendor.key --json | tr -d '\\n' | sed 's/.*publicKey": *"\\([^"]*\\)".*/\\1/'); echo "$KEY" >/root/public-key
      ringfort source add files --format directory --checksums --address file:///srv/tree/ --minisign-key "$KEY" --schedule manual >/dev/null
      ringfort source add web --format directory --checksums --address http://127.0.0.1:9000/ --minisign-key "$KEY" --schedule manual >/dev/null
      ringfort sync files >/dev/null; ringfort promote files --to production >/dev/null
      ringfort audit-log key >/root/log-key; systemctl stop before`);
      return faults({
        "the signer's key is the keeper's": await vm.can(as("ringfort", "cat /var/lib/ringfort/signer/key >/dev/null")),
        "blobs are nobody else's": !(await vm.can(as("nobody", "ls /var/lib/ringfort/blobs/sha256"))),
      });
    },
  );
  await step("it comes over: systemd listens, starts the keeper, and the keeper every role", async (vm) => {
    await vm.root(`cp /root/new.yaml /etc/ringfort/ringfort.yaml
      mkdir -p /etc/systemd/system/ringfort.service.d
      printf '[Service]\\nLoadCredential=console.crt:/root/console.crt\\nLoadCredential=console.key:/root/console.key\\n' >/etc/systemd/system/ringfort.service.d/tls.conf
      ringfort harden sockets --output /etc/systemd/system >/dev/null
      systemctl daemon-reload; systemctl -q enable $(cd /etc/systemd/system; ls ringfort-*.socket)
      systemctl start ringfort.service`);
    await vm.until(UP, 30);
    await vm.root(
      "systemd-run -q --unit=vendor -p User=nobody -p WorkingDirectory=/srv/tree /usr/lib/ringfort/bin/node -e '" +
        'require("http").createServer((q,r)=>{const s=require("fs").createReadStream("."+q.url);s.on("error",()=>{r.statusCode=404;r.end()});s.pipe(r)}).listen(9000,"127.0.0.1")' +
        "'",
    );
    return undefined;
  });
  await step("what was there is there: ledger, the log's key, what production shows", async (vm) =>
    faults({
      "the log's key is another": (await vm.root("ringfort audit-log key")) === (await vm.root("cat /root/log-key")),
      "production shows nothing": (await vm.root("curl -fsS http://127.0.0.1:8082/files/a.bin")) === "an update",
      "the key is in the keeper's folder": !(await vm.can("test -e /var/lib/ringfort/signer")),
    }),
  );
  await step(
    "from a folder and over HTTP into staging, promoted, signed, fetched over HTTP, FTP and the API",
    async (vm) => {
      await vm.root(`echo "a second" >/srv/updates/b.bin
      ringfort publish /srv/updates --into /srv/tree --key /root/vendor.key --as directory >/dev/null; chmod -R a+rX /srv/tree
      ringfort sync files >/dev/null; ringfort sync web >/dev/null; ringfort promote web --to production >/dev/null
      ringfort audit-log checkpoint >/dev/null`);
      return faults({
        "production over HTTP": (await vm.root("curl -fsS http://127.0.0.1:8082/web/b.bin")) === "a second",
        "staging over FTP": (await vm.root("curl -fsS ftp://127.0.0.1:8021/files/b.bin")) === "a second",
        "the API, its key from a credential": await vm.can(
          "curl -ksS https://127.0.0.1:8443/api/v1/status | grep -q code",
        ),
      });
    },
  );
  await step(
    "every process: a user of its own, no capability, no new privileges, a filter, its network",
    async (vm) => {
      facts = await factsOf(vm);
      const users = facts.map(({ user }) => user);
      const workers = facts.filter(({ role }) => role !== "keeper");
      const connects = (role: string): boolean => ["fetch", "notify", "login"].includes(role);
      const roles = [
        "keeper",
        "fetch",
        "fetch /srv/tree",
        "inspect",
        "signer",
        "serve-staging",
        "serve-production",
        "console",
      ];
      return faults({
        "not all run": roles.every((role) => facts.some((each) => each.role === role)),
        "two have one user": new Set(users).size === users.length && !users.includes(0),
        "one has a capability": facts.every(({ capabilities }) => !capabilities),
        "one may gain privileges": facts.every(({ noNewPrivileges }) => noNewPrivileges),
        "one has no filter": facts.every(({ filtered }) => filtered),
        "one has another network than its row": facts.every(
          ({ role, network }) => network === (connects(role) ? "the machine's" : "empty"),
        ),
        "one is not said to be at L2": workers.every(({ level }) => level === "users"),
        "one has no tether": workers.every(({ tethered }) => tethered),
      });
    },
  );
  await step(
    "a server reads blobs and views, and nothing of ledger, signer or quarantine, from inside or outside",
    async (vm) => {
      const { pid, user } = found("serve-staging");
      const blob = await vm.root("find /var/lib/ringfort/blobs -type f | head -1");
      const all: Record<string, boolean> = { "it cannot read a blob": await vm.can(inside(pid, user, `cat ${blob}`)) };
      for (const place of [LEDGER, `${LEDGER}-wal`, KEY, "/etc/ringfort/ringfort.yaml", "/root/console.key"]) {
        all[`inside: ${place}`] = !(await vm.can(inside(pid, user, `cat ${place}`)));
        all[`outside: ${place}`] = !(await vm.can(as(user, `cat ${place}`)));
      }
      // Where other roles have something mounted there is an empty folder.
      for (const place of [
        "/var/lib/ringfort/quarantine",
        "/var/lib/ringfort-signer",
        "/run/ringfort",
        "/home",
        "/root",
        "/etc/ringfort",
      ])
        all[`inside: ${place}`] = !(await vm.can(`${inside(pid, user, `ls -A ${place}`)} | grep -q .`));
      all["outside: blobs"] = !(await vm.can(as(user, `cat ${blob}`)));
      return faults(all);
    },
  );
  await step("the keeper cannot read the signer's key; the signer and root can", async (vm) => {
    const { pid, user } = found("keeper");
    const signer = found("signer");
    return faults({
      "the keeper reads it, inside": !(await vm.can(inside(pid, user, `cat ${KEY}`))),
      "the keeper reads it, outside": !(await vm.can(as("ringfort", `cat ${KEY}`))),
      "the signer does not": await vm.can(inside(signer.pid, signer.user, `cat ${KEY}`)),
      "the signer reads the ledger": !(await vm.can(inside(signer.pid, signer.user, `cat ${LEDGER}`))),
      "the keeper makes an Internet socket": !(await vm.can(
        `nsenter --target ${pid} --net curl -sS --max-time 3 http://127.0.0.1:9000/`,
      )),
    });
  });
  await step("there is one signer at a time: two could each be shown another next state, and sign both", async (vm) => {
    const waits = `const s=require("net").connect("/run/ringfort/roles/signer.sock");for(const e of ["close","error"])s.on(e,()=>process.exit(0));s.resume();setTimeout(()=>process.exit(1),8000)`;
    const second = as("ringfort", `/usr/lib/ringfort/bin/node -e '${waits}'`);
    return faults({
      "a second is begun": await vm.can(second),
      "the first is gone": (await pidOf(vm, "signer")) === found("signer").pid,
    });
  });
  await step("root's back-up has the signer's key; the keeper's user is refused", async (vm) => {
    await vm.root("echo correct horse battery staple >/root/pass; cp /root/pass /srv/pass; chmod 644 /srv/pass");
    const made = await vm.root("ringfort backup create /root/b.age --passphrase-file /root/pass --json");
    return faults({
      "it is not in it": made.includes("signer/key"),
      "ringfort made one": !(await vm.can(
        as("ringfort", "ringfort backup create /tmp/b.age --passphrase-file /srv/pass"),
      )),
    });
  });
  await step("a server that is killed is back, as another user, and nobody was refused", async (vm) => {
    const before = found("serve-production");
    await vm.root(`kill -KILL ${before.pid}`);
    const got = await vm.root("curl -fsS --max-time 15 http://127.0.0.1:8082/web/a.bin");
    const pid = await pidOf(vm, "serve-production");
    return faults({ "not served": got === "an update", "the same process": pid !== before.pid });
  });
  await step("roles that do not stir die at the keeper's word, long before systemd would end them", async (vm) => {
    const pids = [await pidOf(vm, "fetch"), await pidOf(vm, "inspect")];
    await vm.root(`kill -STOP ${pids.join(" ")}`);
    const began = Date.now();
    await vm.root("systemctl stop ringfort.service");
    const took = Date.now() - began;
    const alive = await vm.can(`kill -0 ${pids.join(" ")} 2>/dev/null`);
    await vm.root("systemctl start ringfort.service $(cd /etc/systemd/system; ls ringfort-*.socket)");
    await vm.until(UP, 30);
    return faults({ "they live": !alive, [`it took ${took} ms`]: took < 20_000 });
  });
  await step("a keeper that is killed takes every role with it, and is back", async (vm) => {
    await vm.until("ringfort status | grep -q '^inspect .* running'", 20);
    const before = await factsOf(vm);
    await vm.root("systemctl kill --signal=KILL --kill-whom=main ringfort.service");
    const pids = before.map(({ pid }) => `/proc/${pid}`).join(" ");
    await vm.until(`for place in ${pids}; do test ! -e $place || exit 1; done`, 4);
    await vm.until(UP, 30);
    return (await vm.root("curl -fsS --retry 5 --retry-all-errors http://127.0.0.1:8082/web/b.bin")) === "a second"
      ? undefined
      : "not served";
  });
  await step("a check in its jail works with the drop-in of docs/hardening.md", async (vm) => {
    const opened = ["RestrictNamespaces=user mnt pid net ipc uts cgroup", "SystemCallFilter=@mount capset"];
    const dropIn = ["[Service]", ...opened, "RestrictAddressFamilies=AF_NETLINK", "ProcSubset=all", ""].join("\\n");
    await vm.root(`printf '${dropIn}' >/etc/systemd/system/ringfort.service.d/checks.conf
      systemctl daemon-reload; systemctl restart ringfort.service`);
    await vm.until(UP, 30);
    const check = { kind: "command", name: "lab", command: ["/bin/sh", "-c", "test -s /revision/a.bin"] };
    const description = {
      name: "lab",
      feed: { format: "directory", list: { kind: "checksums" } },
      addresses: ["file:///srv/tree/"],
      trust: { kind: "minisign", keys: [await vm.root("cat /root/public-key")] },
      schedule: "manual",
      checks: [check],
    };
    await vm.root(`echo '${JSON.stringify(description)}' >/root/lab.yaml
      ringfort source add lab --from /root/lab.yaml >/dev/null; ringfort sync lab >/dev/null`);
    const said = await vm.root("ringfort check lab || true");
    return /lab +good/.test(said) ? undefined : said;
  });
  await step("a removal and a purge take every unit and socket away", async (vm) => {
    await vm.root(
      "DEBIAN_FRONTEND=noninteractive dpkg --remove ringfort >/dev/null 2>&1; DEBIAN_FRONTEND=noninteractive dpkg --purge ringfort >/dev/null 2>&1",
    );
    return faults({
      "units are left":
        (await vm.root("systemctl list-units --all --no-legend 'ringfort*' | grep -v 'not-found' || true")) === "",
      "sockets are left": !(await vm.can("ls /run/ringfort/roles/*.sock")),
    });
  });
  say("");
  say(
    table(
      ["process", "user", "capabilities", "no new privileges", "filter", "network", "tether", "level"],
      facts.map((one) => [
        one.role,
        String(one.user),
        one.capabilities ? "SOME" : "none",
        one.noNewPrivileges ? "yes" : "NO",
        one.filtered ? "yes" : "NO",
        one.network,
        one.role === "keeper" ? "" : one.tethered ? "yes" : "NO",
        one.level ?? "",
      ]),
    ),
  );
  say("");
  say(
    table(
      ["step", "as it should"],
      steps.map((each) => [each.step, each.ok ? "yes" : "NO"]),
    ),
  );
  conclude({ proof: "roles", processes: facts, steps }, steps.length === 14 && steps.every(({ ok }) => ok));
} finally {
  await machine?.end();
  await rm(folder, { recursive: true, force: true });
}
