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

document.addEventListener("htmx:oobAfterSwap", () => { localise(); follow(false); });
document.addEventListener("htmx:afterSwap", localise);
document.addEventListener("htmx:sseMessage", () => { document.querySelector(".live-dot")?.classList.remove("off"); trouble(""); follow(false); trim(); });
document.addEventListener("htmx:sseOpen", () => { document.querySelector(".live-dot")?.classList.remove("off"); trouble(""); });
document.addEventListener("htmx:sseError", () => { document.querySelector(".live-dot")?.classList.add("off"); });
document.addEventListener("htmx:sendError", () => trouble("The console does not answer. Is Tzurot still running?"));
document.addEventListener("htmx:responseError", (event) => trouble(event.detail.xhr.status === 401 ? "You are logged out. Reload the page to log in." : `That did not work (${event.detail.xhr.status}).`));
function trouble(text) { const box = $("trouble"); box.textContent = text; box.hidden = !text; }

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
composer?.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) { text.value = ""; grow(); quote(null); follow(true); }
  text.focus();
});
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
$("unquote")?.addEventListener("click", () => { quote(null); text.focus(); });
$("author")?.addEventListener("change", (event) => { document.cookie = `tzurot_name=${encodeURIComponent(event.target.value.trim())}; path=/; max-age=31536000; samesite=strict`; });

// A slug for a new character while none was typed.
const name = $("name"), slug = $("slug");
name?.addEventListener("input", () => { if (slug && !slug.dataset.own) slug.placeholder = name.value.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^[^a-z]+|-+$/g, "").slice(0, 50); });
slug?.addEventListener("input", () => { slug.dataset.own = "1"; });

if (matchMedia("(min-width: 761px)").matches) for (const box of document.querySelectorAll("details.drawer, details.filter-box")) box.open = true;
localise();
follow(true);
if (text && matchMedia("(min-width: 761px)").matches) text.focus();
