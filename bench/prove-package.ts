import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, open, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { askDaemon } from "../src/wire/client.ts";
import { type CliRun, run, runCli, startTestDaemon } from "../test/fixtures/daemon.ts";
import { needs, needsProgram } from "../test/fixtures/needs.ts";
import { startHttpVendor } from "../test/upstream/http-vendor.ts";
import { SignedListVendor } from "../test/upstream/signed-list.ts";
import { must } from "./package/program.ts";
import { LIST } from "./package/release-folder.ts";
import { lookAt, startImage, unpackImage } from "./package/unpacked-image.ts";
import { conclude, say, table } from "./report.ts";

/**
 * `npm run prove:package`: builds every artifact twice, in folders of other names, under another umask, time zone and language, and compares
 * every byte; has the released `ringfort` verify its own release, whole and with one byte of each file exchanged; has a real daemon take the release
 * as a source; has independent programs read the image, looks at each of its files, and starts it without a right. Wants root, skopeo, umoci, bubblewrap and minisign.
 */
const missing = needs(
  needsProgram("skopeo", "skopeo"),
  needsProgram("umoci", "umoci"),
  needsProgram("bwrap", "bubblewrap"),
  needsProgram("minisign", "minisign"),
  process.getuid?.() === 0 ? false : "needs root, to unpack an image with its owners",
);
if (missing !== false) {
  say(`not run: ${missing}`);
  conclude({ proof: "package", skipped: missing }, false);
  process.exit();
}

const folder = await mkdtemp(path.join(tmpdir(), "ringfort-package-"));
const FIRST = path.join(folder, "one");
const SECOND = path.join(folder, "a-second-folder");
const steps: { readonly step: string; readonly ok: boolean; readonly why: string }[] = [];

/** One thing that must hold: resolves to `undefined`, or to why it does not. */
async function step(name: string, work: () => Promise<string | undefined>): Promise<void> {
  const why = await work().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  steps.push({ step: name, ok: why === undefined, why: why ?? "" });
  say(`${why === undefined ? "ok " : "NO "} ${name}${why === undefined ? "" : `: ${why}`}`);
}

async function digests(where: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of await readdir(where)) {
    if (name === LIST || name === `${LIST}.minisig`) continue;
    const bytes = await readFile(path.join(where, name));
    found.set(name, createHash("sha256").update(bytes).digest("hex"));
  }
  return found;
}

/** Exchanges one bit in the middle of a file; once more, and it is as it was. */
async function flip(file: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    const at = Math.floor((await handle.stat()).size / 2);
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
    await handle.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, at);
  } finally {
    await handle.close();
  }
}

/** Which of these files a mirror serves as they are, after it has taken the folder as a source. */
async function taken(release: ReadonlyMap<string, string>, publicKey: string): Promise<readonly string[]> {
  const daemon = await startTestDaemon({ under: folder });
  try {
    await daemon.addSource({
      name: "releases",
      feed: { format: "directory", list: { kind: "checksums" } },
      addresses: [`file://${FIRST}/`],
      trust: { kind: "minisign", keys: [publicKey] },
      schedule: "manual",
    });
    const synced = await daemon.sync("releases");
    if ("code" in synced) throw new Error(`the daemon refused the release: ${synced.code}`);
    const url = await daemon.url("staging");
    const seen: string[] = [];
    for (const [name, digest] of release) {
      const body = Buffer.from(await (await fetch(`${url}releases/${name}`)).arrayBuffer());
      if (createHash("sha256").update(body).digest("hex") === digest) seen.push(name);
    }
    return seen;
  } finally {
    await daemon.end();
  }
}

interface Told {
  readonly processes: readonly { readonly role: string; readonly state: string; readonly level: string | null }[];
  readonly channels: readonly { readonly channel: string; readonly url: string }[];
}

/** Starts the image, has it mirror one signed file of a vendor, and fetches that from both of its channels. */
async function mirroredInside(
  archive: string,
  ringfort: (...args: readonly string[]) => Promise<CliRun>,
): Promise<string | undefined> {
  const image = await unpackImage(archive, path.join(folder, "image-run"));
  const http = await startHttpVendor();
  const vendor = new SignedListVendor(http, "vendor");
  const body = randomBytes(300_000);
  vendor.publish(new Map([["update.bin", body]]), Date.now());
  const running = await startImage(image, path.join(folder, "container"), {
    data: "/var/lib/ringfort",
    channels: { staging: { listen: "127.0.0.1:0" }, production: { listen: "127.0.0.1:0" } },
    confinement: { least: "kernel" },
    console: { listen: "127.0.0.1:0" },
  });
  try {
    const inside = async (...args: readonly string[]): Promise<string> => {
      const { code, stdout, stderr } = await ringfort("--socket", running.socket, ...args);
      if (code !== 0) throw new Error(`ringfort ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
      return stdout;
    };
    const spec = vendor.source({ network: { allowInside: true } });
    const added = await askDaemon(running.socket, { verb: "source-add", spec, by: "proof" }, () => {});
    if ("code" in added) return `the source: ${added.code}`;
    await inside("sync", "vendor");
    await inside("promote", "vendor");
    const { processes, channels } = JSON.parse(await inside("status", "--json")) as Told;
    const weak = processes.filter(({ state, level }) => state === "running" && level !== "kernel");
    if (weak.length > 0) return `not confined by the kernel: ${weak.map(({ role }) => role).join(", ")}`;
    for (const { channel, url } of channels) {
      const got = Buffer.from(await (await fetch(`${url}vendor/update.bin`)).arrayBuffer());
      if (!got.equals(body)) return `${channel} serves something else`;
    }
    const { code, seconds } = await running.end();
    return code === 0 && seconds < 15 ? undefined : `it ended with ${String(code)} after ${seconds} s`;
  } finally {
    await running.end().catch(() => {});
    await http.close();
  }
}

try {
  const key = path.join(folder, "release.key");
  const newKey = await runCli("key", "new", key, "--kind", "minisign");
  if (newKey.code !== 0) throw new Error(newKey.stderr);
  const shown = await runCli("key", "show", key, "--json");
  const { publicKey } = JSON.parse(shown.stdout) as { readonly publicKey: string };
  const build = path.join(import.meta.dirname, "package.ts");
  say("building twice");
  await must(process.execPath, [build, FIRST, "--key", key]);
  process.umask(0o077);
  await must(process.execPath, [build, SECOND], { TZ: "Asia/Kathmandu", LC_ALL: "C" });
  process.umask(0o022);
  const one = await digests(FIRST);
  const two = await digests(SECOND);
  const named = (ending: string): string => [...one.keys()].find((name) => name.endsWith(ending)) ?? "";
  const artifacts = [/^ringfort_[^_]+_linux-x64$/, /^ringfort-agent_[^_]+_linux-x64$/, /\.deb$/, /\.oci\.tar$/];
  const program = path.join(FIRST, [...one.keys()].find((name) => artifacts[0]?.test(name)) ?? "");
  const ringfort = (...args: readonly string[]): Promise<CliRun> => run(program, args, { cwd: folder });
  let served: readonly string[] = [];

  await step("both builds have the same files, bit for bit", async () => {
    const differ = [...new Set([...one.keys(), ...two.keys()])].filter((name) => one.get(name) !== two.get(name));
    return differ.length === 0 ? undefined : differ.join(", ");
  });
  await step("whatever is run or installed has its bill of materials", async () => {
    const bare = artifacts.filter((pattern) => {
      const name = [...one.keys()].find((each) => pattern.test(each));
      return name === undefined || !one.has(`${name}.cdx.json`);
    });
    return bare.length === 0 ? undefined : bare.join(", ");
  });
  await step("the released ringfort verifies its own release", async () => {
    const { code, stdout, stderr } = await ringfort("verify", FIRST, "--key", publicKey, "--json");
    const files = code === 0 ? (JSON.parse(stdout) as { readonly files: readonly object[] }).files.length : 0;
    return files === one.size ? undefined : `${files} of ${one.size}: ${stdout}${stderr}`;
  });
  await step("and refuses it with one bit of any file exchanged", async () => {
    const passed: string[] = [];
    for (const name of [...one.keys(), LIST]) {
      await flip(path.join(FIRST, name));
      // The one that is exchanged cannot be the one that looks.
      const { code, stdout } =
        path.join(FIRST, name) === program
          ? await runCli("verify", FIRST, "--key", publicKey, "--json")
          : await ringfort("verify", FIRST, "--key", publicKey, "--json");
      const wanted = name === LIST ? "release.signature-wrong" : "release.file-differs";
      if (code !== 3 || !stdout.includes(wanted)) passed.push(name);
      await flip(path.join(FIRST, name));
    }
    return passed.length === 0 ? undefined : `not seen in ${passed.join(", ")}`;
  });
  await step("minisign and sha256sum verify it too", async () => {
    await must("minisign", ["-Vm", LIST, "-P", publicKey], {}, FIRST);
    await must("sha256sum", ["--check", "--strict", "--quiet", LIST], {}, FIRST);
    return undefined;
  });
  await step("a mirror takes it as a source, and serves every file", async () => {
    served = await taken(one, publicKey);
    return served.length === one.size ? undefined : `${served.length} of ${one.size}`;
  });
  const archive = path.join(FIRST, named(".oci.tar"));
  const image = await unpackImage(archive, path.join(folder, "image"));
  const look = await lookAt(image.root);
  await step("skopeo and umoci take the image, and find it what it says it is", async () => {
    const { title, version } = {
      title: image.labels["org.opencontainers.image.title"],
      version: image.labels["org.opencontainers.image.version"],
    };
    return title === "ringfort" && archive.includes(`_${version}_`) && image.user.uid !== 0 ? undefined : image.digest;
  });
  await step(
    "nothing in it can be run but node and the loader; no shell, no set-user-ID, nothing that others may write",
    async () =>
      look.executables.length === 2 && look.faults.length === 0
        ? undefined
        : [...look.faults, ...look.executables].join("; "),
  );
  await step(
    "started read-only without a right, it is confined by the kernel, mirrors, serves, and ends when told to",
    () => mirroredInside(archive, ringfort),
  );
  const yes = (is: boolean): string => (is ? "yes" : "NO");
  say(
    `\n${table(
      ["file", "SHA-256", "same in both builds", "taken by a mirror"],
      [...one].map(([name, digest]) => [name, digest, yes(two.get(name) === digest), yes(served.includes(name))]),
    )}\n\nthe image: ${look.files} files, ${look.bytes} bytes, may be run: ${look.executables.join(", ")}`,
  );
  const files = [...one].map(([name, digest]) => ({ name, digest, same: two.get(name) === digest }));
  const figures = { files, steps, image: { digest: image.digest, ...look } };
  conclude({ proof: "package", ...figures }, steps.length === 9 && steps.every(({ ok }) => ok));
} finally {
  await rm(folder, { recursive: true, force: true });
}
