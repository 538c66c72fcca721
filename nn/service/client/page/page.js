"use strict";
// The page of the local process, which encrypts and decrypts. Nothing here talks to the server.

const at = (id) => document.getElementById(id);
const board = at("draw"), pen = board.getContext("2d", { willReadFrequently: true });
let about = null, isEmpty = true, isBusy = false, isDrawing = false, last = null, isDigit = false;

function say(text, kind = "") {
  at("status").textContent = text;
  at("status").className = kind;
}

function amount(bytes) {
  for (const unit of ["B", "kB", "MB"]) {
    if (bytes < 999.5) return `${Number(bytes.toPrecision(3))} ${unit}`;
    bytes /= 1000;
  }
  return `${bytes.toPrecision(3)} GB`;
}

function clearBoard() {
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, board.width, board.height);
  isEmpty = true;
  showButton();
}

function showButton() {
  at("classify").disabled = isEmpty || isBusy || !about || about.keys !== "ready";
}

// ---- drawing, opening, dropping

function place(event) {
  const box = board.getBoundingClientRect();
  return [(event.clientX - box.left) * board.width / box.width,
          (event.clientY - box.top) * board.height / box.height];
}

board.addEventListener("pointerdown", (event) => {
  if (isEmpty) isDigit = true;
  board.setPointerCapture(event.pointerId);
  isDrawing = true;
  last = place(event);
  stroke(last);
});
board.addEventListener("pointermove", (event) => {
  if (!isDrawing) return;
  for (const one of event.getCoalescedEvents?.() ?? [event]) stroke(place(one));
});
for (const name of ["pointerup", "pointercancel"]) {
  board.addEventListener(name, () => { isDrawing = false; });
}

function stroke(to) {
  pen.strokeStyle = "#fff";
  pen.lineWidth = 22;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(...last);
  pen.lineTo(to[0] + 0.01, to[1]);
  pen.stroke();
  last = to;
  isEmpty = false;
  showButton();
}

async function open(file) {
  try {
    const picture = await createImageBitmap(file);
    clearBoard();
    const scale = Math.min(board.width / picture.width, board.height / picture.height);
    const width = picture.width * scale, height = picture.height * scale;
    pen.imageSmoothingQuality = "high";
    pen.drawImage(picture, (board.width - width) / 2, (board.height - height) / 2, width, height);
    if (about.shape[0] === 1) invertIfLight((board.width - width) / 2, (board.height - height) / 2, width, height);
    isEmpty = false;
    isDigit = true;
    showButton();
  } catch {
    say("This file is no picture that the browser can read.", "bad");
  }
}

// The networks of one channel were trained on light strokes on a dark ground.
function invertIfLight(left, top, width, height) {
  const data = pen.getImageData(left, top, Math.max(1, width), Math.max(1, height)), d = data.data;
  let edge = 0, count = 0;
  for (let y = 0; y < data.height; y++) {
    for (let x = 0; x < data.width; x++) {
      if (x > 1 && y > 1 && x < data.width - 2 && y < data.height - 2) continue;
      const i = 4 * (y * data.width + x);
      edge += (d[i] + d[i + 1] + d[i + 2]) / 3;
      count++;
    }
  }
  if (edge / count < 128) return;
  for (let i = 0; i < d.length; i += 4) for (let c = 0; c < 3; c++) d[i + c] = 255 - d[i + c];
  pen.putImageData(data, left, top);
}

at("file").addEventListener("change", (event) => {
  if (event.target.files[0]) open(event.target.files[0]);
  event.target.value = "";
});
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); board.classList.add("over"); });
}
document.addEventListener("dragleave", () => board.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  board.classList.remove("over");
  if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
});
at("clear").addEventListener("click", clearBoard);
board.addEventListener("keydown", (event) => { if (event.key === "Enter") at("classify").click(); });

// ---- the picture as the network gets it

// A digit is fitted into 20 x 20 pixels and its centre of mass put in the middle, as those of MNIST.
function inputCanvas() {
  const [, height, width] = about.shape, small = at("small");
  small.width = width;
  small.height = height;
  const ink = small.getContext("2d", { willReadFrequently: true });
  ink.fillStyle = "#000";
  ink.fillRect(0, 0, width, height);
  ink.imageSmoothingQuality = "high";
  const box = about.centred && isDigit ? inkBox() : null;
  if (!box) {
    ink.drawImage(board, 0, 0, width, height);
    return ink;
  }
  const scale = Math.min(width, height) * 20 / 28 / Math.max(box.width, box.height);
  // Smoothly: the browser halves at most once, so a middle size comes first.
  const middle = document.createElement("canvas");
  middle.width = Math.max(1, Math.round(box.width * scale * 3));
  middle.height = Math.max(1, Math.round(box.height * scale * 3));
  const between = middle.getContext("2d");
  between.imageSmoothingQuality = "high";
  between.drawImage(board, box.left, box.top, box.width, box.height, 0, 0, middle.width, middle.height);
  ink.drawImage(middle, width / 2 + (box.left - box.x) * scale, height / 2 + (box.top - box.y) * scale,
    box.width * scale, box.height * scale);
  return ink;
}

function inkBox() {
  const { data } = pen.getImageData(0, 0, board.width, board.height);
  let left = board.width, right = -1, top = board.height, bottom = -1, mass = 0, x = 0, y = 0;
  for (let row = 0; row < board.height; row++) {
    for (let column = 0; column < board.width; column++) {
      const value = data[4 * (row * board.width + column)];
      if (value < 32) continue;
      left = Math.min(left, column); right = Math.max(right, column);
      top = Math.min(top, row); bottom = Math.max(bottom, row);
      mass += value; x += value * (column + 0.5); y += value * (row + 0.5);
    }
  }
  if (!mass) return null;
  return { left, top, width: right - left + 1, height: bottom - top + 1, x: x / mass, y: y / mass };
}

function pixels() {
  const [channels, height, width] = about.shape;
  const { data } = inputCanvas().getImageData(0, 0, width, height);
  const found = [];
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < width * height; i++) {
      const [r, g, b] = data.subarray(4 * i, 4 * i + 3);
      found.push(channels === 1 ? Math.round(0.299 * r + 0.587 * g + 0.114 * b) : [r, g, b][c]);
    }
  }
  return found;
}

// ---- the run

function showNoise(text) {
  const octets = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const ink = at("noise").getContext("2d"), data = ink.createImageData(64, 64);
  for (let i = 0; i < 64 * 64; i++) {
    data.data.set([octets[i], octets[i], octets[i], 255], 4 * i);
  }
  ink.putImageData(data, 0, 0);
}

function light(name) {
  let found = false;
  for (const item of at("layers").children) {
    const is = item.dataset.name === name;
    item.className = is ? "runs" : found ? "" : "done";
    found ||= is;
  }
}

function showAnswer(event) {
  const best = event.probabilities.indexOf(Math.max(...event.probabilities));
  at("class").textContent = about.classes[best];
  at("class").className = about.classes[best].length > 2 ? "word" : "";
  at("certainty").textContent = event.promised
    ? `${(100 * event.probabilities[best]).toFixed(1)} % certain`
    : `${(100 * event.probabilities[best]).toFixed(1)} % certain; the picture is unlike those the network knows`;
  [...at("bars").children].forEach((row, k) => {
    row.querySelector("b").style.width = `${100 * event.probabilities[k]}%`;
    row.lastElementChild.textContent = `${(100 * event.probabilities[k]).toFixed(1)} %`;
  });
}

const told = {
  encrypted(event) {
    showNoise(event.sample);
    at("up").textContent = amount(event.bytes);
    at("seen").textContent = `${amount(event.bytes)} that look like noise; here are 4,096 of them.`;
    say("Encrypted. Waiting for the server…");
  },
  layer(event) { light(event.name); say(`The server runs ${event.name}.`); },
  answer(event) {
    for (const item of at("layers").children) item.className = "done";
    at("down").textContent = amount(event.bytes);
    at("time").textContent = `${event.seconds.toFixed(2)} s`;
    showAnswer(event);
    say("Done.", "good");
  },
  failed(event) { say(event.message, "bad"); },
};

async function classify() {
  isBusy = true;
  showButton();
  for (const item of at("layers").children) item.className = "";
  say("Encrypting…");
  try {
    const answer = await fetch("classify", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Page": "1" },
      body: JSON.stringify({ pixels: pixels() }),
    });
    if (!answer.ok) throw new Error(`the local process refuses: ${answer.status}`);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        const event = JSON.parse(line);
        told[event.event]?.(event);
      }
    }
  } catch (error) {
    say(`${error.message}. Does the process that opened this page still run?`, "bad");
  }
  isBusy = false;
  showButton();
}
at("classify").addEventListener("click", classify);

// ---- the start

function showAbout() {
  at("where").textContent = new URL(about.server).host;
  at("keys").textContent = amount(about.key_bytes);
  at("hint").textContent = about.centred ? "Draw a digit, or drop a picture of one."
    : "Drop or open a picture, or draw.";
  at("layers").replaceChildren(...about.layers.map((name) => {
    const item = document.createElement("li");
    item.textContent = item.dataset.name = name;
    return item;
  }));
  at("bars").replaceChildren(...about.classes.map((name) => {
    const row = document.createElement("div"), label = document.createElement("span");
    row.setAttribute("role", "listitem");
    label.textContent = name;
    const line = document.createElement("i"), share = document.createElement("span");
    line.append(document.createElement("b"));
    row.append(label, line, share);
    return row;
  }));
}

async function start() {
  const states = {
    making: "Making keys: once, a few seconds…",
    uploading: "Uploading the evaluation keys, once…",
  };
  for (;;) {
    try {
      const found = await (await fetch("about")).json();
      if (!about) { about = found; showAbout(); }
      about.keys = found.keys;
      if (found.problem) { say(found.problem, "bad"); return; }
      if (found.keys === "ready") break;
      say(states[found.keys] ?? "");
    } catch {
      say("The process that opened this page does not answer.", "bad");
      return;
    }
    await new Promise((done) => setTimeout(done, 250));
  }
  say("Ready.", "good");
  showButton();
}

clearBoard();
start();
