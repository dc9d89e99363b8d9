/** What has changed between two texts, in words. Knows no elements. */

/** @typedef {{ kind: "same" | "added" | "removed", text: string }} Piece */

/** The table that is filled has no more cells than so many. */
const MOST_CELLS = 4_000_000;

/**
 * Pieces that are, without those that were added, the text before; and without those that were removed the
 * text after. By words where that is possible, in long texts by lines.
 *
 * @param {string} before
 * @param {string} after
 * @returns {Piece[]}
 */
export function diff(before, after) {
  for (const unit of [/(\s+|[^\p{L}\p{N}\s]+)/u, /(\n)/]) {
    const one = split(before, unit), other = split(after, unit);
    const start = sameAtStart(one, other);
    const end = sameAtEnd(one, other, start);
    const [left, right] = [one.slice(start, one.length - end), other.slice(start, other.length - end)];
    if ((left.length + 1) * (right.length + 1) > MOST_CELLS) continue;
    return joined([
      { kind: "same", text: one.slice(0, start).join("") },
      ...compared(left, right),
      { kind: "same", text: one.slice(one.length - end).join("") },
    ]);
  }
  return joined([{ kind: "removed", text: before }, { kind: "added", text: after }]);
}

/** @param {string} text @param {RegExp} unit */
const split = (text, unit) => text.split(unit).filter((word) => word !== "");

/** @param {string[]} one @param {string[]} other */
function sameAtStart(one, other) {
  const most = Math.min(one.length, other.length);
  let same = 0;
  while (same < most && one[same] === other[same]) same += 1;
  return same;
}

/** @param {string[]} one @param {string[]} other @param {number} start */
function sameAtEnd(one, other, start) {
  const most = Math.min(one.length, other.length) - start;
  let same = 0;
  while (same < most && one[one.length - 1 - same] === other[other.length - 1 - same]) same += 1;
  return same;
}

/**
 * By the longest common subsequence: https://en.wikipedia.org/wiki/Longest_common_subsequence
 *
 * @param {string[]} one
 * @param {string[]} other
 * @returns {Piece[]}
 */
function compared(one, other) {
  const width = other.length + 1;
  // No common subsequence is longer than the shorter text, which is far below 65,536 words here.
  const longest = new Uint16Array((one.length + 1) * width);
  for (let i = one.length - 1; i >= 0; i -= 1) {
    for (let j = other.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] = one[i] === other[j]
        ? longest[(i + 1) * width + j + 1] + 1
        : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  /** @type {Piece[]} */
  const pieces = [];
  let i = 0, j = 0;
  while (i < one.length || j < other.length) {
    if (i < one.length && j < other.length && one[i] === other[j]) { pieces.push({ kind: "same", text: one[i] }); i += 1; j += 1; }
    else if (j >= other.length || (i < one.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) { pieces.push({ kind: "removed", text: one[i] }); i += 1; }
    else { pieces.push({ kind: "added", text: other[j] }); j += 1; }
  }
  return pieces;
}

/**
 * Neighbours of a kind as one; in a change, what was removed comes first.
 *
 * @param {Piece[]} pieces
 */
function joined(pieces) {
  /** @type {Piece[]} */
  const found = [];
  let change = { removed: "", added: "" };
  const flush = () => {
    for (const kind of /** @type {const} */ (["removed", "added"])) if (change[kind]) found.push({ kind, text: change[kind] });
    change = { removed: "", added: "" };
  };
  for (const { kind, text } of pieces) {
    if (!text) continue;
    if (kind !== "same") { change[kind] += text; continue; }
    flush();
    const last = found.at(-1);
    if (last?.kind === "same") last.text += text;
    else found.push({ kind, text });
  }
  flush();
  return found;
}
