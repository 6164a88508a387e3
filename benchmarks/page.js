// What happens in the page: when keys go down, and when the picture's pixels have changed.
//
// A picture is an <img> or <canvas> in an output that is at least 300 pixels wide. An image counts once it is loaded and
// the next animation frame has come; a live picture's canvas at the first animation frame after it was painted; another
// canvas, sampled at every animation frame, once its pixels differ. Pictures equal to the one before do not count. Times are
// performance.now() in ms. Whoever measures must not be in the way: images are only put aside with their times, and
// compared when all is over, by `batchlabCollect`; bytes are counted where the page receives them.
(() => {
  const WIDE = 300;
  const record = { presses: [], frames: [], received: 0 };
  window.batchlabRecord = record;
  const scratch = document.createElement("canvas");
  const pen = scratch.getContext("2d", { willReadFrequently: true });
  let shown = null;

  const pixels = (source, width, height) => {
    scratch.width = width;
    scratch.height = height;
    pen.drawImage(source, 0, 0, width, height);
    const words = new Uint32Array(pen.getImageData(0, 0, width, height).data.buffer);
    let hash = 0x811c9dc5;
    for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i], 0x01000193);
    return hash;
  };

  // An image's address may be gone when the next one comes, its bytes are not.
  const blobs = new Map();
  const [create, revoke] = [URL.createObjectURL, URL.revokeObjectURL];
  URL.createObjectURL = (blob) => {
    const url = create.call(URL, blob);
    blobs.set(url, blob);
    return url;
  };
  URL.revokeObjectURL = (url) => {
    blobs.delete(url);
    revoke.call(URL, url);
  };

  const loaded = (image, blob) => {
    if (image.naturalWidth < WIDE || !image.closest(".jp-OutputArea")) return;
    requestAnimationFrame(() => record.frames.push({ time: performance.now(), blob, src: blob ? null : image.src }));
  };

  const watch = (image) => {
    if (!image.src) return;
    const blob = blobs.get(image.src);
    if (image.complete && image.naturalWidth) loaded(image, blob);
    else image.addEventListener("load", () => loaded(image, blob), { once: true });
  };

  const painted = ({ dataset }) => {
    const frame = { number: Number(dataset.frame), shows: JSON.parse(dataset.shows) };
    requestAnimationFrame(() => record.frames.push({ time: performance.now(), ...frame }));
  };

  const sampleCanvas = () => {
    const time = performance.now();
    const canvas = [...document.querySelectorAll(".jp-OutputArea canvas")].find((c) => c.width >= WIDE && c.offsetParent);
    if (canvas) {
      const hash = pixels(canvas, canvas.width, canvas.height);
      if (hash !== shown) record.frames.push({ time });
      shown = hash;
    }
    requestAnimationFrame(sampleCanvas);
  };

  // Presses and frames since the last call; an image whose pixels are those of the one before is no frame.
  window.batchlabCollect = async () => {
    const { presses, frames, received } = record;
    Object.assign(record, { presses: [], frames: [], received: 0 });
    const changed = [];
    for (const frame of frames) {
      const { time, blob, src } = frame;
      if (!blob && !src) {
        changed.push(frame);
        continue;
      }
      const content = blob ?? (await (await fetch(src)).blob());
      const bitmap = await createImageBitmap(content);
      const hash = pixels(bitmap, bitmap.width, bitmap.height);
      bitmap.close();
      if (hash === shown) continue;
      shown = hash;
      changed.push({ time, bytes: content.size });
    }
    return { presses, frames: changed, received };
  };

  window.WebSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      this.addEventListener("message", ({ data }) => (record.received += data.byteLength ?? data.length ?? data.size));
    }
  };

  window.addEventListener("keydown", () => record.presses.push(performance.now()), true);

  const start = () => {
    new MutationObserver((mutations) => {
      for (const mutation of mutations) {
        if (mutation.attributeName === "data-frame") painted(mutation.target);
        else if (mutation.type === "attributes") watch(mutation.target);
        for (const node of mutation.addedNodes) {
          if (node.tagName === "IMG") watch(node);
          else if (node.querySelectorAll) node.querySelectorAll("img").forEach(watch);
        }
      }
    }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["src", "data-frame"] });
    if (window.batchlabCanvas) sampleCanvas();
  };
  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start);

  window.batchlabFocus = (label) => {
    const shown = [...document.querySelectorAll(".batchlab label, .widget-label")].find(
      (element) => element.offsetParent && element.textContent.trim() === label,
    );
    const handle = shown && (shown.querySelector("input[type=range]") ?? shown.parentElement.querySelector(".noUi-handle"));
    if (handle) handle.focus();
    return Boolean(handle);
  };
})();
