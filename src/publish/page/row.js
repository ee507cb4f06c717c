/* One target: its row, the bars of its last outcomes, and what is told when it is opened; and the
 * bar of the whole, whose parts have the same shapes. Whatever comes from outside becomes a
 * text node, never markup. */

/* CHILDREN: nodes, or texts. */
function element(name, className, ...children) {
	const made = document.createElement(name);
	if (className)
		made.className = className;
	made.append(...children);
	return made;
}

function svgPath(className, lines) {
	const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
	path.setAttribute('class', className);
	path.setAttribute('d', lines);
	return path;
}

/* NODE's text, written only where it changes: what stays costs no layout. */
function setText(node, text) {
	if (node.textContent !== text)
		node.textContent = text;
}

function setClass(node, className) {
	if (node.className !== className)
		node.className = className;
}

function setHidden(node, hidden) {
	if (node.hidden !== hidden)
		node.hidden = hidden;
}

function iconOf(status) {
	const icon = document.getElementById('row').content.querySelector('.icon').cloneNode(true);
	icon.firstElementChild.setAttribute('d', status.icon);
	return icon;
}

/* ---- bars: each 2 wide and 1 apart, the newest at the right end ---- */

const BARS = 60;
const BAR_STEP = 3;
const BAR_FOOT = 27;
const BAR_MOST = 25;

function box(x, top, bottom) {
	return `M${x} ${top}h2V${bottom}h-2z`;
}

/* A family has a shape, too: a bar, one with its top cut off, one that is broken, a dot. */
const BAR_SHAPES = {
	good: (x, top) => box(x, top, BAR_FOOT),
	warn: (x, top) => box(x, top - 2, top) + box(x, Math.min(top + 2, BAR_FOOT - 2), BAR_FOOT),
	bad: (x) => box(x, 2, 12) + box(x, 17, BAR_FOOT),
	idle: (x) => box(x, BAR_FOOT - 3, BAR_FOOT),
};

/* What succeeded is as high as it took long; MOST ms and more are full height. */
function barTop(ms, most) {
	const height = most > 0 ? Math.round((BAR_MOST - 3) * Math.min((ms ?? 0) / most, 1)) : 0;
	return BAR_FOOT - 2 - height;
}

/* The longest success, but no more than three times the usual: else a single one that took very
 * long would make all others flat. */
function mostDuration(history) {
	const sorted = successDurations(history).sort((a, b) => a - b);
	const usual = sorted[sorted.length >> 1] ?? 0;
	return Math.min(sorted.at(-1) ?? 0, 3 * Math.max(usual, 1));
}

/* One path for each family, not an element for each bar: pages have 60,000 of them. */
function barPaths(history) {
	const lines = { good: '', warn: '', bad: '', idle: '' };
	const first = BARS - history.outcomes.length;
	const most = mostDuration(history);
	for (let i = 0; i < history.outcomes.length; i++) {
		const family = BY_LETTER.get(history.outcomes[i])?.family ?? 'idle';
		const x = (first + i) * BAR_STEP;
		lines[family] += BAR_SHAPES[family](x, barTop(history.durations_ms[i], most));
	}
	return Object.entries(lines).filter(([, d]) => d !== '').map(([family, d]) => svgPath(family, d));
}

function fillSpark(row, history) {
	const key = history.outcomes + history.durations_ms;
	if (row.sparkKey === key)
		return;
	row.sparkKey = key;
	const title = row.spark.firstChild;
	title.textContent = historyWords(history);
	row.spark.replaceChildren(title, svgPath('foot', 'M0 28h180'), ...barPaths(history));
}

/* ---- the bar of the whole: a part for each status, as wide as it has targets ---- */

const SHARES_WIDTH = 1000;
const SHARE_LEAST = 12; /* One of a thousand is seen, too. */

/* From where to where its pieces go down, of 16: whole, its top cut off, higher and broken in
 * two, a line at the foot. */
const SHARE_SHAPES = {
	good: [[6, 16]], warn: [[2, 7], [7, 16]], bad: [[0, 8], [8, 16]], idle: [[12, 16]],
};

/* SHARES: [family, how many]. Returns their paths and how wide they are in all. */
function sharePaths(shares) {
	const total = shares.reduce((sum, [, count]) => sum + count, 0);
	let x = 0;
	const paths = shares.map(([family, count]) => {
		const width = Math.max(SHARE_LEAST, Math.round(SHARES_WIDTH * count / total));
		const pieces = SHARE_SHAPES[family]
			.map(([top, bottom]) => `M${x} ${top}h${width}V${bottom}h-${width}z`);
		x += width;
		return svgPath(family, pieces.join(''));
	});
	return [paths, x];
}

/* ---- the row ---- */

let rowCount = 0;

/* Without a card yet. */
function makeRow() {
	const item = document.getElementById('row').content.firstElementChild.cloneNode(true);
	const part = (selector) => item.querySelector(selector);
	const row = {
		item, button: part('button'), name: part('.name'), tags: part('.tags'),
		icon: part('.status path'), word: part('.status span'), line: part('.line'),
		spark: part('.spark'), latency: part('.latency'), since: part('.since'),
		more: part('.more'),
	};
	row.more.id = 'more' + ++rowCount;
	row.button.setAttribute('aria-controls', row.more.id);
	row.button.id = 'open' + rowCount;
	item.row = row;
	return row;
}

/* ROW shows CARD from now on. */
function fillRow(row, card, now) {
	const status = statusOf(card);
	row.card = card;
	row.key = JSON.stringify(card);
	row.found = searchText(card);
	setClass(row.item, `target ${status.family}${row.more.hidden ? '' : ' open'}`);
	setText(row.name, card.name);
	if (row.shownStatus !== status.word) {
		row.icon.setAttribute('d', status.icon);
		row.word.textContent = row.shownStatus = status.word;
	}
	setText(row.latency, latencyWords(card.duration_ms));
	fillTags(row, card);
	fillSpark(row, card.history);
	fillTimes(row, now);
	if (!row.more.hidden)
		fillMore(row, now);
}

/* What changes by the time alone. */
function fillTimes(row, now) {
	const since = timeOf(row.card.since);
	const { from, words, isWhole } = lineOf(row.card, now);
	setText(row.since, Number.isNaN(since) ? '' : 'for ' + spanWords(now - since));
	setText(row.line, words);
	setClass(row.line, `line${from === 'certificate' ? ' due' : ''}${isWhole ? ' whole' : ''}`);
	setHidden(row.line, words === '');
	row.told = isWhole ? from : '';
}

function fillTags(row, card) {
	const tags = tagsOf(card);
	const key = tags.join('\n');
	if (row.tagsKey === key)
		return;
	row.tagsKey = key;
	row.tags.replaceChildren(...tags.map((text) => element('span', 'tag', oneLine(text, 60))));
}

function tagsOf(card) {
	const labels = Object.entries(card.labels ?? {});
	return [
		...card.kind === 'prompt' ? ['prompt'] : [],
		...card.required ? [] : ['not required'],
		...labels.map(([name, value]) => `${name}: ${valueWords(value)}`),
	];
}

/* What the text filter looks into. */
function searchText(card) {
	return [card.name, card.group, card.description, card.status, card.error?.message,
		card.url, card.provider, card.model, ...card.warnings ?? [], ...tagsOf(card)]
		.join('\n').toLowerCase();
}

/* ---- what is told when it is opened ---- */

function toggleRow(row, now) {
	const open = row.more.hidden;
	row.more.hidden = !open;
	row.item.classList.toggle('open', open);
	row.button.setAttribute('aria-expanded', String(open));
	if (open)
		fillMore(row, now);
	else
		row.more.replaceChildren();
}

/* What its line tells, and whole, is not told again. */
const PARTS = {
	description: (card) => [element('p', 'description', visible(card.description))],
	error: ({ error }) => [
		element('h4', '', 'Error'),
		element('p', 'error', visible(error.message ?? error.kind)),
	],
	warnings: (card) => [
		element('h4', '', 'Warnings'),
		element('ul', 'warnings', ...card.warnings.map((text) => element('li', '', visible(text)))),
	],
	response: answerParts,
	values: (card) => [element('h4', '', 'Values'), factList(valuesOf(card))],
};

function fillMore(row, now) {
	const card = row.card;
	const parts = Object.keys(PARTS).filter((name) => card[name] && name !== row.told);
	row.more.replaceChildren(
		...parts.flatMap((name) => PARTS[name](card)),
		...excerptParts(card),
		factList(factsOf(card, now)));
}

function excerptParts({ error }) {
	return error?.excerpt ? [
		element('h4', '', 'Beginning of the answer'),
		element('p', 'excerpt', visible(error.excerpt)),
	] : [];
}

/* Of what kind the error is, and when it came, unless status and message say that. */
function errorWords({ error, status }) {
	const doing = error?.phase ? phaseWords(error.phase) : '';
	const isNew = doing !== '' && !error.message?.includes(doing);
	if (!error || (error.kind === status && !isNew))
		return '';
	return visible(error.kind) + (isNew ? `, while ${doing}` : '');
}

function phaseWords(phase) {
	const words = { queued: 'waiting for a free slot', dns: 'looking up the name',
		connect: 'connecting', tls: 'in the TLS handshake',
		first_byte: 'waiting for the first byte', body: 'reading the answer' };
	return Object.hasOwn(words, phase) ? words[phase] : String(phase);
}

/* It may be longer than its place: then it scrolls, by the keyboard, too. */
function answerParts(card) {
	const answer = element('div', 'answer', visible(card.response));
	answer.tabIndex = 0;
	answer.setAttribute('role', 'region');
	answer.setAttribute('aria-label', 'Answer of ' + card.name);
	return [element('h4', '', 'Answer'), answer];
}

function valuesOf(card) {
	return Object.entries(card.values).map(([name, value]) => [name, visible(valueWords(value))]);
}

/* FACTS: [what, text]. One that is long gets lines of its own. */
function factList(facts) {
	const list = element('dl', '');
	for (const [what, text] of facts)
		list.append(element('div', text.length > 36 ? 'long' : '',
			element('dt', '', visible(what)), element('dd', '', text)));
	return list;
}

/* What is not known is left out. */
function factsOf(card, now) {
	const when = (text) => Number.isNaN(timeOf(text)) ? '' : momentWords(timeOf(text), now);
	const certificate = certificateWords(card, now);
	return [
		['Since', when(card.since)],
		['Last checked', when(card.checked_at)],
		['Last ok', when(card.last_ok_at) || 'never'],
		['Kind of error', errorWords(card)],
		['Failures in a row', card.failures > 0 ? String(card.failures) : ''],
		['Held back until', when(card.next_at)],
		['HTTP status', String(card.http_status ?? '')],
		['Attempts', String(card.attempts ?? '')],
		['Certificate', certificate && `${certificate}, ${dayWords(new Date(card.certificate_expires_at))}`],
		['Provider', visible(card.provider ?? '')],
		['Model', visible(card.model ?? '')],
		['Cost', String(card.cost ?? '')],
		['Used again', card.reused ? 'yes, nothing has changed' : ''],
		['History', historyWords(card.history)],
		['URL', visible(card.url ?? '')],
		['Redirected to', visible(card.final_url ?? '')],
	].filter(([, text]) => text !== '');
}

/* "04:40:00 (12 s ago)". */
function momentWords(ms, now) {
	const apart = ms > now ? 'in ' + spanWords(ms - now) : spanWords(now - ms) + ' ago';
	return `${timeWords(ms, now)} (${apart})`;
}
