import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { Failure, quoteOutside } from "../core/kernel/errors.ts";

/** The programs that images are made with, where Debian puts them, and the package that brings each. */
const TOOLS = {
  mmdebstrap: { places: ["/usr/bin/mmdebstrap"], from: "mmdebstrap", version: ["--version"] },
  "mkfs.erofs": { places: ["/usr/bin/mkfs.erofs", "/usr/sbin/mkfs.erofs"], from: "erofs-utils", version: null },
  mksquashfs: { places: ["/usr/bin/mksquashfs"], from: "squashfs-tools", version: ["-version"] },
  veritysetup: {
    places: ["/usr/sbin/veritysetup", "/sbin/veritysetup"],
    from: "cryptsetup-bin",
    version: ["--version"],
  },
  "dpkg-deb": { places: ["/usr/bin/dpkg-deb"], from: "dpkg", version: ["--version"] },
  "dpkg-query": { places: ["/usr/bin/dpkg-query"], from: "dpkg", version: ["--version"] },
} as const;
export type Tool = keyof typeof TOOLS;

/** Bytes of a program's last words that are kept. */
const MOST_SAID = 4_096;
/** Bytes of a program's answer. */
const MOST_ANSWER = 1_024 * 1_024;

/** Throws `image.tool-missing` with every one that is missing, and the one command that brings them. */
export function needTools(tools: readonly Tool[], isThere: (place: string) => boolean = existsSync): void {
  const missing = tools.filter((tool) => !TOOLS[tool].places.some((place) => isThere(place)));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((tool) => TOOLS[tool].from))].toSorted();
  throw new Failure("image.tool-missing", `${missing.join(", ")}: apt-get install ${packages.join(" ")}`);
}

function placeOf(tool: Tool): string | null {
  return TOOLS[tool].places.find((place) => existsSync(place)) ?? null;
}

export interface ToolRun {
  readonly env?: Readonly<Record<string, string>>;
  /** Gets each line that the program writes to standard error. */
  readonly line?: (text: string) => void;
}

/**
 * Runs one of the tools to its end and resolves to what it printed. It gets no environment but what is given, and the
 * proxies, which a mirror may be behind.
 *
 * @throws Failure `image.not-built` with its last words when it fails.
 */
export async function runTool(tool: Tool, args: readonly string[], { env = {}, line }: ToolRun = {}): Promise<string> {
  const place = placeOf(tool);
  if (place === null) needTools([tool]);
  const proxies = ["http_proxy", "https_proxy", "no_proxy"].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const child = spawn(place ?? tool, args, {
    cwd: "/",
    env: { ...Object.fromEntries(proxies), PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let answer = "";
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    if (answer.length < MOST_ANSWER) answer += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-MOST_SAID);
    for (const each of text.split("\n")) if (each !== "") line?.(each);
  });
  const code = await new Promise<number | string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (exit, signal) => resolve(exit ?? signal ?? "unknown"));
  });
  if (code === 0) return answer;
  const words = (said === "" ? answer.slice(-MOST_SAID) : said).trim().split("\n").slice(-8);
  throw new Failure(
    "image.not-built",
    `${tool} ended with ${code}: ${words.map((each) => quoteOutside(each, 300)).join("\n")}`,
  );
}

/** What a tool says of its version; "unknown" where it says nothing that can be read. */
export async function toolVersion(tool: Tool): Promise<string> {
  const { version, from } = TOOLS[tool];
  // mkfs.erofs of Debian 12 does not tell: its package does.
  const answer =
    version === null
      ? await runTool("dpkg-query", ["-W", "-f", "${Version}", from]).catch(() => "")
      : await runTool(tool, version).catch(() => "");
  return /\d+(?:\.\d+)+[^\s,]*/.exec(answer)?.[0] ?? "unknown";
}
