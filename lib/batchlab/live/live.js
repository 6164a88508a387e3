// The page of a live picture. What the reader wishes goes up in `wishes`; all that is seen comes down in `rows`,
// `standing` and `frame`. The same script plays a recording back where there is no kernel; see `playBack`.

const FONTS = '"DejaVu Sans", Verdana, "Bitstream Vera Sans", sans-serif';
const EIGHTH = 8;  // parts of a pixel, as recorder.py counts
const MEMORY = 64;  // layers that are kept unpacked

// ---- 1. A recording is unpacked -------------------------------------------------------------------------------------

async function unpack(text) {
  const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const whole = new Uint8Array(await new Response(stream).arrayBuffer());
  const length = new DataView(whole.buffer).getUint32(0, true);
  return { head: JSON.parse(new TextDecoder().decode(whole.subarray(4, 4 + length))), bytes: whole.subarray(4 + length) };
}

// Points as recorder.py encodes them: `read(count)` gives [x, y, x, y, ...] in pixels.
function reader(bytes, at = 0) {
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return (value >>> 1) ^ -(value & 1);
    }
  };
  return (count) => {
    const points = new Float32Array(2 * count);
    let [x, y] = [0, 0];
    for (let i = 0; i < points.length; i += 2) {
      points[i] = (x += number()) / EIGHTH;
      points[i + 1] = (y += number()) / EIGHTH;
    }
    return points;
  };
}

function pathOf(parts, codes, points) {
  const path = new Path2D();
  let i = 0;
  const next = (count) => points.subarray(2 * i, 2 * (i += count));
  for (const part of parts) {
    const end = i + Math.abs(part);
    path.moveTo(...next(1));
    while (i < end) {
      if (codes[i] === "Q") path.quadraticCurveTo(...next(2));
      else if (codes[i] === "C") path.bezierCurveTo(...next(3));
      else path.lineTo(points[2 * i], points[2 * i++ + 1]);
    }
    if (part < 0) path.closePath();
  }
  return path;
}

function imageOf(columns, rows, colors, points) {
  const image = document.createElement("canvas");
  [image.width, image.height] = [columns, rows];
  const pixels = new ImageData(columns, rows);
  const rgba = colors.map((color) => color.slice(1).padEnd(8, "f").match(/../g).map((two) => parseInt(two, 16)));
  for (let i = 0; i < columns * rows; i++) pixels.data.set(rgba[Math.round(points[i] * EIGHTH)], 4 * i);
  image.getContext("2d").putImageData(pixels, 0, 0);
  return image;
}

// A stroke as it is painted: what `recorder.py` wrote, with its points made into paths.
function stroke([kind, ...head], read) {
  const points = read(head.at(-1));
  if (kind === "p") return { kind, style: head[0], path: pathOf(head[1], head[2], points) };
  if (kind === "c") return { kind, path: pathOf(head[0], head[1], points) };
  if (kind === "t") return { kind, style: head[0], text: head[1], font: `${head[2]} ${FONTS}`, angle: head[3], width: head[4], points };
  if (kind === "i") return { kind, style: head[0], matrix: head[1], image: imageOf(head[2], head[3], head[4], points) };
  const outline = head[1].reduce((sum, part) => sum + Math.abs(part), 0);
  const marker = pathOf(head[1], head[2], points.subarray(0, 2 * outline));
  return { kind, style: head[0], path: marker, points: points.subarray(2 * outline) };
}

const known = new Map();  // layers that were unpacked lately: a picture is painted anew when its width changes

function layer(text) {
  if (typeof text !== "string") return text;  // of a recording that is played back
  if (!known.has(text)) {
    known.set(text, unpack(text).then(({ head, bytes }) => {
      const read = reader(bytes);
      return head.map((row) => stroke(row, read));
    }));
    if (known.size > MEMORY) known.delete(known.keys().next().value);
  }
  return known.get(text);
}

// ---- 2. A recording is replayed on a canvas -------------------------------------------------------------------------

const widths = new Map();

function natural(g, text) {
  const key = g.font + text;
  if (!widths.has(key)) {
    if (widths.size > 5000) widths.clear();
    widths.set(key, g.measureText(text).width || 1);
  }
  return widths.get(key);
}

function paint(g, style, path) {
  if (style.f) g.fillStyle = style.f, g.fill(path);
  if (!style.s) return;
  Object.assign(g, { strokeStyle: style.s, lineWidth: style.w, lineCap: style.e ?? "butt", lineJoin: style.j ?? "miter" });
  g.setLineDash(style.d ?? []);
  g.lineDashOffset = style.o ?? 0;
  g.stroke(path);
}

function replay(g, strokes) {
  const clips = [];
  for (const { kind, style, path, points, ...rest } of strokes) {
    if (kind === "c") {
      clips.push(path);
      continue;
    }
    g.save();
    for (const clip of clips.splice(0)) g.clip(clip);
    if (style.c) {
      g.beginPath();
      g.rect(...style.c);
      g.clip();
    }
    if (kind === "p") paint(g, style, path);
    else if (kind === "m") {
      for (let i = 0; i < points.length; i += 2) {
        g.translate(points[i], points[i + 1]);
        paint(g, style, path);
        g.translate(-points[i], -points[i + 1]);
      }
    } else if (kind === "t") {
      g.font = rest.font;
      g.fillStyle = style.f;
      g.translate(points[0], points[1]);
      g.rotate((-rest.angle * Math.PI) / 180);
      g.scale(rest.width / natural(g, rest.text), 1);
      g.fillText(rest.text, 0, 0);
    } else if (kind === "i") {
      g.imageSmoothingEnabled = false;
      g.transform(...rest.matrix);
      g.drawImage(rest.image, 0, 0);
    }
    g.restore();
  }
}

// Where the columns of a picture go in a room of some width: side by side, or one below the other where it is narrow.
function placed({ width, height, panels }, room) {
  const columns = room < 0.62 * width && panels.length > 1 ? panels : [[0, width]];
  let top = 0;
  return columns.map(([left, right]) => {
    const scale = Math.min(room / (right - left), columns.length > 1 ? 1 : 4 / 3);
    const cell = { left, width: right - left, height, scale, top };
    top += height * scale;
    return cell;
  });
}

function paintPicture(canvas, size, layers, room) {
  const cells = placed(size, room), ratio = window.devicePixelRatio || 1;
  const width = Math.max(...cells.map((cell) => cell.width * cell.scale)), height = cells.at(-1).top + cells.at(-1).height * cells.at(-1).scale;
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== across || canvas.height !== down) {
    [canvas.width, canvas.height] = [across, down];
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  }
  const g = canvas.getContext("2d");
  g.setTransform(1, 0, 0, 1, 0, 0);
  g.clearRect(0, 0, across, down);
  for (const { left, width, height, scale, top } of cells) {
    g.save();
    g.scale(ratio, ratio);
    g.translate(0, top);
    g.scale(scale, scale);
    g.beginPath();
    g.rect(0, 0, width, height);
    g.clip();
    g.translate(-left, 0);
    for (const strokes of layers) replay(g, strokes);
    g.restore();
  }
  return cells;
}

// ---- 3. Controls ----------------------------------------------------------------------------------------------------

function element(tag, looks = {}, ...children) {
  const made = Object.assign(document.createElement(tag), looks);
  made.append(...children);
  return made;
}

// The place of a number on its slider, 0 to 1, and the number at a place. Logarithmic sliders may begin at 0.
export function toPlace({ kind, values, low, high, log }, value) {
  if (kind === "steps") return values.length > 1 ? values.indexOf(value) / (values.length - 1) : 0;
  if (high === low) return 0;
  if (!log) return (value - low) / (high - low);
  return low > 0 ? Math.log(value / low) / Math.log(high / low) : Math.log1p(value) / Math.log1p(high);
}

export function toNumber({ kind, values, low, high, log, digits }, place) {
  if (kind === "steps") return values[Math.round(place * (values.length - 1))];
  const number = !log ? low + (high - low) * place : low > 0 ? low * (high / low) ** place : Math.expm1(place * Math.log1p(high));
  const short = (figures) => Number(number.toPrecision(figures));
  return Math.min(Math.max(kind === "number" ? short(3) : Math.round(digits ? short(digits) : number), low), high);
}

// The number that a key leads to from a value: the next one, or a tenth of the slider further.
export function afterKey(row, value, key) {
  const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[key];
  if (key === "Home") return toNumber(row, 0);
  if (key === "End") return toNumber(row, 1);
  if (!by) return undefined;
  if (row.kind === "steps") {
    const { length } = row.values, far = Math.abs(by) > 1 ? Math.max(1, Math.round(length / 10)) : 1;
    return row.values[Math.min(Math.max(row.values.indexOf(value) + far * Math.sign(by), 0), length - 1)];
  }
  let next = toNumber(row, Math.min(Math.max(toPlace(row, value) + by / 100, 0), 1));
  if (row.kind === "whole" && ((Math.abs(by) === 1 && !row.digits) || next === value)) next = value + Math.sign(by);
  return Math.min(Math.max(next, row.low), row.high);
}

const spelled = (value) => (typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(3))) : String(value));
const meant = (text) => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

// What is typed into a box is wished when it is left or on Enter (Jupyter keeps `change` back then); until then no frame
// may write over it. The result tells whether it is being typed into.
function typed(box, wish) {
  let typing = false;
  const commit = () => {
    if (typing) typing = false, wish(box.value);
  };
  box.addEventListener("input", () => (typing = true));
  box.addEventListener("change", commit);
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter") commit(), box.select();
  });
  return () => typing;
}

function slider(wish) {
  let row, value;
  const label = element("span"), hint = element("span", { className: "hint" });
  const range = element("input", { type: "range", min: 0, max: 1, step: "any" });
  const box = element("input", { type: "text", inputMode: "decimal", className: "box", spellcheck: false });
  const typing = typed(box, (text) => wish(meant(text)));
  const show = (refused) => {
    range.value = toPlace(row, value);
    range.setAttribute("aria-valuetext", spelled(value));
    const text = spelled(refused ?? value);
    if (!typing() && box.value !== text) {
      box.value = text;
      if (document.activeElement === box) box.select();
    }
    if (refused === undefined) box.removeAttribute("aria-invalid");
    else box.setAttribute("aria-invalid", "true");
  };
  const move = (next) => {
    if (next === undefined || next === value) return;
    value = next;
    show();
    wish(value);
  };
  range.addEventListener("input", () => move(toNumber(row, range.valueAsNumber)));
  range.addEventListener("change", () => show());  // the handle goes to where its number is
  range.addEventListener("keydown", (event) => {
    const next = event.ctrlKey || event.altKey || event.metaKey ? undefined : afterKey(row, value, event.key);
    if (next === undefined) return;
    event.preventDefault();
    move(next);
  });
  return {
    root: element("div", { className: "number" }, element("label", {}, label, range), box, hint),
    update(next, now, refused) {
      row = next.kind === "steps" ? { ...next, values: next.values ?? next.steps } : next;
      if (now !== undefined) value = now;
      [label.textContent, hint.textContent] = [row.label, row.hint ?? ""];
      [range.ariaLabel, box.ariaLabel] = [row.label, `${row.label}, typed`];
      if (now !== undefined) show(refused);
    },
  };
}

function menu(wish) {
  const label = element("span"), select = element("select");
  let offered = "";
  select.addEventListener("change", () => wish(select.value));
  return {
    root: element("div", { className: "menu" }, element("label", {}, label, select)),
    update(row, now) {
      label.textContent = select.ariaLabel = row.label;
      const options = row.values ?? row.options;
      if (offered !== options.join("\n")) select.replaceChildren(...options.map((name) => element("option", { value: name, textContent: name })));
      offered = options.join("\n");
      if (now !== undefined) select.value = now;
    },
  };
}

function press(wish) {
  const button = element("button", { type: "button" });
  button.addEventListener("click", () => wish((presses = 0) => presses + 1));  // the kernel may hear of several together
  return { root: button, update: (row) => (button.textContent = row.label) };
}

function tick(wish) {
  const box = element("input", { type: "checkbox" }), label = element("span");
  box.addEventListener("change", () => wish(box.checked));
  return {
    root: element("label", { className: "tick" }, box, label),
    update(row, now) {
      label.textContent = row.label;
      if (now !== undefined) box.checked = now;
    },
  };
}

function words(wish) {
  const label = element("span"), box = element("input", { type: "text", spellcheck: false });
  const typing = typed(box, wish);
  return {
    root: element("div", { className: "text" }, element("label", {}, label, box)),
    update(row, now) {
      [label.textContent, box.ariaLabel, box.placeholder] = [row.label, row.label, row.hint ?? ""];
      if (now !== undefined && !typing()) box.value = now;
    },
  };
}

const KINDS = { whole: slider, number: slider, steps: slider, menu, press, tick, words };

// ---- 4. The view ----------------------------------------------------------------------------------------------------

// Notebook 7 takes plain keys for itself before a control sees them. One that is pressed in a control belongs to the
// control; keys with Ctrl, Alt or Cmd, Escape, and Shift + Enter, remain the notebook's.
function keepKeys() {
  if (window.batchlabKeys) return;
  window.batchlabKeys = true;
  window.addEventListener("keydown", (event) => {
    if (!event.target.closest?.(".batchlab")) return;
    const shortcut = event.ctrlKey || event.altKey || event.metaKey || event.key === "Escape" || (event.shiftKey && event.key === "Enter");
    event.target.toggleAttribute("data-lm-suppress-shortcuts", !shortcut);
  }, true);
}

function render({ model, el }) {
  keepKeys();
  const controls = new Map(), mine = {};
  let cells = [], painted = 0, late = null, settled = null, asked = null;
  const rows = element("fieldset", { className: "rows" });
  const message = element("div", { className: "message", hidden: true });
  const canvas = element("canvas", { className: "picture" }), card = element("div", { className: "frame" }, canvas);
  const said = element("div", { className: "words" }), facts = element("div", { className: "facts" });
  const state = element("div", { className: "state", hidden: true });
  canvas.setAttribute("role", "img");
  for (const [part, role] of [[said, "status"], [message, "alert"]]) part.setAttribute("role", role);
  said.setAttribute("aria-live", "polite");
  rows.setAttribute("aria-label", "controls");
  el.classList.add("batchlab");
  el.append(rows, message, card, said, facts, state);

  // Wishes are counted through, whichever view of the picture they come from; a value may follow from the one before.
  const wish = (name, value) => {
    const wishes = model.get("wishes") ?? {}, { heard = {} } = model.get("frame") ?? {};
    const count = 1 + Math.max(0, ...Object.values(wishes).map(([, earlier]) => earlier), ...Object.values(heard));
    mine[name] = count;
    model.set("wishes", { ...wishes, [name]: [typeof value === "function" ? value(wishes[name]?.[0]) : value, count] });
    model.save_changes();
    if (!el.classList.contains("gone")) late ??= setTimeout(() => wait(0), 400);
  };
  const wait = (step) => {
    el.classList.add("waiting");
    state.textContent = ["", "Waiting for the kernel: it is still computing something else.",
      "No answer. If the kernel was restarted or stopped, run the cell above again: then the picture moves."][step];
    state.hidden = !step;
    if (step < 2) late = setTimeout(() => wait(step + 1), [2000, 15000][step]);
  };
  const answered = () => {
    const { heard = {} } = model.get("frame");
    if (Object.entries(mine).some(([name, at]) => (heard[name] ?? 0) < at)) return;
    if (el.classList.contains("gone")) return;
    clearTimeout(late);
    late = null;
    el.classList.remove("waiting");
    state.hidden = true;
  };

  const showRows = () => {
    const { list = [], locked = false, clicks = false } = model.get("rows") ?? {};
    const { values = {}, heard = {}, refused = {} } = model.get("frame") ?? {};
    for (const row of list) {
      const { name } = row;
      if (!controls.has(name)) {
        const made = KINDS[row.kind]((value) => wish(name, value));
        const inputs = made.root.matches("button") ? [made.root] : [...made.root.querySelectorAll("input, select")];
        controls.set(name, { ...made, inputs });
        const small = row.kind === "press" || row.kind === "tick";  // those that follow each other share a row
        if (small && !rows.lastChild?.matches?.(".small")) rows.append(element("div", { className: "small" }));
        (small ? rows.lastChild : rows).append(made.root);
      }
      const { root, inputs, update } = controls.get(name);
      const latest = (heard[name] ?? 0) >= (mine[name] ?? 0);  // else the reader has moved it meanwhile
      update(row, latest ? values[name] : undefined, latest ? refused[name] : undefined);
      [root.hidden, root.title] = [Boolean(row.hidden), row.tip ?? ""];
      for (const input of inputs) [input.disabled, input.title] = [Boolean(row.disabled), row.tip ?? ""];
    }
    rows.disabled = locked;
    canvas.classList.toggle("clickable", clicks && !locked);
  };

  const say = ({ message: text = "", alarm }) => {
    message.classList.toggle("alarm", Boolean(alarm));
    if (message.textContent !== text) message.textContent = text;
    message.hidden = !text;
  };
  const showFrame = async () => {
    const frame = model.get("frame") ?? {}, standing = model.get("standing") ?? {};
    if (!frame.strokes) say(frame);
    if (!frame.strokes || frame.standing !== standing.count) return;
    const layers = await Promise.all([layer(standing.strokes), layer(frame.strokes)]);
    if (frame.count < painted) return;  // a later one was quicker
    painted = frame.count;
    const edges = 2 * parseFloat(getComputedStyle(card).paddingLeft || 0);
    const room = Math.min(el.clientWidth ? el.clientWidth - edges : standing.width, 1200);
    askForWidth(standing, room);
    cells = paintPicture(canvas, standing, layers, room);
    [canvas.dataset.frame, canvas.dataset.shows] = [frame.count, JSON.stringify(frame.shows)];
    canvas.ariaLabel = said.textContent = frame.words;
    facts.replaceChildren(...frame.facts.map((fact) => element("span", { textContent: fact })));
    say(frame);
    el.classList.toggle("busy", Boolean(frame.busy));
    said.ariaBusy = "true";  // a screen reader speaks when the movement has ended
    clearTimeout(settled);
    settled = setTimeout(() => (said.ariaBusy = "false"), 400);
    answered();
  };
  // A narrow page is drawn for anew, so that its text keeps its size.
  const askForWidth = ({ width, wide, narrow }, room) => {
    const wanted = room < narrow ? Math.max(300, 20 * Math.floor(room / 20)) : wide;
    if (!wide || wanted === (asked ?? width)) return;
    asked = wanted;
    wish("width", wanted);
  };
  const takeFrame = (news) => {
    const { count, asks } = model.get("frame") ?? {};
    if (news) el.classList.remove("gone");  // a kernel has sent it
    showRows();
    return showFrame().finally(() => asks && model.send({ seen: count }));
  };

  canvas.addEventListener("click", (event) => {
    const { clicks, locked } = model.get("rows"), box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const cell = cells.findLast(({ top }) => y >= top);
    if (clicks && !locked && cell) wish("click", [x / cell.scale + cell.left, (y - cell.top) / cell.scale]);
  });
  const standStill = () => {
    clearTimeout(late);
    el.classList.remove("waiting", "busy");
    state.textContent = "This picture stands still, since its kernel was restarted or stopped. Run the cell above again to bring it back.";
    state.hidden = false;
    el.classList.add("gone");
  };
  // The kernel's signal; a widget is told nothing when its kernel is restarted. One that was saved in a notebook has no
  // line to a kernel from the beginning: ipywidgets marks it so.
  const watchKernel = (_, status) => /restarting|terminating|dead/.test(status) && standStill();
  const kernel = model.widget_manager?.kernel?.statusChanged;
  kernel?.connect?.(watchKernel);
  const watched = { "change:rows": showRows, "change:frame": takeFrame };
  for (const [name, react] of Object.entries(watched)) model.on(name, react);
  const room = new ResizeObserver(() => showFrame());
  room.observe(el);
  const closing = new AbortController();
  const watchScreen = () => {  // a window that goes to another screen keeps its width, and gets other pixels
    const same = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    same.addEventListener("change", () => (showFrame(), watchScreen()), { once: true, signal: closing.signal });
  };
  watchScreen();
  takeFrame();
  const { focus } = model.get("rows") ?? {};
  if (focus) setTimeout(() => {  // when the notebook has gone to its last cell
    el.scrollIntoView({ block: "end" });
    controls.get(focus).inputs[0].focus({ preventScroll: true });
  }, 1000);
  if (el.closest(".jupyter-widgets-disconnected")) standStill();
  return () => {
    for (const [name, react] of Object.entries(watched)) model.off(name, react);
    room.disconnect();
    closing.abort();
    kernel?.disconnect?.(watchKernel);
  };
}

// ---- 5. Without a kernel --------------------------------------------------------------------------------------------

// A recording of `export.py` stands in for the kernel: it answers a wish with the frame of that position. Of a lab that
// was locked its first frame is shown with the controls off, until `unlock()`.
export async function playBack(el, text) {
  const { head, bytes } = await unpack(text);
  let at = 0;
  const strokes = head.strokes.map((row) => {
    const start = at;
    at += row.at(-1);
    let made;
    return () => (made ??= stroke(row.slice(0, -1), reader(bytes, start)));
  });
  const isNumber = ({ values }) => typeof values[0] === "number";
  const ordered = (values) => [...values].sort((one, other) => one - other);
  // A control as it is now, for its label and its hint may follow another one.
  const control = (looks, row) => ({ ...looks, ...(isNumber(row) ? { kind: "steps", values: ordered(row.values) } : { values: row.values }) });
  const state = { wishes: {} }, reacts = {}, values = {}, heard = {};
  let locked = Boolean(head.locked);
  const nearest = (all, far) => all.reduce((one, other) => (far(other) < far(one) ? other : one));
  const existing = [...head.frames.keys()].filter((place) => head.frames[place]);
  const strides = head.rows.map((_, i) => head.rows.slice(i + 1).reduce((product, { values }) => product * values.length, 1));
  const along = (place, i) => Math.floor(place / strides[i]) % head.rows[i].values.length;  // of the values of a row
  const play = (count) => {
    const refused = {}, moved = state.wishes;
    let place = 0, complaint = "";
    for (const row of head.rows) {
      const { name, label, values: all } = row;
      const [wished, at = 0] = state.wishes[name] ?? [values[name] ?? head.start[name], heard[name]];
      heard[name] = at;
      if (all.includes(wished)) values[name] = wished;
      else if (isNumber(row) && Number.isFinite(wished)) values[name] = nearest(all, (value) => Math.abs(value - wished));
      else if (name in values) {
        const ends = ordered(all);
        refused[name] = wished;
        complaint = `${label} is '${wished}'; on this page it is a number from ${ends[0]} to ${ends.at(-1)}.`;
      } else [values[name]] = all;
      place = place * all.length + all.indexOf(values[name]);
    }
    state.wishes = {};
    if (!head.frames[place]) {  // not every step exists at every batch size: what was moved stays, the others give way
      const weights = head.rows.map(({ name }) => (name in moved ? head.frames.length : 1));
      place = nearest(existing, (other) => weights.reduce((sum, weight, i) => sum + weight * Math.abs(along(other, i) - along(place, i)), 0));
      head.rows.forEach(({ name, values: all }, i) => (values[name] = all[along(place, i)]));
    }
    const [standing, moving, words, facts, message, alarm, looks] = locked ? head.locked : head.frames[place];
    const shown = { ...values };
    const layer = (number) => head.layers[number].map((i) => strokes[i]());
    state.rows = { list: head.rows.map((row, i) => control(head.looks[looks][i], row)), locked };
    state.standing = { count: standing, strokes: layer(standing), ...head.size };
    state.frame = { count, standing, strokes: layer(moving), words, facts, values: shown, shows: shown, heard, refused };
    Object.assign(state.frame, complaint ? { message: complaint, alarm: true } : { message, alarm });
    reacts["change:frame"]?.();
  };
  const model = {
    get: (name) => state[name],
    set: (name, value) => (state[name] = value),
    save_changes: () => play(state.frame.count + 1),
    on: (name, react) => (reacts[name] = react),
    off: () => {},
    send: () => {},
  };
  play(1);
  render({ model, el });
  return {
    unlock() {
      locked = false;
      play(state.frame.count + 1);
    },
  };
}

export default { render };
