import * as z from "zod";
import { channelName, liveupdateTrust } from "./source.ts";

/**
 * The host file: it tells a client where its mirror is, whom to believe, and which mirror is meant for which place. One
 * for each channel of a deployment: a staging machine differs from a production machine by its host file alone. It is
 * the model of the Host File Editor (name, address, type, login, subnet, mask, order), written as JSON.
 */
const minisignKey = z
  .string()
  .regex(/^RW[A-Za-z0-9+/]{54}$/, "a minisign public key is 56 characters that begin with RW");

const HOST_TYPES = ["http", "https", "ftp", "share"] as const;

const hostEntry = z
  .strictObject({
    name: z.string().min(1).max(128).describe("What people call this mirror."),
    type: z.enum(HOST_TYPES).describe("How it is reached."),
    address: z
      .string()
      .min(1)
      .max(2_048)
      .describe("The channel's address, up to and with its last slash: http://10.0.0.5:8082/ or, for a share, a path."),
    login: z.string().min(1).max(255).optional().describe("Only where the mirror asks for one."),
    passwordFile: z.string().max(4_096).optional().describe("A file on the client that holds the password."),
    subnet: z
      .string()
      .max(64)
      .optional()
      .describe(
        "Clients inside this network prefer this mirror: 10.1.0.0 with a mask, or 10.1.0.0/16, or an IPv6 prefix.",
      ),
    mask: z.string().max(64).optional().describe("Of the subnet, where it does not carry its length."),
    order: z
      .int()
      .min(0)
      .max(10_000)
      .default(100)
      .describe("Among mirrors that fit equally the lowest is asked first."),
  })
  .describe("One mirror.");

export const hostFile = z
  .strictObject({
    format: z.literal("ringfort-host-file-1"),
    deployment: z.string().min(1).max(128).describe("Whose file this is."),
    channel: channelName.describe("The channel that every mirror in it serves."),
    hosts: z.array(hostEntry).max(256).describe("The mirrors."),
    trust: z
      .strictObject({
        liveupdate: liveupdateTrust.optional().describe("Whom to believe for LiveUpdate content."),
        minisign: z.array(minisignKey).max(16).default([]).describe("Keys for directory content that we publish."),
        recall: z.array(minisignKey).max(16).default([]).describe("Keys that may take a client back."),
      })
      .prefault({})
      .describe("Whom its clients believe, and nobody else."),
  })
  .describe("A Ringfort host file.");

export type HostEntry = z.infer<typeof hostEntry>;
export type HostFile = z.infer<typeof hostFile>;
