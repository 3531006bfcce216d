// Differences between two texts, word by word.

const MOST_WORDS = 1500;

/** [kind, text] pieces: "same", "ins" or "del"; null if the texts are too long to compare. */
export function diff(from, to) {
  const a = from.match(/\s+|[^\s\w]|\w+/gu) ?? [];
  const b = to.match(/\s+|[^\s\w]|\w+/gu) ?? [];
  if (a.length > MOST_WORDS || b.length > MOST_WORDS) return null;
  const width = b.length + 1;
  const best = new Uint16Array((a.length + 1) * width); // longest common part of what follows i and j
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
  return pieces;
}
