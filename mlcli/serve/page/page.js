"use strict";
// One control a column; each change asks for the answer, what it would be along one column, and contributions.

const get = (id) => document.getElementById(id);
const POINTS = 41, SHOWN_CLASSES = 12, SHOWN_PARTS = 10, LEVELS = 24;
let form, row, pinned, asked = 0;

function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function drawn(tag, attributes, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
}

const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 2 : 1)} %`;
const short = (value) => Number(value.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 10 });
const show = (value) => (value === null ? "no number" : form.has_probabilities ? percent(value) : short(value));

async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  const token = sessionStorage.getItem("token");
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(path, body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) });
  const document_ = await answer.json();
  if (answer.status === 401) get("login").hidden = false;
  if (!answer.ok) throw new Error(document_.error.message);
  return document_;
}

function tell(error) {
  get("notice").hidden = !error;
  get("notice").textContent = error ? error.message : "";
}

// The controls

function numberField(column) {
  const { name, low, high, step, typical } = column;
  const slider = make("input", { type: "range", min: low, max: high, step, value: typical, ariaLabel: `${name}, slider` });
  const cell = make("input", { type: "number", step: "any", value: typical, id: `column ${name}` });
  const beyond = make("p", { className: "beyond", hidden: true, textContent: "beyond the training rows" });
  const take = () => {
    row[name] = cell.value === "" ? null : Number(cell.value);
    beyond.hidden = row[name] === null || (row[name] >= low && row[name] <= high);
    changed();
  };
  slider.oninput = () => { cell.value = slider.value; take(); };
  cell.oninput = () => { slider.value = cell.value; take(); };
  row[name] = typical;
  const ends = make("div", { className: "ends" }, make("span", { textContent: short(low) }), make("span", { textContent: short(high) }));
  return [make("div", { className: "number" }, slider, cell), ends, beyond];
}

function categoryField(column) {
  const select = make("select", { id: `column ${column.name}` });
  for (const text of column.categories) select.append(make("option", { value: text, textContent: text }));
  select.append(make("option", { value: "", textContent: "(missing)" }));
  select.value = column.typical;
  select.onchange = () => { row[column.name] = select.selectedIndex < column.categories.length ? select.value : null; changed(); };
  row[column.name] = column.typical;
  return [select];
}

function booleanField(column) {
  const box = make("input", { type: "checkbox", checked: column.typical, id: `column ${column.name}` });
  const word = make("span", { textContent: column.typical ? "yes" : "no" });
  box.onchange = () => { row[column.name] = box.checked; word.textContent = box.checked ? "yes" : "no"; changed(); };
  row[column.name] = column.typical;
  return [make("label", { className: "check" }, box, word)];
}

function dateField(column) {
  const typical = column.has_time ? `${column.typical}T12:00` : column.typical;
  const cell = make("input", { type: column.has_time ? "datetime-local" : "date", value: typical, id: `column ${column.name}` });
  cell.onchange = () => { row[column.name] = cell.value || null; changed(); };
  row[column.name] = typical;
  return [cell];
}

function textField(column) {
  const cell = make("textarea", { rows: 3, id: `column ${column.name}` });
  cell.oninput = () => { row[column.name] = cell.value || null; changed(); };
  row[column.name] = null;
  return [cell];
}

const FIELDS = { number: numberField, category: categoryField, boolean: booleanField, date: dateField, text: textField };

function imageField() {
  const [height, width, channels] = form.image_shape;
  const canvas = make("canvas", { id: "drawing", width: 280, height: Math.round((280 * height) / width) });
  canvas.style.setProperty("--ratio", `${width} / ${height}`);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const small = make("canvas", { width, height });
  const eye = small.getContext("2d", { willReadFrequently: true });
  const file = make("input", { type: "file", accept: "image/*", ariaLabel: "A picture" });
  const clear = () => { pen.fillStyle = "#000"; pen.fillRect(0, 0, canvas.width, canvas.height); read(); };
  const read = () => {
    eye.imageSmoothingQuality = "high";
    eye.drawImage(canvas, 0, 0, width, height);
    const seen = eye.getImageData(0, 0, width, height).data;
    const pixel = (i) => channels === 3 ? [seen[4 * i], seen[4 * i + 1], seen[4 * i + 2]]
      : Math.round(0.299 * seen[4 * i] + 0.587 * seen[4 * i + 1] + 0.114 * seen[4 * i + 2]);
    row.image = Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => pixel(y * width + x)));
    changed();
  };
  let last = null;
  const place = (event) => [event.offsetX * canvas.width / canvas.clientWidth, event.offsetY * canvas.height / canvas.clientHeight];
  canvas.onpointerdown = (event) => { last = place(event); canvas.setPointerCapture(event.pointerId); stroke(event); };
  canvas.onpointermove = (event) => { if (last) stroke(event); };
  canvas.onpointerup = canvas.onpointercancel = () => { last = null; };
  const stroke = (event) => {
    const here = place(event);
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: 20, lineCap: "round" });
    pen.beginPath(); pen.moveTo(...last); pen.lineTo(here[0], here[1] + 0.01); pen.stroke();
    last = here;
    read();
  };
  file.onchange = async () => {
    if (!file.files.length) return;
    pen.drawImage(await createImageBitmap(file.files[0]), 0, 0, canvas.width, canvas.height);
    read();
  };
  setTimeout(clear);
  const said = make("p", { className: "small", textContent: "Draw in white on black, or choose a file." });
  return [canvas, said, make("div", { className: "buttons" }, make("button", { type: "button", textContent: "Clear", onclick: clear }), file)];
}

function build() {
  const fields = form.image_shape.length
    ? [make("div", { className: "field wide" }, ...imageField())]
    : form.columns.map((column) => {
        const label = make("label", { textContent: column.name });
        label.htmlFor = `column ${column.name}`;
        return make("div", { className: "field" }, label, ...FIELDS[column.kind](column));
      });
  get("row").replaceChildren(...fields);
  const along = form.columns.filter((column) => ["number", "category", "boolean"].includes(column.kind));
  get("along").replaceChildren(...along.map((column) => make("option", { value: column.name, textContent: column.name })));
  get("curve-part").hidden = !along.length;
}

// The answer

function barsOf(shares) {
  const best = Math.max(...shares.map(([, share]) => share));
  const listed = shares.length > SHOWN_CLASSES ? [...shares].sort((a, b) => b[1] - a[1]).slice(0, SHOWN_CLASSES) : shares;
  return listed.flatMap(([name, share]) => {
    const bar = make("i"), track = make("div", { className: "track" }, bar);
    bar.style.width = `${100 * share}%`;
    if (pinned) {
      const before = make("b", { title: `pinned: ${percent(pinned[`probability_${name}`])}` });
      before.style.left = `calc(${100 * pinned[`probability_${name}`]}% - 1px)`;
      track.append(before);
    }
    const heavy = share === best ? " best" : "";
    return [make("span", { className: `who${heavy}`, textContent: name }), track, make("span", { className: `value${heavy}`, textContent: percent(share) })];
  });
}

function showAnswer(document_) {
  const [found] = document_.predictions;
  const headline = get("headline");
  if (form.classes.length) {
    const share = found[`probability_${found.prediction}`];
    headline.replaceChildren(found.prediction, make("small", { textContent: share === undefined ? "" : `  ${percent(share)}` }));
    get("bars").replaceChildren(...(form.has_probabilities ? barsOf(form.classes.map((name) => [name, found[`probability_${name}`]])) : []));
    if (pinned && pinned.prediction !== found.prediction) headline.append(make("small", { textContent: `, pinned: ${pinned.prediction}` }));
  } else {
    const several = form.targets.length > 1;
    const parts = form.targets.map((name) => {
      const key = several ? `prediction_${name}` : "prediction";
      const value = found[key] === null ? "no number" : short(found[key]);
      const change = pinned && pinned[key] !== null ? `  ${found[key] < pinned[key] ? "−" : "+"}${short(Math.abs(found[key] - pinned[key]))}` : "";
      return make("div", {}, several ? make("small", { textContent: `${name}  ` }) : "", value, make("small", { textContent: change }));
    });
    headline.replaceChildren(...parts);
  }
  get("warnings").replaceChildren(...document_.warnings.map((text) => make("li", { textContent: text })));
  get("pin").onclick = () => { pinned = found; showAnswer(document_); };
}

function showContributions(explanation) {
  const part = explanation.rows[0];
  const largest = Math.max(...part.contributions.map((one) => Math.abs(one.contribution)), 1e-300);
  const change = (value) => `${value < 0 ? "−" : "+"}${form.has_probabilities ? percent(Math.abs(value)) : short(Math.abs(value))}`;
  get("base").textContent = `${explanation.quantity}: ${show(part.output)}; ${show(part.base)} on average of training rows (Shapley values)`;
  const lines = part.contributions.map((one) => [one.column, one.contribution]);
  if (part.others) lines.push(["others", part.others]);
  get("contributions").replaceChildren(...lines.flatMap(([name, value]) => {
    const bar = make("i", { className: value < 0 ? "down" : "" }), share = Math.min(50, (50 * Math.abs(value)) / largest);
    bar.style.width = `${share}%`;
    bar.style.left = value < 0 ? `${50 - share}%` : "50%";
    return [make("span", { className: "who", textContent: name }), make("div", { className: "track" }, bar), make("span", { className: "value", textContent: change(value) })];
  }));
  get("explanation").hidden = false;
}

// What if

const curveWidth = () => Math.max(300, get("curve").clientWidth || 480);
const outputOf = (found, chosen) => form.has_probabilities ? found[`probability_${chosen}`]
  : found[form.targets.length > 1 ? `prediction_${form.targets[0]}` : "prediction"];

async function showCurve(turn, chosen) {
  const column = form.columns.find((one) => one.name === get("along").value);
  if (!column || (form.classes.length && !form.has_probabilities)) { get("curve-part").hidden = true; return; }
  const points = column.kind === "number" ? Array.from({ length: POINTS }, (_, i) => column.low + ((column.high - column.low) * i) / (POINTS - 1))
    : column.kind === "boolean" ? [false, true] : [...new Set([row[column.name] ?? column.categories[0], ...column.categories])].slice(0, LEVELS);
  const { predictions } = await ask(`/models/${form.model}/predict`, points.map((value) => ({ ...row, [column.name]: value })));
  if (turn !== asked) return;
  const values = predictions.map((found) => outputOf(found, chosen));
  if (values.some((value) => value === null)) return;
  const what = form.has_probabilities ? `probability of ${chosen}` : form.targets[0];
  get("curve").replaceChildren(column.kind === "number" ? lineOf(column, points, values, what) : levelsOf(column, points, values, what));
}

function frameOf(height, what) {
  const svg = drawn("svg", { viewBox: `0 0 ${curveWidth()} ${height}`, role: "img", "aria-label": what });
  svg.append(drawn("text", { x: 0, y: 12 }, what));
  return svg;
}

function lineOf(column, points, values, what) {
  const span = Math.max(...values) - Math.min(...values) || Math.abs(values[0]) || 1;
  const low = form.has_probabilities ? 0 : Math.min(...values) - 0.08 * span, high = form.has_probabilities ? 1 : Math.max(...values) + 0.08 * span;
  const end = curveWidth() - 10;
  const x = (value) => 54 + ((end - 54) * (value - column.low)) / (column.high - column.low || 1);
  const y = (value) => 176 - (150 * (value - low)) / (high - low);
  const svg = frameOf(200, what);
  for (const tick of [low, (low + high) / 2, high]) {
    svg.append(drawn("line", { class: "grid", x1: 54, x2: end, y1: y(tick), y2: y(tick) }));
    svg.append(drawn("text", { x: 48, y: y(tick) + 4, "text-anchor": "end" }, form.has_probabilities ? `${Math.round(100 * tick)} %` : short(tick)));
  }
  svg.append(drawn("polyline", { class: "line", points: points.map((value, i) => `${x(value).toFixed(1)},${y(values[i]).toFixed(1)}`).join(" ") }));
  const here = row[column.name];
  if (here !== null && here >= column.low && here <= column.high) {
    const at = ((here - column.low) / (column.high - column.low || 1)) * (POINTS - 1), i = Math.min(POINTS - 2, Math.floor(at));
    svg.append(drawn("circle", { class: "here", cx: x(here), cy: y(values[i] + (at - i) * (values[i + 1] - values[i])), r: 5 }));
  }
  svg.append(drawn("text", { x: 54, y: 196 }, short(column.low)), drawn("text", { x: end, y: 196, "text-anchor": "end" }, short(column.high)));
  return svg;
}

function levelsOf(column, points, values, what) {
  const low = form.has_probabilities ? 0 : Math.min(0, ...values), high = form.has_probabilities ? 1 : Math.max(0, ...values) || 1;
  const x = (value) => 150 + ((curveWidth() - 230) * (value - low)) / (high - low);
  const svg = frameOf(26 + 22 * points.length, what);
  points.forEach((point, i) => {
    const y = 24 + 22 * i, ends = [x(0), x(values[i])].sort((a, b) => a - b);
    const name = point === true ? "yes" : point === false ? "no" : point;
    svg.append(drawn("text", { x: 142, y: y + 12, "text-anchor": "end" }, name.length > 20 ? `${name.slice(0, 19)}…` : name));
    svg.append(drawn("rect", { class: point === row[column.name] ? "chosen" : "", x: ends[0], y, width: Math.max(1, ends[1] - ends[0]), height: 15, rx: 3 }));
    svg.append(drawn("text", { x: x(Math.max(values[i], 0)) + 6, y: y + 12 }, show(values[i])));
  });
  return svg;
}

// All of it

let timer, later;
function changed() {
  clearTimeout(timer);
  clearTimeout(later);
  timer = setTimeout(answer, 40);
}

async function answer() {
  const turn = ++asked, path = `/models/${form.model}/predict`;
  get("request").textContent = form.image_shape.length ? `POST ${location.origin}${path}`
    : `curl ${location.origin}${path} -H 'Content-Type: application/json' -d '${JSON.stringify(row).replaceAll("'", "'\\''")}'`;
  try {
    const found = await ask(path, row);
    if (turn !== asked) return;
    tell(null);
    showAnswer(found);
    const [first] = found.predictions;
    await showCurve(turn, form.classes.length === 2 ? form.classes[1] : first.prediction);
  } catch (error) {
    if (turn === asked) tell(error);
    return;
  }
  if (!form.can_explain || form.image_shape.length) return;
  later = setTimeout(async () => {
    try {
      const { explanation } = await ask(`${path}?explain=${SHOWN_PARTS}`, row);
      if (turn === asked) showContributions(explanation);
    } catch (error) {
      form.can_explain = false;
      get("explanation").hidden = true;
    }
  }, 250);
}

async function open(name) {
  form = await ask(`/models/${name}/form`);
  row = {};
  pinned = null;
  get("title").textContent = document.title = name;
  get("target").textContent = `${form.task === "classification" ? "Predicted class" : "Predicted number"}: ${form.targets.join(", ")}`;
  get("explanation").hidden = true;
  build();
  get("try").hidden = false;
  changed();
  if (form.stand_in_for) tell(new Error(`This model was trained on a stand-in for ${form.stand_in_for}.`));
}

async function begin() {
  const { models } = await ask("/models");
  get("login").hidden = true;
  tell(null);
  get("models").replaceChildren(...models.map(({ name }) => make("option", { value: name, textContent: name })));
  get("chooser").hidden = models.length < 2;
  await open(models[0].name);
}

get("login").onsubmit = (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", get("token").value);
  begin().catch(tell);
};
get("row").onsubmit = (event) => event.preventDefault();
get("models").onchange = () => open(get("models").value).catch(tell);
get("reset").onclick = () => open(form.model).catch(tell);
get("along").onchange = () => answer();
begin().catch(tell);
