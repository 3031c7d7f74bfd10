// The stand-in's page: a plain Discord to try a bot with. Everything goes through /control/<action>; nothing is kept here.
const $ = (id) => document.getElementById(id);
const make = (tag, text = '', props = {}) => Object.assign(document.createElement(tag), { textContent: text }, props);
const channel = document.body.dataset.channel;
let world = { guilds: [], users: [], commands: [] }, replying = null, shown = '', hidden = [];

async function act(action, args = {}) {
  const answer = await fetch(`/control/${action}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(args) });
  const body = await answer.json();
  $('note').textContent = answer.ok ? '' : body.error;
  if (!answer.ok) throw new Error(body.error);
  return body;
}
const me = () => $('user').value.trim() || 'you';
const guarded = (work) => async (event) => { event?.preventDefault(); try { await work(event); } catch { /* the note says it */ } await refresh(); };
const button = (label, work, props = {}) => make('button', label, { type: 'button', onclick: guarded(work), ...props });

function drawMessage(m) {
  const row = make('article');
  const head = make('header');
  if (m.referenced_message) row.append(make('small', `↪ ${m.referenced_message.author.username}: ${m.referenced_message.content.slice(0, 80)}`));
  head.append(make('b', m.author.global_name || m.author.username), m.author.bot ? make('small', ' APP') : '', make('small', ` ${m.timestamp.slice(11, 19)}${m.edited_timestamp ? ' (edited)' : ''}${m.flags & 64 ? ' · only you see this' : ''}`));
  row.append(head, make('p', m.content));
  for (const e of m.embeds || []) {
    const box = make('blockquote');
    for (const text of [e.author?.name, e.title, e.description, ...(e.fields || []).map((f) => `${f.name}: ${f.value}`), e.footer?.text]) if (text) box.append(make('p', text));
    row.append(box);
  }
  for (const a of m.attachments || []) row.append(make('a', a.filename, { href: a.url }));
  for (const c of m.components || []) row.append(drawComponent(c, m));
  const tools = make('menu');
  for (const r of m.reactions || []) tools.append(button(`${r.emoji.name} ${r.count}`, () => act('react', { channel, user: me(), message_id: m.id, emoji: r.emoji.id ? `${r.emoji.name}:${r.emoji.id}` : r.emoji.name })));
  if (!(m.flags & 64)) {
    tools.append(button('Reply', () => { replying = m; $('replying').textContent = `Replying to ${m.author.username}`; $('text').focus(); }));
    tools.append(button('React', async () => { const emoji = prompt('Emoji', '👍'); if (emoji) await act('react', { channel, user: me(), message_id: m.id, emoji }); }));
    if (!m.author.bot) tools.append(button('Edit', async () => { const text = prompt('Edit', m.content); if (text !== null) await act('edit', { channel, message_id: m.id, text }); }));
    tools.append(button('Delete', () => act('delete', { channel, message_id: m.id })));
  }
  row.append(tools);
  return row;
}

function drawComponent(c, m) {
  if (c.type === 2 && c.style === 5) return make('a', c.label || c.url, { href: c.url, target: '_blank', rel: 'noreferrer' });
  if (c.type === 2) return button(`${c.emoji?.name || ''} ${c.label || ''}`.trim(), () => press(m, c.custom_id), { disabled: Boolean(c.disabled), className: `style-${c.style}` });
  if ([3, 5, 6, 7, 8].includes(c.type)) {
    const select = drawSelect(c);
    select.onchange = guarded(() => press(m, c.custom_id, [...select.selectedOptions].map((o) => o.value).filter(Boolean)));
    return select;
  }
  if (c.type === 10) return make('p', c.content);
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
  for (const m of result.messages) if (m.flags & 64) hidden = [...hidden.filter((h) => h.id !== m.id), m];
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
function drawCommand() {
  const chosen = world.commands.filter((c) => c.type === 1).flatMap((c) => leaves(c)).find((c) => c.line === $('command').value);
  $('options').replaceChildren();
  if (!chosen) return;
  for (const o of chosen.options) {
    const label = make('label', `${o.name}${o.required ? ' *' : ''} `), list = `list-${o.name}`;
    const field = o.choices || o.type === 5 ? make('select') : make('input', '', { type: o.type === 4 || o.type === 10 ? 'number' : 'text', placeholder: o.description });
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
  const chosen = world.commands.flatMap((c) => leaves(c)).find((c) => c.line === $('command').value);
  if (!chosen) throw new Error('choose a command');
  const given = chosen.options.map((o) => [o, $('run').elements[o.name].value]).filter(([, v]) => v !== '');
  await answered(await act('slash', { channel, user: me(), command: chosen.line, options: Object.fromEntries(given.map(([o, v]) => [o.name, typed(v, o.type)])) }));
});
$('command').onchange = drawCommand;
$('say').onsubmit = guarded(async () => {
  await act('say', { channel, user: me(), text: $('text').value, ...(replying ? { reply_to: replying.id } : {}) });
  replying = null; $('replying').textContent = ''; $('text').value = '';
});
$('new-channel').onclick = guarded(async () => { const name = prompt('Name of the channel'); if (name) await act('add_channel', { name, guild: world.guilds.find((g) => g.channels.some((c) => c.id === channel))?.id }); });
$('new-server').onclick = guarded(async () => { const name = prompt('Name of the server'); if (name) await act('add_guild', { name }); });
$('dm').onclick = guarded(async () => { location.href = `/c/${(await act('dm', { user: me() })).id}`; });

async function refresh() {
  let messages;
  try { world = await (await fetch('/control/world', { method: 'POST' })).json(); messages = await (await fetch('/control/messages', { method: 'POST', body: JSON.stringify({ channel }) })).json(); } catch { $('note').textContent = 'The stand-in is not there any more.'; return; }
  const now = JSON.stringify([world, messages, hidden]);
  if (now === shown || document.activeElement?.closest('article select')) return;
  shown = now;
  $('state').textContent = world.connected ? 'a bot is connected' : 'no bot is connected';
  $('nav').replaceChildren(...world.guilds.flatMap((g) => [make('b', g.name), ...g.channels.map((c) => make('a', `#${c.name}`, { href: `/c/${c.id}`, ariaCurrent: c.id === channel ? 'page' : null }))]), ...world.dms.map((d) => make('a', `@${d.name}`, { href: `/c/${d.id}` })));
  const lines = world.commands.filter((c) => c.type === 1).flatMap((c) => leaves(c)), before = $('command').value;
  $('command').replaceChildren(make('option', 'Run a command…', { value: '' }), ...lines.map((c) => make('option', `/${c.line} — ${c.description}`, { value: c.line })));
  $('command').value = before;
  $('people').replaceChildren(...world.users.filter((u) => !u.bot).map((u) => make('option', '', { value: u.name })));
  const down = innerHeight + scrollY > document.body.scrollHeight - 80;
  const all = [...messages.slice(-100), ...hidden].sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
  $('messages').replaceChildren(...all.map(drawMessage));
  if (down) scrollTo(0, document.body.scrollHeight);
}
$('user').value = localStorage.getItem('user') || 'you';
$('user').onchange = () => localStorage.setItem('user', me());
refresh(); setInterval(refresh, 1000);
