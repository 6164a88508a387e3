// What happens in the page: when keys go down, and when the picture's pixels have changed.
//
// A picture is an <img> or <canvas> in an output that is at least 300 pixels wide. An image counts once it is loaded and
// the next animation frame has come; a canvas, sampled at every animation frame, once its pixels differ. Times are
// performance.now() in ms. The pixels are compared only after the time is taken.
(() => {
  const WIDE = 300;
  const record = { presses: [], frames: [], wire: 0 };
  window.batchlabRecord = record;
  const scratch = document.createElement("canvas");
  const pen = scratch.getContext("2d", { willReadFrequently: true });
  let shown = null;

  const pixels = (source, width, height) => {
    scratch.width = width;
    scratch.height = height;
    pen.drawImage(source, 0, 0);
    const words = new Uint32Array(pen.getImageData(0, 0, width, height).data.buffer);
    let hash = 0x811c9dc5;
    for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i], 0x01000193);
    return hash;
  };

  const digest = async (url) => {
    const bytes = await (await fetch(url)).arrayBuffer();
    const sha = new Uint8Array(await crypto.subtle.digest("SHA-1", bytes));
    return [bytes.byteLength, [...sha].map((byte) => byte.toString(16).padStart(2, "0")).join("")];
  };

  const loaded = (image, content) => {
    if (image.naturalWidth < WIDE || !image.closest(".jp-OutputArea")) return;
    requestAnimationFrame(() => {
      const time = performance.now();
      const hash = pixels(image, image.naturalWidth, image.naturalHeight);
      if (hash === shown) return;
      shown = hash;
      const frame = { time };
      record.frames.push(frame);
      content.then(([bytes, sha]) => Object.assign(frame, { bytes, sha }), () => {});
    });
  };

  const watch = (image) => {
    if (!image.src) return;
    const content = digest(image.src); // at once: its address may be gone when the next frame comes
    content.catch(() => {});
    if (image.complete && image.naturalWidth) loaded(image, content);
    else image.addEventListener("load", () => loaded(image, content), { once: true });
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

  window.addEventListener("keydown", () => record.presses.push(performance.now()), true);

  const start = () => {
    new MutationObserver((mutations) => {
      for (const mutation of mutations) {
        if (mutation.type === "attributes") watch(mutation.target);
        for (const node of mutation.addedNodes) {
          if (node.tagName === "IMG") watch(node);
          else if (node.querySelectorAll) node.querySelectorAll("img").forEach(watch);
        }
      }
    }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["src"] });
    if (window.batchlabCanvas) sampleCanvas();
  };
  if (document.body) start();
  else document.addEventListener("DOMContentLoaded", start);

  window.batchlabFocus = (label) => {
    const text = [...document.querySelectorAll(".widget-label")].find(
      (element) => element.offsetParent && element.textContent.trim() === label,
    );
    const handle = text && text.parentElement.querySelector(".noUi-handle");
    if (handle) handle.focus();
    return Boolean(handle);
  };
})();
