import * as z from "zod";
import { Failure } from "../kernel/errors.ts";
import { channelName, sourceName } from "../model/source.ts";
import type { PointerMount, Withheld } from "../ports.ts";
import { MOST_STEPS } from "./last-modified.ts";

/** Bytes of a pointer file. */
export const MOST_POINTER_BYTES = 4 * 1024 * 1024;

const step = z.strictObject({ revision: z.int().min(1).max(0xffff_ffff), movedAt: z.int().nonnegative().max(8.64e15) });

const mount = z
  .strictObject({
    source: sourceName,
    mount: z
      .string()
      .max(1_024)
      .regex(/^\/(?:[A-Za-z0-9._-]+\/)*$/),
    revision: z.int().min(1).max(0xffff_ffff),
    steps: z.array(step).min(1).max(MOST_STEPS),
  })
  .refine(({ steps, revision }) => steps.at(-1)?.revision === revision, "the last step is not the revision")
  .refine(
    ({ steps }) =>
      steps.every(
        (each, i) =>
          i === 0 || (each.revision > (steps[i - 1]?.revision ?? 0) && each.movedAt > (steps[i - 1]?.movedAt ?? 0)),
      ),
    "steps that do not rise",
  );

/** A channel's pointer file: which revision each source shows in it (docs/store-format.md). */
const channelPointer = z.strictObject({
  format: z.literal(1),
  channel: channelName,
  mounts: z
    .array(mount)
    .max(4_096)
    .refine((mounts) => new Set(mounts.map((each) => each.mount)).size === mounts.length, "two sources with one mount"),
  withheld: z
    .strictObject({
      digests: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(10_000),
      revisions: z.array(z.strictObject({ source: sourceName, revision: z.int().min(1).max(0xffff_ffff) })).max(10_000),
    })
    .default({ digests: [], revisions: [] }),
});

export type ChannelPointer = z.infer<typeof channelPointer>;

/** Reads a pointer file's text; `Failure` `store.damaged` when it is not one of this channel. */
export function parseChannelPointer(text: string, channel: string): ChannelPointer {
  if (text.length > MOST_POINTER_BYTES) throw new Failure("store.damaged", `pointer of ${channel}: too large`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Failure("store.damaged", `pointer of ${channel}: not JSON`, { cause });
  }
  const parsed = channelPointer.safeParse(value);
  if (!parsed.success)
    throw new Failure(
      "store.damaged",
      `pointer of ${channel}: ${parsed.error.issues[0]?.message ?? "not as its format says"}`,
    );
  if (parsed.data.channel !== channel)
    throw new Failure("store.damaged", `pointer of ${channel}: it is of another channel`);
  return parsed.data;
}

/** The text of a pointer file. Throws when it could not be read back: that is a bug of the caller. */
export function formatChannelPointer(
  channel: string,
  mounts: readonly PointerMount[],
  withheld: Withheld = { digests: [], revisions: [] },
): string {
  return `${JSON.stringify(channelPointer.parse({ format: 1, channel, mounts, withheld }))}\n`;
}
