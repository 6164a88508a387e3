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

// What is said to an answer; a number is compared with the measured one, if that is known.
function judge({ words, measured, within, shown }) {
  if (words) return (value) => words[value];
  return (value) => {
    const number = Number(value);
    if (value === null || String(value).trim() === "" || !(number >= shown.low && number <= shown.high)) return undefined;
    const you = `You predicted: ${number} ${shown.unit}`.trim();
    if (measured === null || measured === undefined) return { said: you, right: null };
    const right = Math.abs(number - measured) <= within * Math.abs(measured);
    const rule = `at most ${100 * within} % off counts as right`;
    return { said: `${you}\n${right ? "Right" : "Not so"}: the measurement gives ${Number(measured.toPrecision(4))} ${shown.unit} (${rule}).`, right };
  };
}

document.addEventListener("DOMContentLoaded", async () => {
  for (const [name, value] of [["role", "region"], ["aria-label", "site"]]) document.querySelector(".bd-sidebar-primary")?.setAttribute(name, value);
  const about = (place) => JSON.parse(place.querySelector("script").textContent);
  const pictures = new Map();
  for (const place of document.querySelectorAll(".batchlab-picture")) {
    const { name, recording } = about(place);
    pictures.set(name, await playBack(place.lastElementChild, recording));
  }
  for (const place of document.querySelectorAll(".batchlab-question")) {
    const asked = about(place), states = place.closest(".batchlab-final")?.querySelectorAll(".batchlab-question");
    const unlock = asked.unlocks.length ? () => asked.unlocks.forEach((name) => pictures.get(name)?.unlock()) : null;
    const keep = (answer, right) => {
      kept.set(asked.key, [answer]);
      place.dataset.right = right ?? "";
      if (states) score(place.closest(".batchlab-final"), states);
    };
    playQuestion(place.lastElementChild, asked.shown, judge(asked), { unlock, keep, earlier: kept.get(asked.key) });
  }
});

function score(final, places) {
  const right = [...places].filter((place) => place.dataset.right === "true").length;
  const open = [...places].filter((place) => place.dataset.right === undefined).length;
  const done = !open && right >= Number(final.dataset.good) ? " The course is finished." : "";
  final.lastElementChild.textContent = `${right} of ${places.length} right.${open ? ` ${open} still open.` : done}`;
}
