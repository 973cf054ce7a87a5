import { type ReleasePolicy, type ReleasePolicyInput, releasePolicy } from "../model/policy.ts";

type Ring = ReleasePolicyInput["rings"][number];

interface Preset {
  readonly says: string;
  readonly middle: Omit<Ring, "channel">;
  readonly last: Omit<Ring, "channel">;
}

/**
 * Starting points, from what has happened: bad content was found within 78 minutes (channel file 291) and 4 h 40 min
 * (DAT 5958); delays of 12 and 48 hours are what vendors offer; of ten attacks on packages seven days would have
 * stopped eight. A delay also keeps a flaw open, so that each has its limit too (docs/release.md).
 */
export const PRESETS = {
  signatures: {
    says: "detection signatures and rules: 4 hours with health, in the last ring within 24 hours",
    middle: { automatic: true, soak: "1h", health: {}, staleness: "12h" },
    last: { automatic: true, soak: "4h", health: {}, staleness: "24h" },
  },
  engines: {
    says: "engines and agents: 48 hours with health, in the last ring within 10 days",
    middle: { automatic: true, soak: "12h", health: {}, staleness: "5d" },
    last: { automatic: true, soak: "48h", health: {}, staleness: "10d" },
  },
  "os-packages": {
    says: "packages of an operating system: 7 days with health; security fixes after 24 hours with a second person",
    middle: { automatic: true, soak: "24h", health: {}, staleness: "10d", lane: { soak: "4h" } },
    last: { automatic: true, soak: "7d", health: {}, staleness: "21d", lane: { soak: "24h" } },
  },
  "two-person": {
    says: "what nobody shall release alone: 24 hours with health, then a second person; in the last ring within 7 days",
    middle: { automatic: true, soak: "4h", health: {}, staleness: "2d" },
    last: {
      automatic: false,
      soak: "24h",
      health: {},
      signOffs: [{ role: "approver" }],
      staleness: "7d",
      lane: { soak: "1h" },
    },
  },
  unsigned: {
    says: "content that little vouches for: never by itself, and with a second person",
    middle: { automatic: false, signOffs: [{ role: "approver" }] },
    last: { automatic: false, signOffs: [{ role: "approver" }] },
  },
} as const satisfies Readonly<Record<string, Preset>>;
export type PresetName = keyof typeof PRESETS;

/** A preset over the channels of this installation, in their order. */
export function policyOfPreset(name: PresetName, channels: readonly string[], zone = "UTC"): ReleasePolicy {
  const { middle, last } = PRESETS[name];
  const rings = channels.map((channel, index): Ring => {
    if (index === 0) return { channel, automatic: true };
    return { channel, ...(index === channels.length - 1 ? last : middle) };
  });
  return releasePolicy.parse({ zone, rings });
}
