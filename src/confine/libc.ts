import { constants } from "node:os";
import process from "node:process";

/** A word, or bytes whose address is handed over: they must live until the call returns. */
export type Argument = number | bigint | Uint8Array;

/** What the kernel answered: a value from 0 on, or the error's name where it has one here. */
export type Answer = { readonly value: number } | { readonly errno: string };

export interface Libc {
  /** A system call by its number, which differs from machine to machine (`syscalls.ts`). */
  syscall(number: number, ...args: readonly Argument[]): Answer;
  /** Where bytes lie, for a structure that points at them. They must be kept until the call with it returns. */
  readonly address: (bytes: Uint8Array) => bigint;
}

let loaded: Libc | null = null;

/** The C library of this process, through node:ffi. Not under `--permission`, which has no `--allow-ffi` here. */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

function load(): Libc {
  const ffi = quietly(() => process.getBuiltinModule("node:ffi"));
  const { lib, functions } = ffi.dlopen(null, {
    syscall: { arguments: ["int64", "uint64", "uint64", "uint64", "uint64", "uint64", "uint64"], return: "int64" },
  });
  const errnoPlace = lib.getFunction("__errno_location", { arguments: [], return: "pointer" });
  const word = (argument: Argument = 0): bigint => {
    // A negative number is a word with its high bits set, as AT_FDCWD is.
    if (typeof argument === "bigint" || typeof argument === "number") return BigInt.asUintN(64, BigInt(argument));
    return ffi.getRawPointer(argument);
  };
  return {
    address: (bytes) => ffi.getRawPointer(bytes),
    syscall: (number, ...args) => {
      const [a, b, c, d, e, f] = Array.from({ length: 6 }, (_, index) => word(args[index]));
      const value = functions.syscall(BigInt(number), a ?? 0n, b ?? 0n, c ?? 0n, d ?? 0n, e ?? 0n, f ?? 0n);
      // Nothing of ours runs in between that could fail and change it.
      return value === -1n ? { errno: nameOf(ffi.getInt32(errnoPlace())) } : { value: Number(value) };
    },
  };
}

/** The module says of itself that it is experimental, on the standard error that holds our events. */
function quietly<T>(work: () => T): T {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = () => undefined;
  try {
    return work();
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Two names stand for one number: the one that unix(7) and socket(7) use is kept. */
const NAMES = new Map<number, string>([
  ...Object.entries(constants.errno).map(([name, number]): [number, string] => [number, name]),
  [constants.errno.EAGAIN, "EAGAIN"],
]);

function nameOf(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}
