// Pages work without this. It keeps them up to date, tells the server the reader's time zone, and stops double clicks.
"use strict";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !document.cookie.split("; ").includes(`racord_zone=${zone}`)) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `racord_zone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

const news = document.getElementById("news");

// A form that somebody has begun to fill in, or is in, is never taken away from under their hands.
const isHeld = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea")
  || part.querySelector("form[data-dirty], form[aria-busy=true]") !== null;

function swap(old, fresh) {
  const states = new Map([...old.querySelectorAll("details[id]")].map((one) => [one.id, one]));
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  for (const details of fresh.querySelectorAll("details[id]")) {
    const before = states.get(details.id);
    details.defaultOpen = details.open;
    // What the reader folded or unfolded stays so, unless the server's own mind changed.
    if (before?.defaultOpen === details.open) details.open = before.open;
  }
  old.replaceWith(fresh);
  prepare(fresh);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function hold(part) {
  if (part.querySelector(":scope > .held")) return;
  const note = document.createElement("p");
  const link = document.createElement("a");
  note.className = "held";
  link.href = location.pathname + location.search;
  link.textContent = news.dataset.reload;
  note.append(news.dataset.held, " ", link);
  part.prepend(note);
}

async function refresh() {
  const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  let changed = false;
  for (const fresh of page.querySelectorAll("[data-part]")) {
    const old = document.getElementById(fresh.id);
    if (!old || old.isEqualNode(fresh)) continue;
    if (isHeld(old)) hold(old);
    else swap(old, fresh);
    changed = true;
  }
  document.body.dataset.revision = page.body.dataset.revision ?? "";
  if (changed) news.textContent = news.dataset.changed;
}

function prepare(root) {
  for (const details of root.querySelectorAll("details[id]")) details.defaultOpen ??= details.open;
  for (const ticks of root.querySelectorAll("[data-ticks]")) {
    if (ticks.childElementCount < 4) continue;
    const boxes = [...ticks.querySelectorAll("input")];
    const all = document.createElement("button");
    const name = () => { all.textContent = boxes.every((box) => box.checked) ? news.dataset.none : news.dataset.all; };
    all.type = "button";
    all.className = "button quiet small";
    all.addEventListener("click", () => {
      const tick = !boxes.every((box) => box.checked);
      for (const box of boxes) box.checked = tick;
      name();
      boxes[0].dispatchEvent(new Event("input", { bubbles: true }));
    });
    ticks.addEventListener("change", name);
    name();
    ticks.before(all);
  }
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let details = target?.closest("details"); details; details = details.parentElement.closest("details")) details.open = true;
  target?.scrollIntoView();
}

document.addEventListener("input", (event) => event.target.form?.setAttribute("data-dirty", ""));
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-once]")) return;
  if (event.target.ariaBusy === "true") event.preventDefault();
  event.target.ariaBusy = "true";
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
});
window.addEventListener("hashchange", openTarget);
window.addEventListener("pageshow", (event) => {
  for (const form of document.querySelectorAll("form[aria-busy]")) form.ariaBusy = null;
  if (event.persisted) refresh();
});

prepare(document);
if (location.hash) openTarget();
if (new URLSearchParams(location.search).has("said")) history.replaceState(null, "", location.pathname);

const live = document.body.dataset.live;
if (live) {
  let timer;
  const stream = new EventSource("/api/v1/events/stream");
  const soon = () => { clearTimeout(timer); timer = setTimeout(refresh, 250); };
  // What moved between the making of the page and the opening of the stream was told to nobody.
  const catchUp = async () => {
    if (live === "all") { if (connected) soon(); return; }
    const answer = await fetch(`/api/v1/onboardings/${live}`).catch(() => null);
    if (answer?.ok && String((await answer.json()).revision) !== document.body.dataset.revision) soon();
  };
  let connected = false;
  stream.addEventListener("open", () => { catchUp(); connected = true; });
  stream.addEventListener("onboarding", (event) => {
    if (live === "all" || JSON.parse(event.data).onboarding === live) soon();
  });
}
