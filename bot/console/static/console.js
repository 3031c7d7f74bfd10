"use strict";
// Comfort only: every page works without this file but for live updates and the reply button.
const $ = (id) => document.getElementById(id);

// Light and dark: kept in a cookie, so that the server can send the page in the right colours at once.
const dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
$("theme")?.addEventListener("click", () => {
  const next = dark() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  document.cookie = `tzurot_theme=${next}; path=/; max-age=31536000; samesite=strict`;
});

// Times in the reader's own zone.
const FORMS = {
  hour: { year: "numeric", month: "short", day: "2-digit", hour: "2-digit" },
  clock: { hour: "2-digit", minute: "2-digit", second: "2-digit" },
  minute: { hour: "2-digit", minute: "2-digit" },
  full: { dateStyle: "medium", timeStyle: "medium" },
};
function localise() {
  for (const at of document.querySelectorAll("time[data-form]")) {
    const moment = new Date(at.dateTime);
    at.textContent = new Intl.DateTimeFormat(undefined, FORMS[at.dataset.form]).format(moment);
    at.title = moment.toLocaleString();
    delete at.dataset.form;
  }
}

// The chat stays at its end while one is reading there.
const scroll = $("scroll");
let following = true;
scroll?.addEventListener("scroll", () => { following = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 120; });
function follow(force) { if (scroll && $("lines") && (force || following)) scroll.scrollTo({ top: scroll.scrollHeight, behavior: "instant" }); }

document.addEventListener("htmx:oobAfterSwap", () => { localise(); arrived(); follow(false); });
// A line that changed takes its old place, others stand in the order of their ids; what is there no more goes.
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  if (event.detail.target?.id !== "lines") return;
  const lines = [...event.detail.fragment.querySelectorAll(".line[id]")], list = $("lines");
  for (const line of lines) {
    const old = $(line.id);
    if (old) { exchange(old, line); continue; }
    const next = [...list.querySelectorAll(".line[id]")].find((one) => BigInt(one.id.slice(1)) > BigInt(line.id.slice(1)));
    if (next) next.before(line);
  }
});
// Whoever is just doing something there keeps the place, and the sheet that is open over an unchanged text.
function exchange(old, line) {
  const said = (one) => one.querySelector(".text")?.textContent;
  if (old.querySelector("details.more[open]") && said(old) === said(line)) { line.remove(); return; }
  const controls = (one) => [...one.querySelectorAll("a, button, summary")], at = controls(old).indexOf(document.activeElement);
  old.replaceWith(line);
  if (at >= 0) { const now = controls(line), same = now[at]; (same && !same.disabled ? same : now.find((one) => !one.disabled))?.focus(); }
}
document.addEventListener("htmx:afterSettle", () => { for (const mark of document.querySelectorAll("#ear [data-gone]")) { $(mark.dataset.gone)?.remove(); mark.remove(); } });
// What is done with a reply: what comes back stands above the composer.
document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-act]");
  if (!form) return;
  event.preventDefault();
  if (form.dataset.busy) return;
  form.dataset.busy = "1";  // not `disabled`, which would take the focus away
  $("refused").textContent = $("done").textContent = "";
  try {
    const answer = await fetch(form.action, { method: "POST", headers: { "HX-Request": "true" }, body: new URLSearchParams(new FormData(form, event.submitter)) });
    const said = (await answer.text()).trim();
    if (answer.status === 422) $("refused").textContent = said;
    else if (!answer.ok) trouble(answer.status === 401 ? "You are logged out. Reload the page to log in." : `That did not work (${answer.status}).`);
    else { $("done").innerHTML = said; form.closest("details")?.removeAttribute("open"); }
  } catch {
    trouble("The console does not answer. Is Tzurot still running?");
  }
  delete form.dataset.busy;
});
document.addEventListener("toggle", (event) => { if (event.target.matches?.("details.more[open]")) event.target.querySelector(".sheet").scrollIntoView({ block: "nearest" }); }, true);
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest?.("details.more[open]");
  if (open) { open.removeAttribute("open"); open.querySelector("summary").focus(); }
});
// The menu of pages closes when one looks elsewhere.
const menu = document.querySelector("details.menu");
document.addEventListener("click", (event) => { if (menu?.open && !menu.contains(event.target)) menu.open = false; });
menu?.addEventListener("keydown", (event) => { if (event.key === "Escape" && menu.open) { menu.open = false; menu.querySelector("summary").focus(); } });
menu?.addEventListener("focusout", (event) => { if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false; });
// Earlier messages come in above what one is reading, which stays where it is.
let heightBefore = 0;
const isEarlier = (event) => event.detail.target?.id === "lines" && event.detail.xhr;
document.addEventListener("htmx:beforeSwap", (event) => { if (isEarlier(event)) { heightBefore = scroll.scrollHeight - scroll.scrollTop; following = false; } });
document.addEventListener("htmx:afterSettle", (event) => { if (isEarlier(event)) scroll.scrollTo({ top: scroll.scrollHeight - heightBefore, behavior: "instant" }); });
document.addEventListener("htmx:afterSwap", localise);
document.addEventListener("htmx:sseMessage", () => { document.querySelector(".live-dot")?.classList.remove("off"); trouble(""); follow(false); regroup(); trim(); });
document.addEventListener("htmx:sseOpen", () => { document.querySelector(".live-dot")?.classList.remove("off"); trouble(""); });
document.addEventListener("htmx:sseError", () => { document.querySelector(".live-dot")?.classList.add("off"); });
document.addEventListener("htmx:sendError", () => trouble("The console does not answer. Is Tzurot still running?"));
document.addEventListener("htmx:responseError", (event) => trouble(event.detail.xhr.status === 401 ? "You are logged out. Reload the page to log in." : `That did not work (${event.detail.xhr.status}).`));
function trouble(text) { const box = $("trouble"); box.textContent = text; box.hidden = !text; }

// A turn's row comes again as it grows: the older one goes, and what was unfolded stays so.
function regroup() {
  const seen = new Set();
  for (const row of document.querySelectorAll("#events > [data-turn]")) {
    if (!seen.has(row.dataset.turn)) { seen.add(row.dataset.turn); continue; }
    const now = document.querySelector(`#events > [data-turn="${row.dataset.turn}"]`), open = row.querySelector("details[open]");
    if (open) now.querySelector("details").open = true;
    row.remove();
  }
}
// Whoever reads may hold the stream: what comes meanwhile is counted, and shown afterwards.
const pause = $("pause"), held = [];
if (pause) pause.hidden = false;
document.addEventListener("htmx:sseBeforeMessage", (event) => {
  if (pause?.getAttribute("aria-pressed") !== "true" || event.target.id !== "events") return;
  event.preventDefault(); held.push(event.detail.data); pause.textContent = `Go on (${held.length} new)`;
});
pause?.addEventListener("click", () => {
  const on = pause.getAttribute("aria-pressed") !== "true";
  pause.setAttribute("aria-pressed", String(on)); pause.textContent = on ? "Go on" : "Pause";
  if (!on) { for (const rows of held.splice(0)) { $("events")?.insertAdjacentHTML("afterbegin", rows); } localise(); regroup(); trim(); }
});
// A live timeline is left open for days.
function trim() { const list = $("events"); while (list && list.children.length > 500) list.lastElementChild.remove(); }

// Writing.
const text = $("text"), composer = $("composer");
function grow() { if (!CSS.supports("field-sizing", "content")) { text.style.height = "auto"; text.style.height = `${text.scrollHeight}px`; } }
text?.addEventListener("input", grow);
text?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); if (text.value.trim()) composer.requestSubmit(); }
  if (event.key === "Escape") quote(null);
});
// What was written leaves the box at once and stands on the page as pending; lines are sent one after the other, and what could not
// be sent comes back into the box, before whatever was typed meanwhile.
const queue = [];
let sending = false;
composer?.addEventListener("submit", (event) => {
  if (!("quick" in composer.dataset)) return;
  event.preventDefault();
  const said = text.value.trim();
  if (!said) return;
  const fields = new FormData(composer);
  fields.set("text", said);
  const files = $("pictures").files.length;
  queue.push({ fields, line: pending(files ? `${said}\n(${files === 1 ? "a picture" : `${files} pictures`})` : said) });
  text.value = ""; text.dispatchEvent(new Event("input")); $("pictures").value = ""; chosen(); grow(); quote(null); follow(true); text.focus();
  send();
});
function chosen() {
  const label = $("pictures").closest("label"), count = $("pictures").files.length;
  if (count) label.dataset.count = count; else delete label.dataset.count;
}
$("pictures")?.addEventListener("change", chosen);
function pending(said) {
  const line = document.createElement("article"), body = document.createElement("div"), shown = document.createElement("div");
  line.className = "line mine pending"; body.className = "body"; shown.className = "text"; shown.textContent = said;
  shown.style.whiteSpace = "pre-wrap";
  body.append(shown); line.append(body); $("pending").append(line);
  return line;
}
async function send() {
  if (sending) return;
  sending = true;
  while (queue.length) {
    const next = queue[0], problem = await post(next);
    if (problem === null) { queue.shift(); continue; }
    const back = problem.lasting ? queue.splice(0, 1) : queue.splice(0);
    for (const one of back) one.line.remove();
    text.value = [...back.map((one) => one.fields.get("text")), text.value].filter(Boolean).join("\n");
    const again = new DataTransfer();
    for (const file of [...back.flatMap((one) => one.fields.getAll("pictures")), ...$("pictures").files]) if (file.size) again.items.add(file);
    $("pictures").files = again.files; chosen();
    grow();
    if (problem.sentence) $("refused").textContent = problem.sentence;
  }
  sending = false;
}
// Null when it was sent; else what to say, and whether only this line is refused.
async function post(one) {
  try {
    const answer = await fetch(composer.action, { method: "POST", headers: { "HX-Request": "true" }, body: one.fields });
    const said = (await answer.text()).trim();
    if (answer.status === 422) return { lasting: true, sentence: said };
    if (!answer.ok) { trouble(answer.status === 401 ? "You are logged out. Reload the page to log in." : `That did not work (${answer.status}).`); return { lasting: false }; }
    $("refused").textContent = said;
    one.line.dataset.message = answer.headers.get("tzurot-message") ?? "";
    arrived();
    return null;
  } catch {
    trouble("The console does not answer. Is Tzurot still running?");
    return { lasting: false };
  }
}
function arrived() { for (const line of document.querySelectorAll("#pending [data-message]")) if ($(`m${line.dataset.message}`)) line.remove(); }
function quote(button) {
  if (!$("reply_to")) return;
  $("reply_to").value = button ? button.dataset.reply : "";
  $("quoted").textContent = button ? `Replying to ${button.dataset.who}` : "";
  $("quoting").hidden = !button;
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-reply]");
  if (button) { quote(button); text.focus(); }
});
// Text is copied as it was written, with its markdown. Where a browser gives no clipboard (no TLS), the button stays away.
function copies() { if (navigator.clipboard) for (const button of document.querySelectorAll("[data-copy][hidden]")) button.hidden = false; }
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const done = await navigator.clipboard.writeText(button.dataset.copy).then(() => true, () => false), label = button.querySelector(".label"), was = label.textContent;
  label.textContent = done ? "Copied" : "Not copied"; setTimeout(() => { label.textContent = was; }, 1500);
});
for (const change of ["htmx:oobAfterSwap", "htmx:afterSwap"]) document.addEventListener(change, copies);
copies();
$("unquote")?.addEventListener("click", () => { quote(null); text.focus(); });
$("author")?.addEventListener("change", (event) => { document.cookie = `tzurot_name=${encodeURIComponent(event.target.value.trim())}; path=/; max-age=31536000; samesite=strict`; });

// A slug for a new character while none was typed.
const name = $("f-name"), slug = $("f-slug");
name?.addEventListener("input", () => { if (slug && !slug.dataset.own) slug.placeholder = name.value.normalize("NFKD").replace(/[^\x00-\x7f]/g, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^[^a-z]+|-+$/g, "").slice(0, 50).replace(/-+$/, ""); });
slug?.addEventListener("input", () => { slug.dataset.own = "1"; });

// How much of a field is used, from four fifths on.
for (const box of document.querySelectorAll("[data-limit]")) {
  const limit = Number(box.dataset.limit), said = $(box.dataset.counter) ?? document.createElement("small");
  if (!said.isConnected) { said.className = "counter"; said.setAttribute("aria-live", "polite"); box.after(said); }
  const count = () => { const used = [...box.value].length; said.textContent = used > limit * 0.8 ? `${used.toLocaleString("en")} of ${limit.toLocaleString("en")} characters` : ""; said.classList.toggle("over", used > limit); };
  box.addEventListener("input", count); count();
}
document.querySelector("[autofocus]")?.focus();

if (matchMedia("(min-width: 761px)").matches) for (const box of document.querySelectorAll("details.drawer, details.filter-box")) box.open = true;
localise();
follow(true);
if (text && matchMedia("(min-width: 761px)").matches) text.focus();

// The turn after and before this one, within the filter.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  if (event.key === "j" || event.key === "k") document.querySelector(`a[data-key="${event.key}"]`)?.click();
});

// A page that looks again by itself: not while nobody sees it, nor under somebody's fingers.
const again = () => document.querySelector("[data-again]");
if (again()) setInterval(() => {
  const shown = again();
  if (document.hidden || shown.contains(document.activeElement) || String(getSelection())) return;
  htmx.ajax("GET", location.pathname + location.search, { target: shown, select: "[data-again]", swap: "outerHTML" });
}, again().dataset.again * 1000);
