/**
 * Compares two versions of Debian packages (Debian Policy 5.6.12): below 0, 0 or above, as the first is older, the same or
 * newer. A tilde sorts before everything, also before the end; letters before the rest.
 */
export function compareDebianVersions(one: string, two: string): number {
  const [a, b] = [partsOf(one), partsOf(two)];
  return a.epoch - b.epoch || compareParts(a.upstream, b.upstream) || compareParts(a.revision, b.revision);
}

function partsOf(version: string): { readonly epoch: number; readonly upstream: string; readonly revision: string } {
  const colon = version.indexOf(":");
  const epoch = colon === -1 ? 0 : Number(version.slice(0, colon));
  const rest = version.slice(colon + 1);
  const hyphen = rest.lastIndexOf("-");
  return {
    epoch: Number.isFinite(epoch) ? epoch : 0,
    upstream: hyphen === -1 ? rest : rest.slice(0, hyphen),
    // Without a revision it is as if it were "0".
    revision: hyphen === -1 ? "" : rest.slice(hyphen + 1),
  };
}

function compareParts(one: string, two: string): number {
  let [a, b] = [one, two];
  while (a !== "" || b !== "") {
    const [wordA = "", wordB = ""] = [/^\D*/.exec(a)?.[0], /^\D*/.exec(b)?.[0]];
    const words = compareWords(wordA, wordB);
    if (words !== 0) return words;
    [a, b] = [a.slice(wordA.length), b.slice(wordB.length)];
    const [numberA = "", numberB = ""] = [/^\d*/.exec(a)?.[0], /^\d*/.exec(b)?.[0]];
    const numbers = compareNumbers(numberA, numberB);
    if (numbers !== 0) return numbers;
    [a, b] = [a.slice(numberA.length), b.slice(numberB.length)];
  }
  return 0;
}

/** Numbers of any length: a date with a time in it is past what a double holds. */
function compareNumbers(one: string, two: string): number {
  const [a, b] = [one.replace(/^0+/, ""), two.replace(/^0+/, "")];
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareWords(one: string, two: string): number {
  for (let at = 0; at < Math.max(one.length, two.length); at += 1) {
    const difference = orderOf(one[at]) - orderOf(two[at]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function orderOf(sign: string | undefined): number {
  if (sign === "~") return -1;
  if (sign === undefined) return 0;
  const code = sign.charCodeAt(0);
  return /[A-Za-z]/.test(sign) ? code : code + 256;
}
