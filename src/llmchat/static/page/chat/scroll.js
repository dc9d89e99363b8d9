/** Stays at the end while the text grows, until the reader scrolls up; back at the end, it stays again. */

import { byId, icon } from "../dom.js";
import { DOWN } from "./drawings.js";

const NEAR_PIXELS = 60;

export class Scroll {
  #scroller = byId("scroller", HTMLElement);
  #button = byId("newest", HTMLButtonElement);
  #isAtEnd = true;
  #top = 0;

  constructor() {
    const scroller = this.#scroller;
    scroller.addEventListener("scroll", () => this.#look(), { passive: true });
    this.#button.append(icon(DOWN));
    this.#button.onclick = () => {
      this.toEnd();
      scroller.focus({ preventScroll: true });
    };
    const sizes = new ResizeObserver(() => this.#follow());
    for (const element of [scroller, byId("messages", HTMLElement)]) sizes.observe(element);
  }

  get #below() {
    const { scrollHeight, clientHeight, scrollTop } = this.#scroller;
    return scrollHeight - clientHeight - scrollTop;
  }

  #look() {
    const below = this.#below;
    const top = this.#scroller.scrollTop;
    // Upwards is the reader, if only by a pixel; whatever else moves the text moves it downwards.
    if (top < this.#top) this.#isAtEnd = below < 1;
    else if (below < NEAR_PIXELS) this.#isAtEnd = true;
    this.#top = top;
    this.#offer();
  }

  #offer() {
    this.#button.hidden = this.#isAtEnd || this.#below < NEAR_PIXELS;
  }

  #follow() {
    if (this.#isAtEnd) {
      this.#scroller.scrollTop = this.#scroller.scrollHeight;
      this.#top = this.#scroller.scrollTop; // From here on, less than this is the reader.
    }
    this.#offer();
  }

  toEnd() {
    this.#isAtEnd = true;
    this.#follow();
  }

  /**
   * What is seen stays where it is, whatever is put above it.
   *
   * @param {() => void} change
   */
  keeping(change) {
    if (this.#isAtEnd) return change();
    const seen = [...byId("messages", HTMLElement).children].find(
      (child) => child.getBoundingClientRect().bottom > this.#scroller.getBoundingClientRect().top,
    );
    const before = seen?.getBoundingClientRect().top ?? 0;
    this.#scroller.style.overflowAnchor = "none"; // Or the browser would do the same once more.
    change();
    if (seen?.isConnected) this.#scroller.scrollTop += seen.getBoundingClientRect().top - before;
    this.#top = this.#scroller.scrollTop;
    requestAnimationFrame(() => (this.#scroller.style.overflowAnchor = ""));
  }
}
