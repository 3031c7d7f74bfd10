// discord.js against the stand-in Discord: one JSON line per check, {"check", "ok", "saw"}. Run by tests/service/test_discord_judges.py.
import { createRequire } from 'node:module';

const { BASE, TOKEN, MODULES } = process.env;
const require = createRequire(MODULES + '/');
const D = require('discord.js');
const { GatewayIntentBits: I } = D;
const client = new D.Client({
  intents: [I.Guilds, I.GuildMessages, I.MessageContent, I.GuildMessageReactions, I.DirectMessages],
  rest: { api: `${BASE}/api`, version: '10' },
  allowedMentions: { parse: [] },
});

const control = async (action, args = {}) => {
  const answer = await fetch(`${BASE}/control/${action}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(args),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${action}: ${body.error}`);
  return body;
};
const next = (event, test = () => true) => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new Error(`no ${event}`)), 8000);
  const look = (...args) => { if (test(...args)) { clearTimeout(timer); client.off(event, look); resolve(args[0]); } };
  client.on(event, look);
});
const check = async (name, work) => {
  try { console.log(JSON.stringify({ check: name, ok: true, saw: String(await work()) })); }
  catch (error) { console.log(JSON.stringify({ check: name, ok: false, saw: String(error).slice(0, 300) })); }
};
const refused = async (work) => {
  try { await work(); } catch (error) { return error.code ?? error.name; }
  throw new Error('was not refused');
};
const expect = (saw, wanted) => { if (saw !== wanted) throw new Error(`${saw} is not ${wanted}`); return saw; };

let channel, message, hook, thread, panel;
await check('connect', async () => { const up = next('clientReady'); await client.login(TOKEN); await up; return client.user.username; });
await check('receive', async () => {
  const [, got] = await Promise.all([control('say', { channel: 'general', user: 'alice', text: 'hello' }), next('messageCreate')]);
  channel = got.channel; message = got; return expect(got.content, 'hello');
});
await check('send', async () => { message = await message.reply('sent'); return expect(message.type, D.MessageType.Reply); });
await check('embed', async () => (await channel.send({ embeds: [new D.EmbedBuilder().setTitle('T').setDescription('D')] })).embeds[0].title);
await check('file', async () => (await channel.send({ files: [{ attachment: Buffer.from('x'), name: 'x.txt' }] })).attachments.first().name);
await check('edit', async () => expect((await message.edit('edited')).content, 'edited'));
await check('react', async () => {
  const [, seen] = await Promise.all([message.react('👍'), next('messageReactionAdd')]); return expect(seen.emoji.name, '👍');
});
await check('history', async () => (await channel.messages.fetch({ limit: 2 })).size);
await check('delete', async () => { const one = await channel.send('gone'); await one.delete(); return refused(() => channel.messages.fetch({ message: one.id, force: true })); });
await check('register', async () => {
  const echo = new D.SlashCommandBuilder().setName('echo').setDescription('Echo')
    .addStringOption((o) => o.setName('text').setDescription('Text').setRequired(true).setAutocomplete(true));
  const ask = new D.SlashCommandBuilder().setName('ask').setDescription('Ask');
  return (await client.application.commands.set([echo, ask])).size;
});
client.on('interactionCreate', async (i) => {
  if (i.isAutocomplete()) await i.respond([{ name: `${i.options.getFocused()}!`, value: 'v' }]);
  else if (i.isChatInputCommand() && i.commandName === 'echo') { await i.deferReply(); await i.editReply(`echo ${i.options.getString('text')}`); }
  else if (i.isChatInputCommand()) {
    const field = new D.TextInputBuilder().setCustomId('why').setLabel('Why').setStyle(D.TextInputStyle.Short);
    await i.showModal(new D.ModalBuilder().setCustomId('form').setTitle('Form').addComponents(new D.ActionRowBuilder().addComponents(field)));
  } else if (i.isModalSubmit()) await i.reply({ content: `because ${i.fields.getTextInputValue('why')}`, flags: D.MessageFlags.Ephemeral });
  else if (i.isStringSelectMenu()) await i.update({ content: `chose ${i.values[0]}`, components: [] });
  else if (i.isButton()) await i.reply({ content: 'pressed' });
});
await check('slash command', async () => expect((await control('slash', { channel: 'general', user: 'alice', command: 'echo', options: { text: 'a' } })).text, 'echo a'));
await check('autocomplete', async () => expect((await control('autocomplete', { channel: 'general', user: 'alice', command: 'echo', focused: 'text', text: 'he' })).choices[0].name, 'he!'));
await check('modal', async () => {
  const opened = await control('slash', { channel: 'general', user: 'alice', command: 'ask' });
  return expect((await control('submit', { interaction: opened.id, user: 'alice', values: { why: 'x' } })).text, 'because x');
});
await check('component', async () => {
  const button = new D.ButtonBuilder().setCustomId('b').setLabel('B').setStyle(D.ButtonStyle.Primary);
  const select = new D.StringSelectMenuBuilder().setCustomId('s').addOptions({ label: 'One', value: '1' });
  panel = await channel.send({ content: 'panel', components: [new D.ActionRowBuilder().addComponents(button), new D.ActionRowBuilder().addComponents(select)] });
  return expect((await control('click', { channel: 'general', user: 'alice', message: panel.id, custom_id: 'b' })).text, 'pressed');
});
await check('select', async () => {
  const changed = next('messageUpdate');
  await control('click', { channel: 'general', user: 'alice', message: panel.id, custom_id: 's', values: ['1'] });
  await changed; return expect((await channel.messages.fetch({ message: panel.id, force: true })).content, 'chose 1');
});
await check('components of version 2', async () => {
  const sent = await channel.send({ flags: D.MessageFlags.IsComponentsV2, components: [new D.TextDisplayBuilder().setContent('shown')] });
  return expect(sent.components[0].content, 'shown');
});
await check('webhook', async () => {
  hook = await channel.createWebhook({ name: 'Voices' });
  const sent = await hook.send({ content: 'by hook', username: 'Lilith' });
  return expect((await hook.editMessage(sent.id, { content: 'changed' })).content, 'changed');
});
await check('thread', async () => {
  thread = await channel.threads.create({ name: 'aside', type: D.ChannelType.PublicThread }); await thread.send('in it');
  return (await hook.send({ content: 'hook in it', threadId: thread.id })).channelId === thread.id;
});
await check('archive', async () => {
  const one = await thread.send('x'); await thread.setArchived(true); return expect(await refused(() => one.edit('y')), 50083);
});
await check('refuses a long text', async () => expect(await refused(() => channel.send('x'.repeat(2001))), 50035));
await check('refuses nothing', async () => expect(await refused(() => channel.send({ content: ' ' })), 50006));
await check('refuses an unknown target', async () => expect(await refused(() => channel.send({ content: 'x', reply: { messageReference: '1', failIfNotExists: true } })), 50035));
await check('refuses a bad webhook', async () => expect(await refused(() => new D.WebhookClient({ id: hook.id, token: 'bad' }, { rest: { api: `${BASE}/api` } }).send('x')), 50027));
await check('resume', async () => {
  const resumed = next('shardResume'); await control('gateway', { do: 'reconnect' }); await resumed;
  const [, got] = await Promise.all([control('say', { channel: 'general', user: 'alice', text: 'after' }), next('messageCreate', (m) => m.content === 'after')]);
  return got.content;
});
await client.destroy();
process.exit(0);
