import process from "node:process";
import { libc } from "./libc.ts";

/** adjtimex(2), by machine. Without modes it only reads, which everybody may. */
const ADJTIMEX: Readonly<Record<string, number>> = { x64: 159, arm64: 171 };
/** struct timex of 64-bit machines: 208 bytes, the status word at 40; STA_UNSYNC (linux/timex.h). */
const TIMEX_BYTES = 208;
const STATUS_AT = 40;
const UNSYNCHRONIZED = 0x40;

/** Whether the kernel says that somebody keeps the clock; `null` where it cannot be asked. */
export function isClockKept(): boolean | null {
  const number = process.platform === "linux" ? ADJTIMEX[process.arch] : undefined;
  if (number === undefined) return null;
  const state = Buffer.alloc(TIMEX_BYTES);
  const answer = libc().syscall(number, state);
  return "errno" in answer ? null : (state.readInt32LE(STATUS_AT) & UNSYNCHRONIZED) === 0;
}
