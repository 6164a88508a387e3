// A question on the page: what the reader answers goes up in `wishes`; what is shown comes down in `shown`.

function element(tag, looks = {}, ...children) {
  const made = Object.assign(document.createElement(tag), looks);
  made.append(...children);
  return made;
}

// Notebook 7 takes plain keys for itself before a control sees them; see live.js.
function keepKeys() {
  if (window.batchlabQuizKeys) return;
  window.batchlabQuizKeys = true;
  window.addEventListener("keydown", (event) => {
    if (!event.target.closest?.(".batchlab-quiz")) return;
    const shortcut = event.ctrlKey || event.altKey || event.metaKey || event.key === "Escape" || (event.shiftKey && event.key === "Enter");
    event.target.toggleAttribute("data-lm-suppress-shortcuts", !shortcut);
  }, true);
}

let asked = 0;

function render({ model, el }) {
  keepKeys();
  const name = `batchlab-question-${Date.now()}-${++asked}`;
  let count = Math.max(0, ...Object.values(model.get("wishes") ?? {}).map(([, earlier]) => earlier));
  const wish = (kind, value) => {
    model.set("wishes", { ...model.get("wishes"), [kind]: [value, ++count] });
    model.save_changes();
  };
  const text = element("legend"), fields = element("div"), said = element("div", { className: "said" });
  const group = element("fieldset", {}, text, fields);
  const button = (label, kind, value) => {
    const made = element("button", { type: "button", textContent: label });
    made.addEventListener("click", () => wish(kind, value()));
    return made;
  };
  const chosen = () => group.querySelector("input:checked")?.value ?? group.querySelector("input[type=text]")?.value ?? null;
  const commit = button("Commit", "commit", chosen), skip = button("Skip", "skip", () => true);
  const again = button("Answer again", "again", () => true), explain = button("I have looked: explain", "explain", () => true);
  said.setAttribute("role", "status");
  said.setAttribute("aria-live", "polite");
  commit.classList.add("first");
  el.classList.add("batchlab-quiz");
  el.append(group, element("div", { className: "buttons" }, commit, skip, explain, again), said);

  let asks = null;
  const build = ({ options, low, high, unit }) => {
    if (options) {
      return options.map((option) => {
        const input = element("input", { type: "radio", name, value: option });
        return element("label", {}, input, element("span", { textContent: option }));
      });
    }
    const input = element("input", { type: "text", inputMode: "decimal", placeholder: `${low} to ${high}`, size: 12 });
    input.addEventListener("keydown", ({ key }) => key === "Enter" && wish("commit", chosen()));
    return [element("label", {}, input, element("span", { textContent: unit || "number" }))];
  };
  const show = () => {
    const shown = model.get("shown");
    const key = JSON.stringify([shown.text, shown.options]);
    if (asks !== key) {
      asks = key;
      text.replaceChildren(element("b", { textContent: `${shown.heading}: ` }), shown.text);
      fields.replaceChildren(...build(shown));
    }
    const { answer } = shown;
    for (const input of group.querySelectorAll("input")) {
      input.disabled = shown.frozen;
      if (input.type === "radio" && shown.frozen) input.checked = input.value === answer;
      if (input.type === "text" && shown.frozen && answer !== null) input.value = answer;
    }
    commit.hidden = skip.hidden = shown.frozen;
    explain.hidden = !shown.unexplained;
    again.hidden = !shown.frozen || shown.unexplained;
    said.textContent = shown.said;
    said.dataset.right = shown.right ?? "";
    said.hidden = !shown.said;
    el.dataset.answered = shown.frozen;
  };
  model.on("change:shown", show);
  show();
  if (el.closest(".jupyter-widgets-disconnected")) {  // saved in a notebook: no kernel hears an answer
    group.disabled = true;
    for (const one of [commit, skip, explain, again]) one.hidden = true;
    said.textContent = `${said.textContent}\nTo answer, run the cell above again.`.trim();
    said.hidden = false;
  }
  return () => model.off("change:shown", show);
}

// ---- without a kernel ------------------------------------------------------------------------------------------------

const spoken = (number) => String(Number.isInteger(number) ? number : Number(number.toPrecision(4)));

// What is said first to an answer (null: skipped), whether it is right, and why; undefined if it is no answer. `words` is
// what `for_a_page` gives of a question.
function judged(words, { low, high, unit }, value) {
  if (value === null) return [words.skipped, ...words.unanswered];
  const { answered, options, measured, within, verdicts, whys } = words;
  if (options) return options[value] && [`${answered}: ${value}`, ...options[value]];
  const number = Number(value), gap = number - measured, right = Math.abs(gap) <= within * Math.abs(measured);
  if (!String(value).trim() || !(low <= number && number <= high)) return undefined;
  const verdict = verdicts[right][Math.sign(gap)].replace("{gap}", spoken(Math.abs(gap)));
  return [`${answered}: ${spoken(number)} ${unit}`.trim(), right, `${verdict} ${whys[number] ?? ""}`.trim()];
}

// Where the question guards a picture, `unlock` opens that, and the explanation waits until the reader has looked. `keep`
// is told each answer and whether it is right; `earlier` is one that was kept, [answer].
export function playQuestion(el, shown, words, { unlock = null, earlier = null, keep = () => {} } = {}) {
  const state = { wishes: {}, shown }, reacts = {};
  let looked = !unlock;
  const show = (news) => (state.shown = { ...state.shown, right: null, unexplained: false, ...news });
  const settle = (answer) => {
    const judgement = judged(words, shown, answer);
    if (!judgement) return show({ said: words.wanted });
    const [said, right, why] = judgement;
    const explained = looked ? { said: `${said}\n${why}`.trim(), right } : { said: `${said}\n${words.look}`, unexplained: Boolean(why) };
    show({ ...explained, frozen: true, answer });
    keep(answer, right);
    unlock?.();
  };
  const answer = () => {
    const [kind, [value]] = Object.entries(state.wishes).sort(([, [, a]], [, [, b]]) => b - a)[0];
    looked ||= kind === "explain";
    if (kind === "again") show({ said: "Choose again.", frozen: false });
    else settle({ skip: null, explain: state.shown.answer, commit: value ?? "" }[kind]);
    reacts["change:shown"]?.();
  };
  if (earlier && judged(words, shown, earlier[0])) {  // the words of an option may have changed since
    looked = true;
    settle(earlier[0]);
  }
  const model = {
    get: (name) => state[name],
    set: (name, value) => (state[name] = value),
    save_changes: answer,
    on: (name, react) => (reacts[name] = react),
    off: () => {},
  };
  return render({ model, el });
}

export default { render };
