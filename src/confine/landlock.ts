import type { KernelPolicy } from "./policy.ts";

/** Of include/uapi/linux/landlock.h: what a ruleset takes charge of, and so refuses unless a rule allows it. */
const EXECUTE = 1n << 0n;
const WRITE_FILE = 1n << 1n;
const READ_FILE = 1n << 2n;
const READ_DIR = 1n << 3n;
const REMOVE_FILE = 1n << 5n;
const MAKE_CHAR = 1n << 6n;
const MAKE_BLOCK = 1n << 11n;
const MAKE_DIR = 1n << 7n;
const MAKE_REG = 1n << 8n;
const TRUNCATE = 1n << 14n;

export const BIND_TCP = 1n << 0n;
export const CONNECT_TCP = 1n << 1n;
const ABSTRACT_UNIX_SOCKET = 1n << 0n;
const SIGNAL = 1n << 1n;

/**
 * The least version of the interface that is used, that of Linux 5.19: below it no file may be moved from folder to folder. It knows no
 * TRUNCATE, which is of version 3; there the filter alone keeps files from being cut short (`call-rules.ts`).
 */
export const LEAST_ABI = 2;
/** From this version on, that of Linux 6.12, a process under it can be kept from signalling others. */
export const SIGNALS_ABI = 6;

/** Every right over files that a kernel of this version knows: it takes no rule that names another. */
function fileRights(abi: number): bigint {
  return (1n << BigInt(abi >= 5 ? 16 : abi >= 3 ? 15 : 14)) - 1n;
}

/** struct landlock_ruleset_attr for a kernel of this version: everything that it can refuse is refused. */
export function rulesetOf(abi: number, sockets: KernelPolicy["sockets"]): Uint8Array {
  const both = BIND_TCP | CONNECT_TCP;
  const network = { none: both, accept: both, connect: BIND_TCP, "call-back": 0n, any: 0n };
  return rulesetWith(abi, network[sockets]);
}

/** The same with these rights over TCP taken charge of. */
export function rulesetWith(abi: number, network: bigint): Uint8Array {
  const scopes = abi >= SIGNALS_ABI ? [ABSTRACT_UNIX_SOCKET | SIGNAL] : [];
  const words = [fileRights(abi), ...(abi >= 4 ? [network] : []), ...scopes];
  const bytes = Buffer.alloc(8 * words.length);
  for (const [index, word] of words.entries()) bytes.writeBigUInt64LE(word, 8 * index);
  return bytes;
}

export type PathUse = "read" | "write" | "execute" | "all";

/** What a path is allowed to be used for; a file takes only what there is for files. */
function rightsOf(use: PathUse, isFolder: boolean): bigint {
  const read = isFolder ? READ_FILE | READ_DIR : READ_FILE;
  if (use === "execute") return read | EXECUTE;
  if (use === "read") return read;
  // Everything but devices: for a program of somebody else, in folders of its own.
  if (use === "all")
    return isFolder ? ((1n << 15n) - 1n) & ~(EXECUTE | MAKE_CHAR | MAKE_BLOCK) : read | WRITE_FILE | TRUNCATE;
  return read | WRITE_FILE | TRUNCATE | (isFolder ? MAKE_REG | MAKE_DIR | REMOVE_FILE : 0n);
}

/** struct landlock_path_beneath_attr, which is packed, for a kernel of this version. */
export function pathRule(abi: number, use: PathUse, isFolder: boolean, fd: number): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64LE(rightsOf(use, isFolder) & fileRights(abi), 0);
  bytes.writeInt32LE(fd, 8);
  return bytes;
}

/** struct landlock_net_port_attr: what one TCP port may be used for. */
export function portRule(use: bigint, port: number): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(use, 0);
  bytes.writeBigUInt64LE(BigInt(port), 8);
  return bytes;
}
