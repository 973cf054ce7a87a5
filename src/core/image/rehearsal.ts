import * as z from "zod";
import { type Refusal, refuse } from "../kernel/errors.ts";
import type { Instant } from "../kernel/instant.ts";
import { DAY, SECOND } from "../kernel/instant.ts";
import { LIMITS } from "../kernel/limits.ts";
import { fail, over, pass, type Verdict } from "../machine/check.ts";
import type { Fact, ImageIdentity, RunningRoot } from "../machine/facts.ts";
import type { ImageManifest } from "./manifest.ts";
import { judgeRunningRoot } from "./running-root.ts";

const MOST_REHEARSAL_AGE = 90 * DAY;

const rehearsal = z.strictObject({
  format: z.literal("ringfort-rehearsal-1"),
  at: z.int().nonnegative(),
  by: z.string().min(1).max(64),
  image: z.strictObject({
    name: z.string().max(63),
    created: z.int().positive(),
    rootHash: z.string().regex(/^[0-9a-f]{64}$/),
  }),
  /** From the kernel's start to the end of the check that found every blob whole. */
  seconds: z.int().nonnegative(),
  shown: z.array(z.strictObject({ channel: z.string(), source: z.string(), revision: z.int() })).max(100_000),
});

/** The record of a rehearsal: which image brought a mirror back, when, how quickly, and what it showed then. */
export type Rehearsal = z.infer<typeof rehearsal>;

/** What a machine that has come back from an image shows of itself. */
export interface ComeBack {
  readonly now: Instant;
  readonly by: string;
  /** When the kernel was started. */
  readonly bootedAt: Instant;
  /** The last check of the store; `null`: there was none. */
  readonly storeChecked: Fact<{ readonly at: Instant; readonly damaged: number } | null>;
  readonly shown: Rehearsal["shown"];
}

/**
 * The record of a rehearsal, or why there is none: the store must have been read since the boot, with every blob whole,
 * and a channel must show something. Whether the image runs is asked before.
 */
export function rehearsalOf(image: ImageManifest, back: ComeBack): Rehearsal | Refusal {
  const { storeChecked, bootedAt, shown } = back;
  if ("unknown" in storeChecked) return refuse("image.not-rehearsed", storeChecked.unknown);
  const check = storeChecked.is;
  if (check === null || check.at < bootedAt)
    return refuse("image.not-rehearsed", "the store was not checked since this machine was started");
  if (check.damaged > 0) return refuse("image.not-rehearsed", `${check.damaged} blobs are damaged or missing`);
  if (shown.length === 0) return refuse("image.not-rehearsed", "no channel shows anything");
  return {
    format: "ringfort-rehearsal-1",
    at: back.now,
    by: back.by,
    image: { name: image.name, created: image.created, rootHash: image.verity.rootHash },
    seconds: Math.ceil((check.at - bootedAt) / SECOND),
    shown,
  };
}

/** Reads a record that came from another machine. One of a time that has not come would never be too old. */
export function readRehearsal(text: string, now: Instant): Rehearsal | Refusal {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return refuse("image.not-rehearsed", "the record is no JSON");
  }
  const parsed = rehearsal.safeParse(json);
  if (!parsed.success) return refuse("image.not-rehearsed", "the record is not what image rehearse writes");
  return parsed.data.at > now + LIMITS.clockTolerance
    ? refuse("image.not-rehearsed", "the record is of a time that has not come")
    : parsed.data;
}

/** What is known of a machine's way back. */
export interface RecoveryFacts {
  readonly now: Instant;
  readonly root: Fact<RunningRoot>;
  /** The golden image that the configuration names; `null`: none. */
  readonly image: Fact<ImageIdentity | null>;
  readonly rehearsedAt: Fact<Instant | null>;
  readonly imageRehearsedAt: Fact<Instant | null>;
}

/**
 * Whether this machine could come back. One that runs from an image must run from the one that is named, and an image
 * must have brought a mirror back lately; for another a back-up that was unpacked and found whole is enough.
 */
export function judgeRecovery(facts: RecoveryFacts): Verdict {
  return over(facts.image, (image) => {
    if (image !== null) return worst([judgeRunningRoot(facts.root, image), age(facts.imageRehearsedAt, facts.now)]);
    if ("is" in facts.root && facts.root.is.kind === "verity")
      return fail("the root is an image's, and audit.image names none");
    const [backup, whole] = [age(facts.rehearsedAt, facts.now), age(facts.imageRehearsedAt, facts.now)];
    return whole.kind === "pass" ? whole : backup;
  });
}

function age(rehearsedAt: Fact<Instant | null>, now: Instant): Verdict {
  return over(rehearsedAt, (at) => {
    if (at === null) return fail("a restore was never rehearsed");
    return now - at > MOST_REHEARSAL_AGE ? fail("the last rehearsal is older than 90 days") : pass("it was rehearsed");
  });
}

/** What fails counts before what is unknown, and that before what passes. */
function worst(verdicts: readonly Verdict[]): Verdict {
  const order = (["fail", "unknown"] as const).flatMap((kind) => verdicts.filter((each) => each.kind === kind));
  return order[0] ?? pass(verdicts.map(({ said }) => said).join("; "));
}
