import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { errnoOf, onDisk } from "../core/kernel/disk.ts";
import { Failure } from "../core/kernel/errors.ts";
import { channelName } from "../core/model/source.ts";
import type { Identity } from "../formats/liveupdate/names.ts";
import { replaceFile } from "./durable.ts";

const sequence = z.int().nonnegative();

const productState = z.strictObject({
  /** For people who read the file: "product version language". */
  name: z.string().max(512),
  /** What is installed as far as the agent knows, and what was before it. */
  sequence: sequence.nullable().default(null),
  previous: sequence.nullable().default(null),
  /** The highest sequence that was ever installed, lowered by a signed recall alone. */
  floor: sequence.default(0),
  /** What recalls have taken back. */
  barred: z
    .array(z.strictObject({ from: sequence, until: sequence }))
    .max(10_000)
    .default([]),
  /** A recall that has been believed but not yet been carried out. */
  owed: z.strictObject({ serial: z.int().positive(), to: sequence }).nullable().default(null),
  /** The highest serial that was obeyed of each channel's recalls. */
  obeyed: z.record(channelName, z.int().nonnegative()).default({}),
});

const agentState = z.strictObject({
  format: z.literal("ringfort-agent-state-1"),
  /** A random name of this client for its reports: it says nothing of the machine. */
  client: z.string().regex(/^[0-9a-f]{16}$/),
  /** When the newest recall list was issued that was seen of each channel. */
  recallsIssuedAt: z.record(channelName, z.int().nonnegative()).default({}),
  products: z.record(z.string().regex(/^[0-9a-f]{16}$/), productState).default({}),
});

export type ProductState = z.infer<typeof productState>;
type AgentState = z.infer<typeof agentState>;

/** A product's name in the state folder, whatever characters its own name has. */
export function productKey(id: Identity): string {
  const text = JSON.stringify([id.product, id.version, id.language].map((part) => part.toLowerCase()));
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** What a client that has just been set up knows. */
export function newProductState(id: Identity): ProductState {
  return productState.parse({ name: `${id.product} ${id.version} ${id.language}` });
}

/** The agent's memory: held whole, written whole and durably at every change. */
export interface StateStore {
  readonly state: AgentState;
  save(next: AgentState): Promise<void>;
  product(id: Identity): ProductState;
  saveProduct(id: Identity, change: Partial<ProductState>): Promise<ProductState>;
}

/**
 * Opens the memory in `folder`, making it when there is none; the lock on the folder is the caller's. A damaged one is not replaced: what the agent promised
 * never to install again stands in it. `readOnly` changes what is held and no file. Throws `Failure` `store.*`.
 */
export async function openState(folder: string, newClient: () => string, readOnly: boolean): Promise<StateStore> {
  const file = path.join(folder, "state.json");
  let state = await readState(file);
  const save = async (next: AgentState): Promise<void> => {
    const text = `${JSON.stringify(agentState.parse(next), null, 1)}\n`;
    if (!readOnly) await onDisk("writing the state", () => replaceFile(file, text));
    state = next;
  };
  if (state === null) {
    state = agentState.parse({ format: "ringfort-agent-state-1", client: newClient() });
    await save(state);
  }
  const held = (): AgentState => state as AgentState;
  const product = (id: Identity): ProductState => held().products[productKey(id)] ?? newProductState(id);
  return {
    get state() {
      return held();
    },
    save,
    product,
    saveProduct: async (id, change) => {
      const next = { ...product(id), ...change };
      await save({ ...held(), products: { ...held().products, [productKey(id)]: next } });
      return next;
    },
  };
}

async function readState(file: string): Promise<AgentState | null> {
  const text = await onDisk("reading the state", async () => {
    try {
      return await readFile(file, "utf8");
    } catch (cause) {
      if (errnoOf(cause) === "ENOENT") return null;
      throw cause;
    }
  });
  if (text === null) return null;
  try {
    return agentState.parse(JSON.parse(text));
  } catch (cause) {
    throw new Failure(
      "store.damaged",
      `${file} is no state of this agent: bring it back from a backup; without it the agent forgets what was recalled`,
      { cause },
    );
  }
}
