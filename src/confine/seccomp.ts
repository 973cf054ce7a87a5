/**
 * A seccomp filter as classic BPF, assembled here: struct sock_filter of linux/filter.h, over struct seccomp_data of
 * linux/seccomp.h. What no rule names is refused with an error, which a program can live with; the kernel's answer to a
 * call is decided by numbers alone, for memory that a filter cannot read could be changed behind its back.
 */

/** A 64-bit argument of a call, by its place, and what must hold for it. */
export type Check =
  /** Its low half is one of these, and its high half zero. */
  | { readonly arg: number; readonly isOneOf: readonly number[] }
  /** Its low half, under the mask, is the value. */
  | { readonly arg: number; readonly mask: number; readonly is: number }
  | { readonly arg: number; readonly isWord: bigint };

export interface CallRule {
  readonly call: number;
  /** Allowed when all checks of one of these hold; none: always. */
  readonly when: readonly (readonly Check[])[];
}

export interface FilterPlan {
  /** AUDIT_ARCH_*: the numbers of another machine's calls mean other calls. */
  readonly arch: number;
  readonly rules: readonly CallRule[];
  /** Calls that are answered "not implemented", so that a library takes an older one whose arguments can be checked. */
  readonly unimplemented: readonly number[];
  /** What is answered as done, and is not done: for a caller that gives up over a refusal that it could live with. */
  readonly ignored: readonly CallRule[];
  /** Numbers from this one on are another way to call (x32), and refused. */
  readonly below: number;
}

/** struct sock_filter. */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

const LOAD_WORD = 0x20;
const AND = 0x54;
const JUMP = 0x05;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const RETURN = 0x06;

const ALLOW = 0x7fff_0000;
const KILL_PROCESS = 0x8000_0000;
const ERRNO = 0x0005_0000;
const EPERM = 1;
const ENOSYS = 38;

const NUMBER_AT = 0;
const ARCH_AT = 4;
const ARGS_AT = 16;

export const load = (k: number): Instruction => ({ code: LOAD_WORD, jt: 0, jf: 0, k });
export const give = (k: number): Instruction => ({ code: RETURN, jt: 0, jf: 0, k });
/** Goes on where equal, else skips so many. */
export const skipUnless = (k: number, skip: number): Instruction => ({ code: JUMP_EQUAL, jt: 0, jf: skip, k });

/** What the kernel takes: 8 bytes an instruction, little-endian. */
export function assemble(plan: FilterPlan): Uint8Array {
  const program: Instruction[] = [
    load(ARCH_AT),
    skipUnless(plan.arch, 1),
    { code: JUMP, jt: 0, jf: 0, k: 1 },
    give(KILL_PROCESS),
    load(NUMBER_AT),
    { code: JUMP_AT_LEAST, jt: 0, jf: 1, k: plan.below },
    give(ERRNO | EPERM),
    // Before what is always allowed: some of it is not, on one descriptor.
    ...plan.ignored.flatMap(({ call, when }) => tried(call, when, ERRNO)),
    ...plan.rules.filter(({ when }) => when.length === 0).flatMap(({ call }) => [skipUnless(call, 1), give(ALLOW)]),
    ...plan.unimplemented.flatMap((call) => [skipUnless(call, 1), give(ERRNO | ENOSYS)]),
    ...plan.rules.filter(({ when }) => when.length > 0).flatMap(checked),
    give(ERRNO | EPERM),
  ];
  return encode(program);
}

/** One call with checks: each alternative returns or falls through to the next; behind the last it is refused. */
function checked({ call, when }: CallRule): readonly Instruction[] {
  const body = [...when.flatMap((checks) => alternative(checks, ALLOW)), give(ERRNO | EPERM)];
  if (body.length > 255) throw new Error(`the checks of call ${call} are too many for one jump`);
  return [skipUnless(call, body.length), ...body];
}

/** One call with checks that has an answer of its own where they hold; else the next rules decide. */
function tried(call: number, when: CallRule["when"], answer: number): readonly Instruction[] {
  // What the checks load takes the call's number away.
  const body = [...when.flatMap((checks) => alternative(checks, answer)), load(NUMBER_AT)];
  return [skipUnless(call, body.length), ...body];
}

function alternative(checks: readonly Check[], answer: number): readonly Instruction[] {
  // Built from behind: a check that fails jumps over all that is left of its alternative.
  let rest: readonly Instruction[] = [give(answer)];
  for (const check of checks.toReversed()) rest = [...tested(check, rest.length), ...rest];
  return rest;
}

function tested(check: Check, left: number): readonly Instruction[] {
  const low = ARGS_AT + 8 * check.arg;
  if ("isWord" in check) {
    const [lowHalf, highHalf] = [Number(check.isWord & 0xffff_ffffn), Number(check.isWord >> 32n)];
    return [load(low), skipUnless(lowHalf, left + 2), load(low + 4), skipUnless(highHalf, left)];
  }
  if ("mask" in check)
    return [load(low), { code: AND, jt: 0, jf: 0, k: check.mask >>> 0 }, skipUnless(check.is >>> 0, left)];
  const { isOneOf } = check;
  const choices = isOneOf.map((value, index): Instruction => {
    const last = index === isOneOf.length - 1;
    return { code: JUMP_EQUAL, jt: isOneOf.length - 1 - index, jf: last ? left : 0, k: value >>> 0 };
  });
  return [load(low + 4), skipUnless(0, choices.length + 1 + left), load(low), ...choices];
}

/** What the kernel takes: 8 bytes an instruction, little-endian. */
export function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = Buffer.alloc(8 * program.length);
  for (const [index, { code, jt, jf, k }] of program.entries()) {
    if (jt > 255 || jf > 255) throw new Error("a jump of the filter is too long");
    bytes.writeUInt16LE(code, 8 * index);
    bytes.writeUInt8(jt, 8 * index + 2);
    bytes.writeUInt8(jf, 8 * index + 3);
    bytes.writeUInt32LE(k, 8 * index + 4);
  }
  return bytes;
}

/** What the kernel would answer: for tests, which run the program as the kernel does. */
export function decide(
  program: Uint8Array,
  call: { readonly arch: number; readonly number: number; readonly args?: readonly bigint[] },
): "allow" | "kill" | "ignore" | "EPERM" | "ENOSYS" {
  const code = Buffer.from(program.buffer, program.byteOffset, program.byteLength);
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number, NUMBER_AT);
  data.writeUInt32LE(call.arch, ARCH_AT);
  for (const [index, arg] of (call.args ?? []).entries())
    data.writeBigUInt64LE(BigInt.asUintN(64, arg), ARGS_AT + 8 * index);
  let accumulator = 0;
  for (let at = 0; ; at += 1) {
    const operation = code.readUInt16LE(8 * at);
    const [jt, jf, k] = [code.readUInt8(8 * at + 2), code.readUInt8(8 * at + 3), code.readUInt32LE(8 * at + 4)];
    if (operation === LOAD_WORD) accumulator = data.readUInt32LE(k);
    else if (operation === AND) accumulator = (accumulator & k) >>> 0;
    else if (operation === JUMP) at += k;
    else if (operation === JUMP_EQUAL) at += accumulator === k ? jt : jf;
    else if (operation === JUMP_AT_LEAST) at += accumulator >= k ? jt : jf;
    else if (k === ALLOW) return "allow";
    else if (k === KILL_PROCESS) return "kill";
    else if (k === ERRNO) return "ignore";
    else return k === (ERRNO | ENOSYS) ? "ENOSYS" : "EPERM";
  }
}
