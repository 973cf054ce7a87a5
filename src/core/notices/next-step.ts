import type { EventRecord } from "../ports.ts";

type Fields = EventRecord["fields"];

/** What to do when an event has no code of its own to tell it by. */
const STEPS: Readonly<Record<string, (fields: Fields) => string>> = {
  "revision.sealed": ({ source, revision }) =>
    `ringfort diff ${said(source)} --to ${said(revision)} shows what is new; ringfort promote ${said(source)} releases it when staging is well`,
  "channel.moved": ({ source }) => `nothing; ringfort log --moves --source ${said(source)} shows what came before`,
  "worker.died": () => "nothing, it is started again by itself; if it goes on, look into the daemon's log",
  "channel.down": ({ channel }) =>
    `look whether something else listens on the address of ${said(channel)}; it is tried again by itself`,
  "blob.damaged": () => "ringfort store check --repair fetches it again; look at the disk",
  "blob.missing": () => "ringfort store check --repair fetches it again; look at the disk",
  "blob.withdrawn": () => "ringfort store check --repair fetches it again; look at the disk",
  "daemon.stopped": () => "nothing, if somebody stopped it; else look into the system's log",
  "audit-log.signed": () => "keep the note where the log is not",
};

/** The next thing to do about an event; `advice` knows what to do about a code. */
export function nextStep({ name, fields }: EventRecord, advice: (code: string) => string): string {
  const { code } = fields;
  if (typeof code === "string" && code !== "") return advice(code);
  return STEPS[name]?.(fields) ?? "nothing; ringfort status shows how things stand";
}

function said(value: Fields[string] | undefined): string {
  return String(value ?? "?");
}
