import path from "node:path";
import { run } from "../test/fixtures/daemon.ts";

/** Builds the release, which is what runs on a host and starts in a third of the time; resolves to the folder of its mains. */
export async function buildRelease(): Promise<string> {
  const repository = path.join(import.meta.dirname, "..");
  const built = await run("tsc", ["-p", path.join(repository, "tsconfig.release.json")], { cwd: repository });
  if (built.code !== 0) throw new Error(`the release does not build:\n${built.stdout}`);
  return path.join(repository, "dist/main");
}
