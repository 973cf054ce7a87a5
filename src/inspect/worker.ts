import { Failure } from "../core/kernel/errors.ts";
import { LIMITS } from "../core/kernel/limits.ts";
import { feed, trust } from "../core/model/source.ts";
import { type InspectAnswer, type InspectRequest, inspectRequest } from "../wire/jobs.ts";
import { Lane } from "../wire/lane.ts";
import type { BlobReader } from "./blob-reader.ts";
import type { QuarantineReader } from "./feed-format.ts";
import { formatOf } from "./registry.ts";
import { summarize } from "./summaries/summarize.ts";

/** Room for all of a listing that is not its names: findings and series, whose schemas bound them to less. */
const OTHER_BYTES = 4 * 1024 * 1024;

/**
 * Serves inspection jobs on a lane until its other end is gone. A breakage of the world is answered as `failed`. A bug
 * is not caught: the rejection ends the process, and the daemon starts another and counts the job against its file.
 *
 * A message that is no job, or a job while one is going, closes the lane: the daemon on its other end is not the one
 * that this code was written for.
 */
export function serveInspectLane(fd: number, quarantine: QuarantineReader, blobs: BlobReader): Lane {
  let busy = false;
  const work = async (request: InspectRequest): Promise<void> => {
    const answer = await answerJob(request, quarantine, blobs);
    busy = false;
    lane.send(answer);
  };
  const lane = Lane.adopt(fd, {
    message(value) {
      const request = inspectRequest.safeParse(value);
      if (!request.success) throw new Failure("worker.protocol", "not an inspection job");
      if (busy) throw new Failure("worker.protocol", "a second job on a busy lane");
      busy = true;
      void work(request.data);
    },
    data() {
      throw new Failure("worker.protocol", "inspection takes no data frames");
    },
  });
  return lane;
}

async function answerJob(
  request: InspectRequest,
  quarantine: QuarantineReader,
  blobs: BlobReader,
): Promise<InspectAnswer> {
  try {
    return request.kind === "summarize" ? await summary(request, blobs) : await inspect(request, quarantine);
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    return { kind: "failed", code: cause.code, detail: cause.message.slice(0, 4_096), retry: cause.retry };
  }
}

async function summary(
  { summary: kind, path, sha256, size, caps }: Extract<InspectRequest, { kind: "summarize" }>,
  blobs: BlobReader,
): Promise<InspectAnswer> {
  const handle = await blobs.open(sha256);
  try {
    return { kind: "summary", summary: await summarize(kind, { handle, start: 0, end: size }, path, caps) };
  } finally {
    await handle.close();
  }
}

async function inspect(
  request: Exclude<InspectRequest, { kind: "summarize" }>,
  quarantine: QuarantineReader,
): Promise<InspectAnswer> {
  const source = { feed: feed.safeParse(request.feed), trust: trust.safeParse(request.trust) };
  if (!source.feed.success || !source.trust.success)
    throw new Failure("source.invalid", "the feed or trust part of the source is not valid");
  const format = formatOf(source.feed.data);
  const parts = { feed: source.feed.data, trust: source.trust.data, now: request.now, quarantine };
  if (request.kind === "inspect-artifact") {
    const { artifact, file, companion, caps } = request;
    return { kind: "content", findings: await format.inspectArtifact({ ...parts, artifact, file, companion, caps }) };
  }
  const reading = await format.readFeed({ ...parts, files: request.files });
  if (reading.kind === "needs") return { kind: "needs", files: [...reading.files] };
  return boundedListing({ kind: "listing", listing: reading.listing, findings: reading.findings });
}

/** A vendor chooses names and their number. What does not fit into a message is an index over its limits, not a bug. */
function boundedListing(answer: Extract<InspectAnswer, { kind: "listing" }>): InspectAnswer {
  const { artifacts } = answer.listing;
  // Counted one by one: written out at once, they could be longer than any string may be.
  let bytes = OTHER_BYTES;
  for (const artifact of artifacts) {
    bytes += Buffer.byteLength(JSON.stringify(artifact)) + 1;
    if (bytes > LIMITS.messageBytes) {
      const malformed = `the index names too many files for one message: ${artifacts.length}`;
      return { kind: "listing", listing: { artifacts: [], series: [] }, findings: { ...answer.findings, malformed } };
    }
  }
  return answer;
}
