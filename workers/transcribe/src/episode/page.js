"use strict";
const player = document.getElementById("player");
const search = document.getElementById("search");
const found = document.getElementById("found");
const segments = [...document.querySelectorAll(".s")];
const starts = segments.map((s) => +s.dataset.t);
const buttons = [...document.querySelectorAll("nav button")];
let now = -1;
let word = null;

// The last of the sorted times that is not after t.
function last(times, t) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= t) low = middle + 1; else high = middle;
  }
  return low - 1;
}

function follow() {
  const t = player.currentTime + 0.05;
  const n = last(starts, t);
  if (n !== now) {
    segments[now]?.classList.remove("now");
    now = n;
    const s = segments[n];
    s?.classList.add("now");
    if (s && !player.paused && !search.value) s.scrollIntoView({ block: "center", behavior: "smooth" });
    const c = last(buttons.map((b) => +b.dataset.t), t);
    buttons.forEach((b, i) => (i === c ? b.setAttribute("aria-current", "true") : b.removeAttribute("aria-current")));
  }
  const words = segments[now] ? [...segments[now].children] : [];
  const next = words[last(words.map((w) => +w.dataset.t), t)] ?? null;
  if (next !== word) {
    word?.classList.remove("now");
    next?.classList.add("now");
    word = next;
  }
}

function seek(t) {
  player.currentTime = t;
  player.play()?.catch(() => {});
  follow();
}

player.addEventListener("timeupdate", follow);
player.addEventListener("seeked", follow);
// None of the places has it: the last of them says so, or said so before this script ran. The page's load event waits for
// the player; before it "no source" may only mean that the choice has not begun.
const missing = (is) => { document.getElementById("missing").hidden = !is; };
player.addEventListener("error", () => missing(true));
player.querySelector("source:last-of-type")?.addEventListener("error", () => missing(true));
addEventListener("load", () => {
  if (player.networkState === HTMLMediaElement.NETWORK_NO_SOURCE) missing(true);
});
player.addEventListener("loadedmetadata", () => {
  missing(false);
  player.classList.toggle("sound", player.videoWidth === 0);
});
document.getElementById("file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) player.src = URL.createObjectURL(file);
});
document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-t]");
  if (target && !getSelection().toString()) seek(+target.dataset.t);
});

// A link to a moment: page.html#t=83.5
function openLink() {
  const at = /^#t=([0-9.]+)$/.exec(location.hash);
  if (!at) return;
  const go = () => { player.currentTime = +at[1]; };
  if (player.readyState > 0) go(); else player.addEventListener("loadedmetadata", go, { once: true });
  segments[last(starts, +at[1] + 0.05)]?.scrollIntoView({ block: "center" });
}
addEventListener("hashchange", openLink);
openLink();

const speed = document.getElementById("speed");
speed.addEventListener("change", () => { player.playbackRate = +speed.value; });
function faster(by) {
  speed.selectedIndex = Math.min(Math.max(speed.selectedIndex + by, 0), speed.options.length - 1);
  player.playbackRate = +speed.value;
}

const keys = {
  " ": () => (player.paused ? player.play()?.catch(() => {}) : player.pause()),
  ArrowLeft: () => { player.currentTime = Math.max(0, player.currentTime - 5); },
  ArrowRight: () => { player.currentTime += 5; },
  "<": () => faster(-1),
  ">": () => faster(1),
  "/": () => search.focus(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  // Whoever types, chooses or presses a button means that, and a player has keys of its own.
  if (event.target.closest("input, select, button, a, audio, video")) return;
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// Pressed speakers are shown; none pressed is everybody.
const people = [...document.querySelectorAll(".speakers button")];
people.forEach((button) => button.addEventListener("click", () => {
  button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
  const shown = people.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.speaker);
  for (const turn of document.querySelectorAll(".t")) {
    turn.classList.toggle("off", shown.length > 0 && !shown.includes(turn.dataset.who));
  }
}));
search.addEventListener("input", () => {
  const wanted = search.value.trim().toLowerCase();
  document.body.classList.toggle("searching", wanted !== "");
  let hits = 0;
  for (const s of segments) {
    const hit = wanted !== "" && s.textContent.toLowerCase().includes(wanted);
    s.classList.toggle("hit", hit);
    hits += hit;
  }
  found.textContent = wanted ? String(hits) : "";
});
