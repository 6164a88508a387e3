// What the page does for a stage: names and values for screen readers, and keys that reach the controls.
// `this` is an element inside the stage; it runs once for each view of it.

const stage = this.closest(".batchlab");

function put(element, name, value) {
  if (element && value && element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function describe() {
  for (const row of stage.querySelectorAll(".batchlab-number")) {
    const label = row.querySelector(".widget-label")?.textContent.trim();
    const box = row.querySelector("input");
    put(row.querySelector("[role=slider]"), "aria-label", label);
    put(row.querySelector("[role=slider]"), "aria-valuetext", box?.value);
    put(box, "aria-label", `${label}, typed`);
  }
  // The region that speaks must stay while its words change.
  const region = stage.querySelector(".batchlab-status .widget-html-content");
  put(region, "role", "status");
  put(region, "aria-live", "polite");
  for (const inner of region?.querySelectorAll("[aria-live]") ?? []) {
    inner.removeAttribute("aria-live");
    inner.removeAttribute("role");
  }
  put(stage.querySelector("img"), "alt", region?.textContent.trim());
}

// Not at once: while a slider moves, the picture comes first.
let due = null;
const changes = { subtree: true, childList: true, characterData: true, attributeFilter: ["aria-valuetext"] };
new MutationObserver(() => (due ??= setTimeout(() => describe(due = null), 100))).observe(stage, changes);
describe();

// A click into the picture is told to the stages that ask for it, by a hidden text field: the place in parts of the
// picture's width and height, and a count, since the same place can be clicked twice.
const heard = stage.querySelector(".batchlab-click input");
const picture = stage.querySelector("img");
if (heard && picture) {
  let clicks = 0;
  picture.style.cursor = "pointer";
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    const scale = Math.min(box.width / picture.naturalWidth, box.height / picture.naturalHeight);
    const [width, height] = [scale * picture.naturalWidth, scale * picture.naturalHeight];
    const x = (event.clientX - box.left - (box.width - width) / 2) / width;
    const y = (event.clientY - box.top - (box.height - height) / 2) / height;
    heard.value = `${x.toFixed(5)} ${y.toFixed(5)} ${++clicks}`;
    for (const kind of ["input", "change"]) heard.dispatchEvent(new Event(kind, { bubbles: true }));
  });
}

// Notebook 7 takes the arrow keys for itself before a slider sees them. A plain key that is pressed in a control belongs
// to the control; keys with Ctrl, Alt or Cmd, Escape, and Shift + Enter, remain the notebook's.
if (!window.batchlabKeys) {
  window.batchlabKeys = true;
  window.addEventListener("keydown", (event) => {
    if (!event.target.closest?.(".batchlab, .batchlab-quiz")) return;
    const shortcut = event.ctrlKey || event.altKey || event.metaKey || event.key === "Escape" ||
      (event.shiftKey && event.key === "Enter");
    event.target.toggleAttribute("data-lm-suppress-shortcuts", !shortcut);
    // The slider's own End goes to the end that it had when it was made.
    const slider = event.key === "End" && !shortcut && event.target.closest('.noUi-target:not([disabled])')?.noUiSlider;
    if (!slider) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    slider.set(slider.options.range.max);
  }, true);
}
