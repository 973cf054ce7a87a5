import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath, pathToFileURL } from "node:url";
import { HandedSockets } from "../../src/confine/handed-sockets.ts";
import { probeKernel } from "../../src/confine/launch.ts";
import { socketOpener } from "../../src/confine/sockets.ts";
import { config } from "../../src/core/config.ts";
import { type Confine, type Jail, kernelPolicy, permissionFlagsOnly, throughLauncher } from "../../src/daemon/jails.ts";
import { SpawnStarter } from "../../src/daemon/spawn-starter.ts";
import { Workers } from "../../src/daemon/workers.ts";
import { keeperPolicy } from "../../src/main/wall-keeper.ts";

const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const ATTEMPTS = readFileSync(path.join(repository, "test/confinement/attempts.ts"), "utf8");
const LAUNCHER = [
  process.execPath,
  "--disable-warning=ExperimentalWarning",
  path.join(repository, "src/main/launch.ts"),
];

/** Which walls stand: Node's flags, the kernel's, or both as the daemon puts them. */
export type Layers = "flags" | "kernel" | "both";

/** The daemon's processes: every jail that `src/daemon/workers.ts` makes. */
export const ROLES = [
  "fetch",
  "fetch of a folder",
  "inspect",
  "serve",
  "serve with active FTP",
  "console",
  "signer",
  "notify",
  "login",
  "keeper",
] as const;
export type Role = (typeof ROLES)[number];

/** What stands around a role: Node's flags are not for the keeper, who opens databases and makes writes durable. */
export function layersOf(role: Role): readonly Layers[] {
  return role === "keeper" ? ["kernel"] : ["flags", "kernel", "both"];
}

export interface Attempt {
  readonly kind: string;
  readonly name: string;
  readonly answer: string;
  readonly refused: boolean;
}

export interface Outcome {
  readonly attempts: readonly Attempt[];
  /** What the role is there for, and whether it still went. */
  readonly worked: Readonly<Record<string, boolean>>;
}

/** The reason why the kernel's wall cannot be tried here, or `false`. */
export function needsKernelWalls(): string | false {
  const { landlock, seccomp } = probeKernel();
  return landlock > 0 && seccomp ? false : "needs Landlock and seccomp on x86-64, which this kernel does not give";
}

/** Files, sockets and a process for one attacker, of which nothing is anybody's but his. */
class Scene {
  readonly root: string = mkdtempSync(path.join(tmpdir(), "ringfort-attempts-"));
  readonly outside: string = path.join(this.root, "outside");
  readonly inside: string = path.join(this.root, "inside");
  readonly own: string = path.join(this.root, "own");
  /** The keeper's socket for the console. */
  readonly api: string = path.join(this.root, "api.sock");
  readonly victim: ChildProcess = spawn("sleep", ["600"], { stdio: "ignore" });
  readonly #servers: Server[] = [];
  port = 0;

  async open(): Promise<this> {
    for (const folder of [this.outside, this.inside, this.own]) mkdirSync(folder);
    writeFileSync(path.join(this.outside, "secret"), "the key");
    new DatabaseSync(path.join(this.outside, "ledger.sqlite")).exec("create table t(x)");
    writeFileSync(path.join(this.outside, "evil.mjs"), "export const ran = true;\n");
    writeFileSync(path.join(this.outside, "evil.cjs"), "exports.ran = true;\n");
    copyFileSync("/bin/true", path.join(this.outside, "program"));
    copyFileSync("/bin/true", path.join(this.outside, "library.node"));
    writeFileSync(path.join(this.inside, "file"), "for its reader");
    for (const folder of [this.inside, this.own, this.outside])
      symlinkSync(path.join(this.outside, "secret"), path.join(folder, "way-out"));
    for (const address of [
      { port: 0, host: "127.0.0.1" },
      { path: path.join(this.outside, "control.sock") },
      { path: this.api },
    ]) {
      const server = createServer((socket) => socket.destroy()).listen(address);
      await once(server, "listening");
      this.#servers.push(server);
      const bound = server.address();
      if (bound !== null && typeof bound === "object") this.port = bound.port;
    }
    for (const address of [{ port: this.port, host: "::1" }, { path: `\0ringfort-${this.port}` }]) {
      const server = createServer((socket) => socket.destroy()).listen(address);
      await once(server, "listening");
      this.#servers.push(server);
    }
    return this;
  }

  close(): void {
    this.victim.kill("SIGKILL");
    for (const server of this.#servers) server.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** The name by which the daemon knows a role of a configuration that has them all. */
const NAMES: Readonly<Record<Exclude<Role, "keeper">, (scene: Scene) => string>> = {
  fetch: () => "fetch",
  "fetch of a folder": (scene) => `fetch ${scene.inside}`,
  inspect: () => "inspect",
  serve: () => "serve-plain",
  "serve with active FTP": () => "serve-active",
  console: () => "console",
  signer: () => "signer",
  notify: () => "notify",
  login: () => "login",
};

const EVERY_ROLE = config.parse({
  data: "/nowhere",
  channels: {
    plain: { listen: "127.0.0.1:0" },
    active: { listen: "127.0.0.1:0", ftp: { listen: "127.0.0.1:0", passive: { from: 0, to: 0 }, active: true } },
  },
  console: {
    listen: "127.0.0.1:0",
    oidc: {
      issuer: "https://issuer.example/",
      clientId: "mirror",
      clientSecretFile: "/nowhere/secret",
      redirect: "https://mirror.example/api/v1/oidc/callback",
      roles: { viewer: ["everybody"] },
    },
  },
});

/** The daemon's own jail for a role, around the scene's folders: what is tried here is what it puts up. */
function jailOf(role: Exclude<Role, "keeper">, scene: Scene): Jail {
  const entry = path.join(repository, "src/main/none.ts");
  const workers = new Workers(
    EVERY_ROLE,
    "0",
    {
      program: [
        path.join(repository, "src"),
        path.join(repository, "node_modules"),
        path.join(repository, "package.json"),
      ],
      quarantine: scene.inside,
      blobs: scene.inside,
      views: scene.inside,
      api: { path: scene.api, mode: 0o600 },
      signer: { folder: scene.own, logName: "none" },
      entries: { fetch: entry, inspect: entry, serve: entry, sign: entry, notify: entry, login: entry, console: entry },
    },
    new SpawnStarter(permissionFlagsOnly, () => "flags"),
    { keepLog: () => {}, sockets: null, pick: () => 0, certificates: { shown: () => null }, consoleIdentity: null },
    { emit: () => {} },
    () => true,
  );
  workers.lanesFor(pathToFileURL(`${scene.inside}/`).href);
  const name = NAMES[role](scene);
  const jail = workers.states().find((each) => each.jail.role === name)?.jail;
  if (jail === undefined) throw new Error(`the daemon has no role ${name}`);
  return jail;
}

/**
 * Puts the attacker in a role's place, behind these walls; `raw`: with system calls past Node too; `landlock`: the version of it that is used, of
 * those that this kernel has.
 */
export async function attack(role: Role, layers: Layers, raw = true, { landlock } = probeKernel()): Promise<Outcome> {
  const scene = await new Scene().open();
  if (role === "keeper") return attackKeeper(scene, raw);
  const jail = jailOf(role, scene);
  const serves = role === "serve" || role === "serve with active FTP";
  const sockets = serves ? (socketOpener(new HandedSockets({}, 0))?.open(LISTENER) ?? []) : [];
  const asked = {
    outside: scene.outside,
    inside: jail.reads.includes(scene.inside) ? scene.inside : "",
    own: jail.writes?.includes(scene.own) === true ? scene.own : "",
    program: path.join(repository, "src"),
    victim: scene.victim.pid,
    port: scene.port,
    api: role === "console" ? scene.api : "",
    network: jail.network,
    listener: sockets.length > 0 ? 3 : 0,
    starts: [],
    raw,
  };
  const command = confined(layers, landlock)(jail, attacker(asked), 3 + sockets.length);
  try {
    return await run(command, sockets);
  } finally {
    for (const socket of sockets) socket.close();
    scene.close();
  }
}

/** Behind the wall that `confinement.keeper` puts up (`src/main/wall-keeper.ts`), its data folder the scene's own. */
async function attackKeeper(scene: Scene, raw: boolean): Promise<Outcome> {
  const { landlock } = probeKernel();
  const keeper = { reads: [scene.inside], writes: [] };
  const policy = keeperPolicy({
    config: { ...EVERY_ROLE, data: scene.own, confinement: { ...EVERY_ROLE.confinement, keeper } },
    file: null,
  });
  const quiet = [process.execPath, "--disable-warning=ExperimentalWarning", "-e", "console.log('here')"];
  const asked = {
    outside: scene.outside,
    inside: scene.inside,
    own: scene.own,
    program: path.join(repository, "src"),
    victim: scene.victim.pid,
    port: scene.port,
    api: "",
    network: "keeper",
    listener: 0,
    starts: throughLauncher(LAUNCHER, landlock)(jailOf("inspect", scene), quiet, 3),
    raw,
  };
  try {
    return await run([...LAUNCHER, JSON.stringify(policy), String(landlock), ...attacker(asked)], []);
  } finally {
    scene.close();
  }
}

function attacker(asked: object): readonly string[] {
  const quiet = ["--disable-warning=ExperimentalWarning", "--disable-warning=SecurityWarning"];
  return [process.execPath, ...quiet, "--input-type=module-typescript", "-e", ATTEMPTS, JSON.stringify(asked)];
}

const LISTENER = { name: "serve", host: "127.0.0.1", port: 0, backlog: 8, interface: null };

function confined(layers: Layers, landlock: number): Confine {
  if (layers === "flags") return permissionFlagsOnly;
  if (layers === "both") return throughLauncher(LAUNCHER, landlock);
  return (jail, command, descriptors) => [
    ...LAUNCHER,
    JSON.stringify(kernelPolicy(jail, descriptors)),
    String(landlock),
    ...command,
  ];
}

async function run(
  [program = "", ...args]: readonly string[],
  sockets: readonly { readonly fd: number; readonly port: number }[],
): Promise<Outcome> {
  const child = spawn(program, args, {
    env: {},
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe", ...sockets.map(({ fd }) => fd)],
  });
  let out = "";
  let errors = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    for (const { port } of text.includes("listening\n") ? sockets : [])
      connect(port, "127.0.0.1")
        .on("error", () => undefined)
        .resume();
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const limit = setTimeout(() => child.kill("SIGKILL"), 60_000);
  await once(child, "close");
  clearTimeout(limit);
  const line = out.split("\n").find((each) => each.startsWith("{"));
  if (line === undefined) throw new Error(`the attacker did not come to an end:\n${errors.slice(0, 4_000)}`);
  const { results, worked } = JSON.parse(line) as { results: readonly Attempt[]; worked: Outcome["worked"] };
  return { attempts: results, worked };
}
