import * as z from "zod";
import { channelName, sourceName } from "../core/model/source.ts";
import { bytes, instant } from "./measures.ts";

/** Clients of one answer; who wants more asks for the next page. */
export const MOST_CLIENTS_AT_ONCE = 5_000;

/** Which clients the servers have seen, and what each holds. */
export const clientsRequest = z.strictObject({
  verb: z.literal("clients"),
  source: sourceName.nullable(),
  channel: channelName.nullable(),
  revision: z.int().positive().nullable(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  after: z.string().max(64).nullable(),
  limit: z.int().min(1).max(MOST_CLIENTS_AT_ONCE),
});

export const sightedClient = z.strictObject({
  client: z.string().describe("its address, or the name in its certificate"),
  agent: z.string().describe("what it calls itself"),
  channel: z.string(),
  source: z.string(),
  firstSeen: instant,
  lastSeen: instant,
  visits: z.int().describe("requests with less than a minute between them are one visit"),
  revision: z.int().nullable().describe("the last of which it got a file whole, or learnt that its copy is unchanged"),
  revisionSince: instant.nullable(),
  taken: z
    .strictObject({
      firstAt: instant,
      wholeAt: instant.nullable().describe("when it first got a file whole; null: only parts"),
      lastAt: instant,
      files: z.int().describe("got whole, each time counted"),
      bytes: bytes.describe("sent for it"),
      returns: z.int().describe("visits since"),
    })
    .nullable()
    .describe("of the revision or digest that was asked about"),
});

const spread = z.strictObject({
  channel: z.string(),
  clients: z.int().describe("seen in the channel for this source"),
  took: z.int().describe("got a file of the revision whole"),
  left: z.int().describe("of these: hold another revision since (recovered, of a bad one)"),
  holding: z.int().describe("hold it now"),
});

export const clientsResult = z.strictObject({
  clients: z.array(sightedClient),
  next: z.string().nullable().describe("for the next page; null: there is none"),
  spread: z.array(spread).describe("of the source's revision that was asked about; else empty"),
});
