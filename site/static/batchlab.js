// The pages: recordings move, questions answer and unlock what they guard. Answers are kept in this browser.

const KEPT = "batchlab:";
const kept = {
  get(key) {
    try { return JSON.parse(localStorage.getItem(KEPT + key)); } catch { return null; }
  },
  set(key, value) {
    try { localStorage.setItem(KEPT + key, JSON.stringify(value)); } catch { /* private windows keep nothing */ }
  },
};

document.addEventListener("DOMContentLoaded", async () => {
  for (const [name, value] of [["role", "region"], ["aria-label", "site"]]) document.querySelector(".bd-sidebar-primary")?.setAttribute(name, value);
  const pictures = new Map();
  for (const place of document.querySelectorAll(".batchlab-picture")) {
    const { name, recording } = about(place);
    pictures.set(name, await playBack(place.lastElementChild, recording));
  }
  for (const place of document.querySelectorAll(".batchlab-question")) {
    const { key, shown, words, unlocks } = about(place);
    const unlock = unlocks.length ? () => unlocks.forEach((name) => pictures.get(name)?.unlock()) : null;
    const keep = (answer, right) => {
      kept.set(key, [answer]);
      place.dataset.right = right ?? "";
      place.closest(".batchlab-final")?.dispatchEvent(new Event("answered"));
    };
    playQuestion(place.lastElementChild, shown, words, { unlock, keep, earlier: kept.get(key) });
  }
  for (const place of document.querySelectorAll(".batchlab-final")) {
    place.addEventListener("answered", () => score(place));
    score(place);
  }
});

// What the script of a place needs to know.
const about = (place) => JSON.parse(place.querySelector("script").textContent);

// The score of the final quiz.
function score(final) {
  const { good, said } = about(final), places = [...final.querySelectorAll(".batchlab-question")];
  const right = places.filter((place) => place.dataset.right === "true").length;
  const open = places.filter((place) => place.dataset.right === undefined).length;
  const again = places.filter((place) => ["false", ""].includes(place.dataset.right)).map((place) => about(place).key.split(".")[1]);
  const parts = { right: true, open, again: again.length, done: !open && right >= good };
  const numbers = { right, open, all: places.length, chapters: again.join(", ") };
  const text = Object.keys(parts).filter((part) => parts[part]).map((part) => said[part]).join(" ");
  final.lastElementChild.textContent = text.replace(/{(\w+)}/g, (_, name) => numbers[name]);
}
