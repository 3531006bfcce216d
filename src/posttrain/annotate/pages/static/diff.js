// The differences between two texts, by words.

const MOST_WORDS = 1500;

/** Words, spaces and punctuation; in scripts without spaces, single characters. */
const PARTS = /\s+|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|[\p{L}\p{M}\p{N}_]+|./gsu;
const parts = (text) => text.match(PARTS) ?? [];
const words = (text) => parts(text).filter((part) => /[\p{L}\p{N}]/u.test(part)).length;

/** [kind, text] pieces: "same", "ins" or "del"; null if the texts are too long to compare. */
export function diff(from, to) {
  const [a, b] = [parts(from), parts(to)];
  if (a.length > MOST_WORDS || b.length > MOST_WORDS) return null;
  const width = b.length + 1;
  const best = new Uint16Array((a.length + 1) * width); // length of the longest common subsequence of a[i..] and b[j..]
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      best[i * width + j] =
        a[i] === b[j] ? best[(i + 1) * width + j + 1] + 1 : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
    }
  }
  const pieces = [];
  const add = (kind, text) => {
    if (pieces.at(-1)?.[0] === kind) pieces.at(-1)[1] += text;
    else pieces.push([kind, text]);
  };
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      add("same", a[i]);
      i += 1;
      j += 1;
    } else if (j < b.length && (i === a.length || best[i * width + j + 1] >= best[(i + 1) * width + j])) {
      add("ins", b[j]);
      j += 1;
    } else {
      add("del", a[i]);
      i += 1;
    }
  }
  return fold(pieces);
}

/** Merge neighbouring changes into one deletion and one insertion, which are easier to read than single words. A common
 * part between two changes is kept only if it has two words or more. */
function fold(pieces) {
  const merged = [];
  let dropped = "";
  let added = "";
  const end = () => {
    if (dropped) merged.push(["del", dropped]);
    if (added) merged.push(["ins", added]);
    dropped = "";
    added = "";
  };
  pieces.forEach(([kind, text], at) => {
    const inside = at > 0 && at < pieces.length - 1;
    if (kind === "same" && inside && words(text) < 2) {
      dropped += text;
      added += text;
    } else if (kind === "same") {
      end();
      merged.push([kind, text]);
    } else if (kind === "del") dropped += text;
    else added += text;
  });
  end();
  return merged;
}
