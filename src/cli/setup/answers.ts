import { faultsOf, readAnswer, SETTINGS, type Setting, type SettingName } from "../../core/setup/settings.ts";
import { type Answers, type Machine, suggest } from "../../core/setup/suggest.ts";
import { UsageError } from "../report.ts";
import type { ConfigDocument } from "./config-document.ts";

/** What the command line has said. */
export type GivenAnswers = Partial<Record<SettingName, string>>;

export interface Asked {
  readonly given: GivenAnswers;
  readonly machine: Machine;
  /** Whether the interfaces that are named must be those of this machine: not where an image is set up. */
  readonly isHere: boolean;
  /** Whether the configuration was there before: then what it says, and what it leaves out, is what is offered. */
  readonly wasThere: boolean;
  /** Asks a person; `null`: nobody is there, and what is offered is taken. */
  readonly ask: ((question: string) => Promise<string | null>) | null;
  /** Tells the person what was wrong with an answer. */
  readonly tell: (text: string) => void;
}

/**
 * Puts every answer into the configuration: one that was given as a flag, else one that a person types, else what is offered. Each is
 * judged where it is given, by the schema of the configuration and together with those before it. `null`: the person has left.
 * Throws `UsageError` for a flag that is no answer.
 */
export async function answered(begun: ConfigDocument, asked: Asked): Promise<ConfigDocument | null> {
  let document = begun;
  const answers: Answers = {};
  for (const setting of SETTINGS) {
    const offered = offer(setting, document, answers, asked);
    const next = await settle(setting, offered, document, asked);
    if (next === null) return null;
    document = next;
    answers[setting.name] = shown(document.at(setting.path)) ?? null;
  }
  return bound(document, begun);
}

function offer(setting: Setting, document: ConfigDocument, answers: Answers, asked: Asked): string {
  if (asked.wasThere) return shown(document.at(setting.path)) ?? (setting.optional ? "none" : "127.0.0.1:8081");
  return suggest(setting.name, answers, asked.machine);
}

function shown(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(" ");
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

async function settle(
  setting: Setting,
  offered: string,
  document: ConfigDocument,
  asked: Asked,
): Promise<ConfigDocument | null> {
  const flag = asked.given[setting.name];
  if (flag !== undefined || asked.ask === null) {
    const judged = judge(setting, flag ?? offered, document, asked);
    if (typeof judged !== "string") return judged;
    throw new UsageError(`${flagOf(setting.name)} ${flag ?? offered}: ${judged}`);
  }
  for (;;) {
    const typed = await asked.ask(`${setting.question} [${offered}]: `);
    if (typed === null) return null;
    const judged = judge(setting, typed.trim() === "" ? offered : typed, document, asked);
    if (typeof judged !== "string") return judged;
    asked.tell(`  ${judged}\n`);
  }
}

/** The configuration with the answer in it, or why it is none. */
function judge(setting: Setting, text: string, document: ConfigDocument, asked: Asked): ConfigDocument | string {
  const answer = readAnswer(setting, text);
  if (answer.kind === "fault") return answer.fault;
  const { value } = answer;
  const { interfaces } = asked.machine;
  if ((setting.name === "outside" || setting.name === "inside") && value !== null && asked.isHere)
    if (!interfaces.some(({ name }) => name === value))
      return `this machine has no such interface; it has ${interfaces.map(({ name }) => name).join(", ") || "none"}`;
  const next = document.with(setting.path, value);
  const before = faultsOf(document.plain());
  // What an earlier answer lacks comes to light again; what this one brings is its own.
  return faultsOf(next.plain()).find((fault) => !before.includes(fault)) ?? next;
}

function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

const CHANNELS = ["staging", "production"] as const;

/** Channels on the inside interface are bound to it; those that somebody has bound elsewhere stay there. */
function bound(document: ConfigDocument, begun: ConfigDocument): ConfigDocument {
  const [inside, before] = [document.at(["host", "inside"]), begun.at(["host", "inside"])];
  let next = document;
  for (const channel of CHANNELS) {
    const at = ["channels", channel, "interface"];
    const on = document.at(at);
    if (on !== undefined && on !== before) continue;
    const isLocal = /^(?:127\.|localhost:|\[::1\]:)/.test(String(document.at(["channels", channel, "listen"])));
    next = next.with(at, isLocal || inside === undefined ? null : inside);
  }
  return next;
}

/** Both channels by FTP too, read-only, each with passive ports of its own. */
export function withFtp(document: ConfigDocument): ConfigDocument {
  let next = document;
  for (const [index, channel] of CHANNELS.entries()) {
    if (document.at(["channels", channel, "ftp"]) !== undefined) continue;
    const listen = String(document.at(["channels", channel, "listen"]));
    const from = 50_000 + index * 64;
    const ftp = { listen: `${listen.slice(0, listen.lastIndexOf(":"))}:21`, passive: { from, to: from + 63 } };
    next = next.with(["channels", channel, "ftp"], ftp);
  }
  return next;
}
