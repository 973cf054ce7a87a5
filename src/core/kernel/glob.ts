/**
 * Whether a path matches a pattern of a selection. `*` stands for any run of characters within a segment, `?` for one
 * character within a segment, `**` for any run across segments. A segment that is only `**` may also be absent: with it
 * in front, `x` is found at any depth, the top included. All else stands for itself.
 *
 * All alternatives are followed at once, one character of the path at a time: the time is at most the product of both
 * lengths, whatever the pattern. A backtracking matcher would hand a vendor, who chooses the paths, the processor.
 */
export function matchesGlob(pattern: string, path: string): boolean {
  if (pattern === "**") return true;
  const tokens = tokenize(pattern);
  let active = new Uint8Array(tokens.length + 1);
  active[0] = 1;
  openBehind(tokens, active);
  for (const character of path) {
    const next = new Uint8Array(tokens.length + 1);
    let alive = false;
    for (let at = 0; at < tokens.length; at += 1) {
      const token = tokens[at];
      if (active[at] !== 1 || token === undefined) continue;
      const step = advance(token, character);
      if (step === null) continue;
      next[at + step] = 1;
      alive = true;
    }
    if (!alive) return false;
    openBehind(tokens, next);
    active = next;
  }
  return active[tokens.length] === 1;
}

type Token =
  | { readonly kind: "literal"; readonly character: string }
  | { readonly kind: "one" | "segment-run" | "run" }
  /** A `**` that is a whole segment, its slash included: at the start of a segment, and inside one. */
  | { readonly kind: "folders" | "in-folder" };

function tokenize(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  const characters = Array.from(pattern);
  for (let at = 0; at < characters.length; at += 1) {
    const character = characters[at] ?? "";
    if (character === "?") tokens.push({ kind: "one" });
    else if (character !== "*") tokens.push({ kind: "literal", character });
    else if (characters[at + 1] !== "*") tokens.push({ kind: "segment-run" });
    else {
      const begins = at === 0 || characters[at - 1] === "/";
      while (characters[at + 1] === "*") at += 1;
      if (begins && characters[at + 1] === "/") {
        tokens.push({ kind: "folders" }, { kind: "in-folder" });
        at += 1;
      } else tokens.push({ kind: "run" });
    }
  }
  return tokens;
}

/** How many places the token moves on when it takes the character; `null` when it does not take it. */
function advance(token: Token, character: string): number | null {
  if (token.kind === "literal") return token.character === character ? 1 : null;
  if (token.kind === "run") return 0;
  const slash = character === "/";
  if (token.kind === "folders") return slash ? 0 : 1;
  if (token.kind === "in-folder") return slash ? -1 : 0;
  return slash ? null : token.kind === "one" ? 1 : 0;
}

/** Opens, from every active place, the places behind what may also match nothing. */
function openBehind(tokens: readonly Token[], active: Uint8Array): void {
  for (let at = 0; at < tokens.length; at += 1) {
    if (active[at] !== 1) continue;
    const kind = tokens[at]?.kind;
    if (kind === "run" || kind === "segment-run") active[at + 1] = 1;
    else if (kind === "folders") active[at + 2] = 1;
  }
}
