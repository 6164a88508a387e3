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

function render({ model, el }) {
  keepKeys();
  const { heading, text, options, low, high, unit } = model.get("shown");  // what is asked stays as it is
  const wish = (kind, value) => {
    const wishes = model.get("wishes") ?? {};  // another view of the question may have added to them
    const count = 1 + Math.max(0, ...Object.values(wishes).map(([, earlier]) => earlier));
    model.set("wishes", { ...wishes, [kind]: [value, count] });
    model.save_changes();
  };
  const labelled = (label, looks) => {
    const input = element("input", looks);
    return element("label", {}, input, element("span", { textContent: label }));
  };
  const name = `batchlab-question-${Math.random()}`;
  const fields = options
    ? options.map((option) => labelled(option, { type: "radio", name, value: option }))
    : [labelled(unit || "number", { type: "text", inputMode: "decimal", placeholder: `${low} to ${high}`, size: 12 })];
  const legend = element("legend", {}, element("b", { textContent: `${heading}: ` }), text);
  const group = element("fieldset", {}, legend, ...fields), inputs = [...group.querySelectorAll("input")];
  const chosen = () => (options ? inputs.find((input) => input.checked) : inputs[0])?.value ?? null;
  const button = (label, kind, value = () => true) => {
    const made = element("button", { type: "button", textContent: label });
    made.addEventListener("click", () => wish(kind, value()));
    return made;
  };
  const commit = button("Commit", "commit", chosen), skip = button("Skip", "skip");
  const explain = button("I have looked: explain", "explain"), again = button("Answer again", "again");
  const buttons = element("div", { className: "buttons" }, commit, skip, explain, again);
  const said = element("div", { className: "said" });
  said.setAttribute("role", "status");
  said.setAttribute("aria-live", "polite");
  const commitOnEnter = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();  // or it would press the button that has the focus next
    wish("commit", chosen());
  };
  if (!options) inputs[0].addEventListener("keydown", commitOnEnter);
  commit.classList.add("first");
  el.classList.add("batchlab-quiz");
  el.append(group, buttons, said);

  const show = () => {
    const shown = model.get("shown"), { answer, frozen, unexplained } = shown;
    const focused = el.getRootNode().activeElement;
    for (const input of inputs) {
      input.disabled = frozen;
      if (frozen && options) input.checked = input.value === answer;
      else if (frozen) input.value = answer ?? input.value;
    }
    commit.hidden = skip.hidden = frozen;
    explain.hidden = !unexplained;
    again.hidden = !frozen || unexplained;
    said.textContent = shown.said;
    said.dataset.right = shown.right ?? "";
    said.hidden = !shown.said;
    // What goes away with the focus on it hands that on: the keyboard would begin at the top of the page again.
    if (el.contains(focused) && focused.matches("[hidden], :disabled")) {
      const next = [explain, again].find((one) => !one.hidden) ?? inputs.find((input) => input.checked) ?? inputs[0];
      next.focus({ preventScroll: true });
    }
  };
  model.on("change:shown", show);
  show();
  if (el.closest(".jupyter-widgets-disconnected")) {  // saved in a notebook: no kernel hears an answer
    group.disabled = true;
    buttons.hidden = true;
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
