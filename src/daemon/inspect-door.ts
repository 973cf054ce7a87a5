import { Failure } from "../core/kernel/errors.ts";
import { MINUTE } from "../core/kernel/instant.ts";
import type { InspectableFile, Inspector } from "../core/ports.ts";
import { type InspectAnswer, type InspectRequest, inspectAnswer, type QuarantinedFile } from "../wire/jobs.ts";
import { askWorker } from "./ask-worker.ts";
import type { JobLanes } from "./job-lanes.ts";

/** The longest that one inspection may take before the process is taken for hung. */
const LIMIT = 10 * MINUTE;

/** The inspector: gives files in quarantine to the inspect process and takes findings. */
export function openInspectDoor(lanes: JobLanes): Inspector {
  return {
    readFeed: async (source, files, now) => {
      const answer = await ask(lanes, {
        kind: "read-feed",
        feed: source.feed,
        trust: source.trust,
        now,
        files: files.map(asQuarantined),
      });
      if (answer.kind === "needs" || answer.kind === "listing") return answer;
      throw new Failure("worker.protocol", `"${answer.kind}" answers no reading of a feed`);
    },
    inspectArtifact: async (source, artifact, file, companion, now, caps) => {
      const answer = await ask(lanes, {
        kind: "inspect-artifact",
        feed: source.feed,
        trust: source.trust,
        now,
        artifact,
        file: asQuarantined(file),
        companion: companion === null ? null : asQuarantined(companion),
        caps,
      });
      if (answer.kind === "content") return answer.findings;
      throw new Failure("worker.protocol", `"${answer.kind}" answers no inspection`);
    },
    summarize: async (summary, { path, sha256, size }, caps) => {
      const answer = await ask(lanes, { kind: "summarize", summary, path, sha256, size, caps });
      if (answer.kind === "summary") return answer.summary;
      throw new Failure("worker.protocol", `"${answer.kind}" answers no summary`);
    },
  };
}

function asQuarantined({ path, file, size, partial, dialect, lastModified, absent }: InspectableFile): QuarantinedFile {
  return { path, file, size, partial, dialect, lastModified, absent };
}

/** A worker that dies of a file is given it once more; dying twice is the file's fault, and fails the run. */
async function ask(lanes: JobLanes, request: InspectRequest): Promise<Exclude<InspectAnswer, { kind: "failed" }>> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await askWorker(lanes, request, inspectAnswer, LIMIT);
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== "worker.died" || attempt >= 2) throw error;
    }
  }
}
