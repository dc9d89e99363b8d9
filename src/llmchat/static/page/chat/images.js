/** The images that go with the next message: by paste, by drop, or chosen. */

import { byId, element, icon } from "../dom.js";
import { IMAGE, REMOVE } from "./drawings.js";
import { notice } from "./notice.js";

const TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const MOST = 8;
const MOST_BYTES = 4_000_000;
const SMALL_BYTES = 1_000_000;
const MOST_PIXELS = 2048;

export class Images {
  #list = byId("attachments", HTMLElement);
  /** @type {string[]} */
  urls = [];
  #changed;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
    const files = byId("files", HTMLInputElement);
    const button = byId("attach", HTMLButtonElement);
    button.append(icon(IMAGE));
    button.onclick = () => files.click();
    files.onchange = () => {
      this.add([...(files.files ?? [])]);
      files.value = "";
    };
    this.#listenForDrops(byId("pane", HTMLElement));
  }

  /** @param {HTMLElement} pane */
  #listenForDrops(pane) {
    const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
    pane.addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      pane.classList.add("dropping");
    });
    pane.addEventListener("dragleave", () => pane.classList.remove("dropping"));
    pane.addEventListener("drop", (event) => {
      pane.classList.remove("dropping");
      if (!hasFiles(event)) return;
      event.preventDefault(); // Or the browser leaves for the file.
      this.add([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** @param {File[]} files */
  async add(files) {
    for (const file of files) {
      if (!TYPES.includes(file.type)) notice(`${file.name || "This"} is no PNG, JPEG, WebP or GIF image.`);
      else if (this.urls.length >= MOST) notice(`A message takes ${MOST} images.`);
      else await this.#addOne(file);
    }
    this.#show();
  }

  /** @param {File} file */
  async #addOne(file) {
    const small = await shrunk(file).catch(() => null);
    if (!small) return notice(`${file.name || "This image"} cannot be read.`);
    if (small.size > MOST_BYTES) return notice(`${file.name || "This image"} is too large.`);
    this.urls.push(await dataUrl(small));
  }

  /** Takes them out, for they are sent. */
  take() {
    const urls = this.urls;
    this.put([]);
    return urls;
  }

  /** @param {string[]} urls */
  put(urls) {
    this.urls = urls;
    this.#show();
  }

  #show() {
    this.#list.replaceChildren(...this.urls.map((url, place) => this.#preview(url, place)));
    this.#list.hidden = !this.urls.length;
    this.#changed();
  }

  /**
   * @param {string} url
   * @param {number} place
   */
  #preview(url, place) {
    const remove = element("button", { type: "button", ariaLabel: `Remove image ${place + 1}` }, icon(REMOVE));
    remove.onclick = () => {
      this.put(this.urls.filter((_, other) => other !== place));
      byId("question", HTMLTextAreaElement).focus();
    };
    return element("li", {}, element("img", { src: url, alt: `Image ${place + 1}` }), remove);
  }
}

/** No model looks at more pixels, and a photo of a phone would not fit. @param {File} file @returns {Promise<Blob>} */
async function shrunk(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, MOST_PIXELS / Math.max(bitmap.width, bitmap.height));
  if (file.type === "image/gif" || (scale === 1 && file.size <= SMALL_BYTES)) return file;
  const canvas = element("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const type = file.type === "image/jpeg" ? "image/jpeg" : "image/webp";
  /** @type {Blob | null} */
  const drawn = await new Promise((resolve) => canvas.toBlob(resolve, type, 0.88));
  return drawn && drawn.size < file.size ? drawn : file;
}

/** @param {Blob} blob @returns {Promise<string>} */
function dataUrl(blob) {
  const reader = new FileReader();
  return new Promise((resolve, reject) => {
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
