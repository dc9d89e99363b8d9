/** The arithmetic of plots: axes with round numbers, and where on them something lies. Knows no elements. */

/**
 * An axis from 0 that holds `most`, with about so many steps of 1, 2, 2.5 or 5 times a power of ten.
 *
 * @param {number} most
 * @param {{ steps?: number, least?: number }} [options] `least`: no step is smaller.
 * @returns {{ top: number, ticks: number[] }}
 */
export function axis(most, { steps = 4, least = 0 } = {}) {
  const step = Math.max(niceStep((most > 0 ? most : 1) / steps), least);
  const count = Math.max(1, Math.ceil((most > 0 ? most : 1) / step - 1e-9));
  // By multiplication: sums of tenths drift.
  const ticks = Array.from({ length: count + 1 }, (_, index) => clean(index * step));
  return { top: ticks[count], ticks };
}

/** @param {number} raw */
function niceStep(raw) {
  const power = 10 ** Math.floor(Math.log10(raw));
  const fits = [1, 2, 2.5, 5, 10].find((one) => one * power >= raw * (1 - 1e-9)) ?? 10;
  return clean(fits * power);
}

/** Without the dust of binary fractions. @param {number} number */
const clean = (number) => Number(number.toPrecision(12));

/**
 * From numbers to pixels.
 *
 * @param {[number, number]} from
 * @param {[number, number]} to
 */
export function linear([low, high], [start, end]) {
  const ratio = high === low ? 0 : (end - start) / (high - low);
  return (/** @type {number} */ value) => start + (value - low) * ratio;
}

/**
 * Where each of `count` bars lies, in whole pixels of their middle where there is room for it.
 *
 * @param {number} count
 * @param {[number, number]} to
 * @returns {{ width: number, left: (index: number) => number, at: (pixel: number) => number }}
 */
export function bands(count, [start, end]) {
  const each = (end - start) / Math.max(1, count);
  const width = Math.max(1, Math.min(48, each * (each < 6 ? 0.8 : 0.72)));
  return {
    width,
    left: (index) => start + index * each + (each - width) / 2,
    at: (pixel) => Math.min(count - 1, Math.max(0, Math.floor((pixel - start) / each))),
  };
}

/**
 * Every how many bars have a label, so that none lies on another.
 *
 * @param {number} count
 * @param {number} room Pixels for all.
 * @param {number} each Pixels that one takes.
 */
export function every(count, room, each) {
  return Math.max(1, Math.ceil((count * each) / Math.max(1, room)));
}
