// What Discord makes of a message's text, as elements. No text ever becomes markup: everything is set as text.
const INLINE = [
  [/```(?:[a-z0-9+#_-]{0,20}\n)?([\s\S]*?)```/i, (m) => wrap('pre', [m[1]])],
  [/`([^`\n]+)`/, (m) => wrap('code', [m[1]])],
  [/\[([^\[\]\n]+)\]\((https?:\/\/[^\s()<>]+)\)/, (m) => link(m[2], m[1])],
  [/<?(https?:\/\/[^\s<>"”“]*[^\s<>"”“.,:;!?)*_~|'’])>?/, (m) => link(m[1], m[1])],
  [/<@!?(\d+)>/, (m, world) => ping(`@${world.users.find((u) => u.id === m[1])?.name || m[1]}`)],
  [/<#(\d+)>/, (m, world) => ping(`#${world.guilds.flatMap((g) => g.channels).find((c) => c.id === m[1])?.name || m[1]}`)],
  [/<@&(\d+)>/, (m) => ping(`@role ${m[1]}`)],
  [/<t:(-?\d{1,12})(?::[tTdDfFR])?>/, (m) => ping(new Date(m[1] * 1000).toLocaleString())],
  [/<a?:(\w+):\d+>/, (m) => ping(`:${m[1]}:`)],
  [/<\/([\w -]+):\d+>/, (m) => ping(`/${m[1]}`)],
  [/\|\|([\s\S]+?)\|\|/, (m, world) => Object.assign(wrap('span', inline(m[1], world), 'spoiler'), { tabIndex: 0 })],
  [/\*\*([\s\S]+?)\*\*/, (m, world) => wrap('strong', inline(m[1], world))],
  [/__([\s\S]+?)__/, (m, world) => wrap('u', inline(m[1], world))],
  [/\*([^*\s][^*]*)\*/, (m, world) => wrap('em', inline(m[1], world))],
  [/\b_([^_\s][^_]*)_\b/, (m, world) => wrap('em', inline(m[1], world))],
  [/~~([\s\S]+?)~~/, (m, world) => wrap('s', inline(m[1], world))],
];
const wrap = (tag, parts, name = '') => { const made = document.createElement(tag); if (name) made.className = name; made.append(...parts); return made; };
const link = (href, text) => Object.assign(wrap('a', [text]), { href, target: '_blank', rel: 'noreferrer' });
const ping = (text) => wrap('span', [text], 'ping');

function inline(text, world) {
  const found = INLINE.map(([pattern, made]) => [text.match(pattern), made]).filter(([m]) => m);
  if (!found.length) return text ? [text] : [];
  const [m, made] = found.reduce((first, next) => (next[0].index < first[0].index ? next : first));
  return [...inline(text.slice(0, m.index), world), made(m, world), ...inline(text.slice(m.index + m[0].length), world)];
}

function block(line, world) {
  const heading = line.match(/^(#{1,3}) +(\S.*)/), list = line.match(/^ {0,8}[-*] +(\S.*)/), quote = line.match(/^> ?(.*)/);
  if (line.startsWith('-# ')) return wrap('small', inline(line.slice(3), world));
  if (heading) return wrap(`h${heading[1].length}`, inline(heading[2], world), 'said');
  if (list) return wrap('ul', [wrap('li', inline(list[1], world))]);
  return quote ? wrap('blockquote', inline(quote[1], world)) : null;
}

/** A text as Discord shows it, in an element. */
export function markdown(text, world) {
  const shown = wrap('div', [], 'text');
  for (const part of text.split(/(```[\s\S]*?```)/)) {
    if (part.startsWith('```')) { shown.append(...inline(part, world)); continue; }
    let plain = [];
    const flush = () => { shown.append(...inline(plain.join('\n'), world)); plain = []; };
    for (const line of part.split('\n')) {
      const made = block(line, world);
      if (made) { if (plain.length) flush(); shown.append(made); } else plain.push(line);
    }
    flush();
  }
  return shown;
}
