// The stand-in's page: a plain Discord to try a bot with. Everything goes through /control/<action>; nothing is kept here.
import { markdown } from '/markdown.js';

const EMOJIS = ['👍', '❤️', '👎', '💔', '➡️', '📌', '🔍', '❌'];
const $ = (id) => document.getElementById(id);
const make = (tag, text = '', props = {}) => Object.assign(document.createElement(tag), { textContent: text }, props);
const channel = document.body.dataset.channel;
let world = { guilds: [], users: [], commands: [] }, faces = {}, reacted = {}, replying = null, shown = '', hidden = [], atEnd = true, toEnd = false;
const settle = () => { if (atEnd) $('messages').scrollTop = $('messages').scrollHeight; };

async function act(action, args = {}) {
  const answer = await fetch(`/control/${action}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(args) });
  const body = await answer.json();
  $('note').textContent = answer.ok ? '' : body.error;
  if (!answer.ok) throw new Error(body.error);
  return body;
}
const me = () => $('user').value.trim() || 'you';
const guarded = (work) => async (event) => { event?.preventDefault(); event?.target.closest?.('details')?.removeAttribute('open'); try { await work(event); } catch { /* the note says it */ } await refresh(); };
const button = (label, work, props = {}) => make('button', label, { type: 'button', onclick: guarded(work), ...props });

function face(m) {
  const name = m.author.global_name || m.author.username;
  if (faces[m.id]) return make('img', '', { src: faces[m.id], alt: '', className: 'face' });
  const hue = [...name].reduce((sum, c) => (sum * 31 + c.codePointAt(0)) % 360, 7);
  const made = make('span', [...name][0]?.toUpperCase() || '?', { className: 'face', ariaHidden: 'true' });
  made.style.background = `hsl(${hue} 45% 38%)`;
  return made;
}

function drawMessage(m) {
  const row = make('article', '', { id: `m${m.id}` }), head = make('header'), quoted = m.referenced_message;
  row.append(face(m));
  if (quoted) row.append(make('small', `↪ ${quoted.author.global_name || quoted.author.username}: ${quoted.content.slice(0, 120)}`, { className: 'quoted' }));
  head.append(make('b', m.author.global_name || m.author.username), ' ', m.author.bot ? make('span', 'APP', { className: 'app' }) : '', make('small', ` ${new Date(m.timestamp).toLocaleTimeString()}${m.edited_timestamp ? ' (edited)' : ''}${m.flags & 64 ? ' · only you see this' : ''}`));
  row.append(head, markdown(m.content, world));
  for (const e of m.embeds || []) {
    const box = make('div', '', { className: 'box' });
    for (const text of [e.author?.name, e.title, e.description, ...(e.fields || []).map((f) => `**${f.name}**\n${f.value}`), e.footer?.text]) if (text) box.append(markdown(text, world));
    row.append(box);
  }
  for (const a of m.attachments || []) {
    const box = make('div', '', { className: 'attached' });
    box.append(a.content_type?.startsWith('image/') ? make('img', '', { src: a.url, alt: a.filename, onload: settle }) : make('a', a.filename, { href: a.url, download: a.filename }));
    row.append(box);
  }
  for (const c of m.components || []) row.append(drawComponent(c, m));
  if (m.reactions?.length) row.append(drawReactions(m));
  if (!(m.flags & 64)) row.append(drawTools(m));
  return row;
}

const meId = () => world.users.find((u) => u.name === me())?.id;
const react = (m, emoji, added = true) => act('react', { channel, user: me(), message_id: m.id, emoji, added });
function drawReactions(m) {
  const row = make('menu', '', { className: 'reactions' });
  for (const r of m.reactions) {
    const emoji = r.emoji.id ? `${r.emoji.name}:${r.emoji.id}` : r.emoji.name, mine = (reacted[m.id]?.[emoji] || []).includes(meId());
    row.append(button(`${r.emoji.name} ${r.count}`, () => react(m, emoji, !mine), { className: mine ? 'mine' : '', title: mine ? 'Take it back' : 'React so, too' }));
  }
  return row;
}

function folded(label, inside, name = '') {
  const made = make('details'), box = make('div', '', { className: name });
  box.append(...inside);
  made.append(make('summary', label), box);
  return made;
}

function drawTools(m) {
  const tools = make('menu');
  tools.append(button('Reply', () => { replying = m; $('replying').textContent = `Replying to ${m.author.username}. Escape takes it back.`; $('text').focus(); }));
  const other = button('Other…', async () => { const emoji = prompt('Emoji, or name:id of a custom one'); if (emoji) await react(m, emoji); });
  tools.append(folded('React', [...EMOJIS.map((emoji) => button(emoji, () => react(m, emoji))), other], 'emojis'));
  const menus = world.commands.filter((c) => c.type === 3).map((c) => c.name);
  if (menus.length) tools.append(folded('Apps', menus.map((name) => button(name, async () => answered(await act('on_message', { channel, user: me(), command: name, message_id: m.id }))))));
  tools.append(button('Copy link', () => navigator.clipboard.writeText(`https://discord.com/channels/${guild()?.id || '@me'}/${channel}/${m.id}`)));
  if (!m.author.bot) tools.append(button('Edit', async () => { const text = prompt('Edit', m.content); if (text !== null) await act('edit', { channel, message_id: m.id, text }); }));
  tools.append(button('Delete', () => act('delete', { channel, message_id: m.id })));
  return tools;
}
const guild = () => world.guilds.find((g) => g.channels.some((c) => c.id === channel));

function drawComponent(c, m) {
  if (c.type === 2 && c.style === 5) return make('a', c.label || c.url, { href: c.url, target: '_blank', rel: 'noreferrer' });
  if (c.type === 2) return button(`${c.emoji?.name || ''} ${c.label || ''}`.trim(), () => press(m, c.custom_id), { disabled: Boolean(c.disabled), className: `style-${c.style}` });
  if ([3, 5, 6, 7, 8].includes(c.type)) {
    const select = drawSelect(c);
    select.onchange = guarded(() => press(m, c.custom_id, [...select.selectedOptions].map((o) => o.value).filter(Boolean)));
    return select;
  }
  if (c.type === 10) return markdown(c.content, world);
  if (c.type === 14) return make('hr');
  const box = make('div', '', { className: c.type === 17 ? 'box' : 'row' });
  for (const inner of [...(c.components || []), ...(c.accessory ? [c.accessory] : [])]) box.append(drawComponent(inner, m));
  return box;
}

function drawSelect(c) {
  const select = make('select', '', { multiple: (c.max_values ?? 1) > 1, disabled: Boolean(c.disabled), ariaLabel: c.placeholder || c.custom_id });
  if (!select.multiple) select.append(make('option', c.placeholder || 'Choose…', { value: '' }));
  const people = world.users.map((u) => ({ label: u.name, value: u.id })), places = world.guilds.flatMap((g) => g.channels).map((p) => ({ label: p.name, value: p.id }));
  for (const o of c.options || (c.type === 8 ? places : people)) select.append(make('option', o.description ? `${o.label} — ${o.description}` : o.label, { value: o.value, selected: Boolean(o.default) }));
  return select;
}

async function answered(result) {
  for (const m of result.messages) if (m.flags & 64) { hidden = [...hidden.filter((h) => h.id !== m.id), m]; toEnd = true; }
  if (result.modal) openForm(result);
}
const press = async (m, custom_id, values = []) => answered(await act('click', { channel, user: me(), message: m.id, custom_id, values }));

function openForm(result) {
  const form = $('form'), fields = {};
  form.replaceChildren(make('h2', result.modal.title));
  for (const part of result.modal.components) {
    if (part.type === 10) { form.append(make('p', part.content)); continue; }
    const one = part.component || part.components[0], label = make('label', part.label || one.label);
    if (part.description) label.append(make('small', ` ${part.description}`));
    const input = one.type === 4 ? make(one.style === 2 ? 'textarea' : 'input', '', { value: one.value || '', required: one.required !== false, maxLength: one.max_length ?? 4000, minLength: one.min_length ?? 0, placeholder: one.placeholder || '' }) : drawSelect(one);
    fields[one.custom_id] = input; label.append(input); form.append(label);
  }
  form.append(make('button', 'Submit'), make('button', 'Cancel', { type: 'button', onclick: () => $('dialog').close() }));
  form.onsubmit = guarded(async () => {
    const values = Object.fromEntries(Object.entries(fields).map(([id, f]) => [id, f.tagName === 'SELECT' ? [...f.selectedOptions].map((o) => o.value).filter(Boolean) : f.value]));
    const done = await act('submit', { interaction: result.id, user: me(), values });
    $('dialog').close(); await answered(done);
  });
  $('dialog').showModal();
}

// Slash commands: `/character view` with a field for each option; what is typed into one with autocomplete is asked of the bot.
function leaves(node, path = [node.name]) {
  const inner = (node.options || []).filter((o) => o.type < 3);
  return inner.length ? inner.flatMap((o) => leaves(o, [...path, o.name])) : [{ line: path.join(' '), description: node.description, options: node.options || [] }];
}
const KNOWN = { 6: () => world.users.map((u) => u.name), 7: () => (guild()?.channels || []).map((c) => c.name) };
const file = async (one) => ({ name: one.name, kind: one.type || 'application/octet-stream', data: btoa(Array.from(new Uint8Array(await one.arrayBuffer()), (b) => String.fromCharCode(b)).join('')) });
const lines = () => world.commands.filter((c) => c.type === 1).flatMap((c) => leaves(c));
const typedCommand = () => lines().find((c) => `/${c.line}` === `/${$('command').value.trim().replace(/^\//, '')}`);
function drawCommand() {
  const chosen = typedCommand();
  $('options').replaceChildren();
  $('about').textContent = chosen?.description || '';
  if (!chosen) return;
  for (const o of chosen.options) {
    const label = make('label', `${o.name}${o.required ? ' *' : ''} `), list = `list-${o.name}`;
    const field = o.choices || o.type === 5 ? make('select') : make('input', '', { type: { 4: 'number', 10: 'number', 11: 'file' }[o.type] || 'text', step: o.type === 10 ? 'any' : '', placeholder: o.description, title: o.description });
    if (KNOWN[o.type]) { field.setAttribute('list', list); label.append(make('datalist', '', { id: list })); label.lastChild.append(...KNOWN[o.type]().map((name) => make('option', '', { value: name }))); }
    for (const c of o.choices || (o.type === 5 ? [{ name: 'yes', value: 'true' }, { name: 'no', value: 'false' }] : [])) field.append(make('option', c.name, { value: c.value }));
    if (field.tagName === 'SELECT' && !o.required) field.prepend(make('option', '', { value: '', selected: true }));
    Object.assign(field, { name: o.name, required: Boolean(o.required) });
    label.append(field);
    if (o.autocomplete) {
      field.setAttribute('list', list); label.append(make('datalist', '', { id: list }));
      field.oninput = async () => { try { const got = await act('autocomplete', { channel, user: me(), command: chosen.line, focused: o.name, text: field.value }); $(list).replaceChildren(...got.choices.map((c) => make('option', c.name, { value: c.value }))); } catch { /* the note says it */ } };
    }
    $('options').append(label);
  }
}
const typed = (value, type) => (type === 4 ? parseInt(value, 10) : type === 10 ? Number(value) : type === 5 ? value === 'true' : value);
$('run').onsubmit = guarded(async () => {
  const chosen = typedCommand();
  if (!chosen) { $('note').textContent = 'There is no such command. Type / and choose one.'; return; }
  const options = {};
  for (const o of chosen.options) {
    const field = $('run').elements[o.name];
    if (o.type === 11 && field.files[0]) options[o.name] = await file(field.files[0]);
    else if (o.type !== 11 && field.value !== '') options[o.name] = typed(field.value, o.type);
  }
  await answered(await act('slash', { channel, user: me(), command: chosen.line, options }));
  $('command').value = ''; drawCommand();
});
$('command').oninput = drawCommand;
$('say').onsubmit = guarded(async () => {
  const text = $('text').value, files = await Promise.all([...$('files').files].map(file));
  if (!text.trim() && !files.length) return;
  $('text').value = '';  // at once: what is typed while it is on its way stays
  try { await act('say', { channel, user: me(), text, files, ...(replying ? { reply_to: replying.id } : {}) }); } catch (error) { $('text').value ||= text; throw error; }
  replying = null; $('replying').textContent = ''; $('files').value = '';
});
document.addEventListener('keydown', (event) => { if (event.key === 'Escape') { replying = null; $('replying').textContent = ''; } });
$('new-channel').onclick = guarded(async () => { const name = prompt('Name of the channel'); if (name) await act('add_channel', { name, guild: world.guilds.find((g) => g.channels.some((c) => c.id === channel))?.id }); });
$('new-server').onclick = guarded(async () => { const name = prompt('Name of the server'); if (name) await act('add_guild', { name }); });
$('dm').onclick = guarded(async () => { location.href = `/c/${(await act('dm', { user: me() })).id}`; });

async function refresh() {
  let messages;
  try {
    const answer = await fetch('/control/page', { method: 'POST', body: JSON.stringify({ channel }) });
    ({ world, messages, faces, reacted } = await answer.json());
  } catch { $('note').textContent = 'The stand-in is not there any more.'; return; }
  const now = JSON.stringify([world, messages, reacted, hidden, me()]);
  if (now === shown || document.activeElement?.closest('article select, article details[open]')) return;
  shown = now;
  $('state').textContent = world.connected ? 'a bot is connected' : 'no bot is connected';
  const place = (c, mark) => make('a', `${mark}${c.name}`, { href: `/c/${c.id}`, ariaCurrent: c.id === channel ? 'page' : null });
  $('nav').replaceChildren(...world.guilds.flatMap((g) => [make('b', g.name), ...g.channels.map((c) => place(c, c.type > 9 && c.type < 13 ? '↳ ' : '#'))]), ...(world.dms.length ? [make('b', 'Direct messages')] : []), ...world.dms.map((d) => place(d, '@')));
  $('commands').replaceChildren(...lines().map((c) => make('option', c.description, { value: `/${c.line}` })));
  $('people').replaceChildren(...world.users.filter((u) => !u.bot).map((u) => make('option', '', { value: u.name })));
  const box = $('messages');
  atEnd = toEnd || box.scrollTop + box.clientHeight > box.scrollHeight - 80;
  const all = [...messages, ...hidden.filter((h) => h.channel_id === channel)].sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
  box.replaceChildren(...all.map(drawMessage));
  settle();
  toEnd = false;
}
$('user').value = localStorage.getItem('user') || 'you';
$('user').onchange = () => { localStorage.setItem('user', me()); refresh(); };
await refresh();
atEnd = true; settle();
setInterval(refresh, 1000);
