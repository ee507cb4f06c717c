/* The page as a whole: what is overall, groups, filters, the time that passes, and how it
 * comes to know of newer generations. */

const byId = (id) => document.getElementById(id);

const data = JSON.parse(byId('data').textContent);
let summary = data.summary;

/* Wall time here at which the generation that is shown was made, were the clocks the same. */
let madeAt = Math.min(timeOf(summary.generated_at), Date.now());

/* By name, in the document's order; and by group, in the order of their first targets. */
let rows = new Map();
let groups = [];

/* The daemon's wall time now, as far as it is known here; and the other way round. */
function nowThere() {
	return Date.now() - madeAt + timeOf(summary.generated_at);
}

function timeHere(text) {
	return timeOf(text) - timeOf(summary.generated_at) + madeAt;
}

/* ---- groups of rows ---- */

/* What has no group comes last, under the empty name. */
function groupCards(cards) {
	const found = new Map();
	for (const card of cards) {
		const name = typeof card.group === 'string' ? card.group : '';
		if (!found.has(name))
			found.set(name, []);
		found.get(name).push(card);
	}
	const rest = found.get('');
	if (rest) {
		found.delete('');
		found.set('', rest);
	}
	return found;
}

function makeGroup(name, cards, title) {
	const heading = element('h2', '', title);
	const told = element('p', 'told');
	const list = element('ul', 'list');
	const section = element('section', 'group', element('div', 'head', heading, told), list);
	heading.id = 'group' + groups.length;
	section.setAttribute('aria-labelledby', heading.id);
	const members = cards.map((card) => rows.get(card.name));
	list.append(...members.map((row) => row.item));
	return { name, section, told, members };
}

/* More rows than that are laid out when they come into sight. */
const MANY = 150;

/* Rows that are there already are kept, with what is open in them. */
function makeRows(cards) {
	const now = nowThere();
	const old = rows;
	rows = new Map();
	for (const card of cards) {
		const row = old.get(card.name) ?? makeRow();
		rows.set(card.name, row);
		refillRow(row, card, now);
	}
}

function layOut(cards) {
	const focused = document.activeElement;
	makeRows(cards);
	const found = groupCards(cards);
	const rest = found.size > 1 ? 'Other targets' : 'Targets';
	groups = [];
	for (const [name, members] of found)
		groups.push(makeGroup(name, members, visible(name || rest)));
	const note = element('p', 'note');
	note.id = 'note';
	byId('targets').replaceChildren(...groups.map((group) => group.section), note);
	byId('targets').classList.toggle('many', cards.length > MANY);
	focused?.focus({ preventScroll: true });
	fillGroupChoice();
}

function refillRow(row, card, now) {
	if (row.key !== JSON.stringify(card))
		fillRow(row, card, now);
}

/* Only these have changed. */
function updateRows(cards) {
	const now = nowThere();
	for (const card of cards) {
		const row = rows.get(card.name);
		if (row)
			refillRow(row, card, now);
	}
}

function fillGroupHeads() {
	for (const { told, members } of groups) {
		const failed = members.filter((row) => hasFailed(row.card)).length;
		const degraded = members.filter((row) => row.card.status === 'degraded').length;
		const words = [countWords(members.length, 'target', 'targets')];
		if (failed > 0)
			words.push(failed + ' failed');
		if (degraded > 0)
			words.push(degraded + ' degraded');
		setText(told, words.join(', '));
	}
}

/* ---- filters, kept in the address, so that they last over a reload and can be shared ---- */

function fillGroupChoice() {
	const names = groups.map((group) => group.name).filter((name) => name !== '');
	const chosen = byId('group').value;
	const options = names.map((name) => new Option(oneLine(name, 60), name));
	byId('group').replaceChildren(new Option('All groups', ''), ...options);
	byId('groups').hidden = names.length === 0;
	byId('group').value = names.includes(chosen) ? chosen : '';
}

function readAddress() {
	const kept = new URLSearchParams(location.hash.slice(1));
	byId('failing').checked = kept.has('failing');
	byId('text').value = kept.get('text') ?? '';
	byId('group').value = kept.get('group') ?? '';
	if (byId('group').selectedIndex < 0)
		byId('group').value = '';
	if (kept.has('paused') !== paused)
		setPaused(!paused);
}

function writeAddress() {
	const kept = new URLSearchParams();
	if (byId('failing').checked)
		kept.set('failing', '1');
	if (byId('group').value !== '')
		kept.set('group', byId('group').value);
	if (byId('text').value.trim() !== '')
		kept.set('text', byId('text').value.trim());
	if (paused)
		kept.set('paused', '1');
	const hash = kept.toString();
	if (hash !== location.hash.slice(1))
		history.replaceState(history.state, '', '#' + hash);
}

function applyFilters() {
	const failing = byId('failing').checked;
	const words = byId('text').value.toLowerCase().split(/\s+/).filter(Boolean);
	const chosen = byId('group').value;
	let shown = 0;
	for (const group of groups) {
		let here = 0;
		for (const row of group.members) {
			const fits = (!failing || hasFailed(row.card)) &&
				(chosen === '' || group.name === chosen) &&
				words.every((word) => row.found.includes(word));
			setHidden(row.item, !fits);
			here += fits;
		}
		setHidden(group.section, here === 0);
		shown += here;
	}
	tellShown(shown);
}

function tellShown(shown) {
	const all = rows.size;
	byId('filters').hidden = all === 0;
	setText(byId('shown'), shown === all ? '' : `${shown} of ${all} shown`);
	setText(byId('note'), all === 0 ? 'The config has no targets.' : 'Nothing fits the filters.');
	byId('note').hidden = shown > 0;
}

function onFilter() {
	applyFilters();
	writeAddress();
}

/* ---- what is overall ---- */

let lost = false;
let paused = false;
let pausedAt = 0;

/* What is paused is of then, and as good as it was then. */
function isStale() {
	return (paused ? pausedAt : Date.now()) > timeHere(summary.stale_after);
}

/* What noticeWords() and followingWords() go by. */
function footing() {
	const told = (isSo, time) => isSo ? timeWords(time, Date.now()) : '';
	return {
		live: data.live, lost, paused: told(paused, pausedAt), made: told(true, madeAt),
		due: told(isStale(), timeHere(summary.stale_after)),
	};
}

function fillOverall() {
	const words = overallWords(summary, [...rows.values()].map((row) => row.card));
	const stale = isStale();
	const family = stale ? 'stale' : paused ? 'paused' : overallFamily(summary);
	setText(byId('headline'), stale ? 'Last known: ' + words : words);
	setText(byId('notice'), noticeWords(footing()));
	setText(byId('following'), followingWords(footing(), reloadEvery()));
	byId('notice').hidden = byId('notice').textContent === '';
	setClass(byId('top'), family);
	byId('sign').setAttribute('d', SIGNS[family]);
	fillTab(family);
}

/* The tab says it, too: by a word and by its icon. */
function fillTab(family) {
	const title = tabWords(summary, family);
	const image = signImage(family);
	if (document.title !== title)
		document.title = title;
	if (byId('favicon').getAttribute('href') !== image)
		byId('favicon').href = image;
}

function fillFacts() {
	const { number, targets, duration_ms, started_at } = summary.round;
	const took = duration_ms === null ? '' : ` in ${latencyWords(duration_ms)}`;
	setText(byId('host'), visible(summary.host));
	setText(byId('generation'), String(summary.generation));
	const round = started_at === null ? 'No round yet'
		: `Round ${number} at ${timeWords(timeHere(started_at), Date.now())}: ` +
			countWords(targets, 'target', 'targets') + took;
	setText(byId('round'), `${visible(summary.generator)}. ${round}.`);
}

/* How much of the whole has each status: a bar, and the same in words. */
function fillCounts() {
	const present = [...STATUSES].filter(([name]) => summary.counts[name] > 0);
	byId('counts').replaceChildren(...present.map(([name, status]) => {
		const item = element('li', status.family,
			element('b', '', String(summary.counts[name])), ' ' + status.word);
		item.prepend(iconOf(status));
		return item;
	}));
	const [paths, width] = sharePaths(
		present.map(([name, status]) => [status.family, summary.counts[name]]));
	byId('shares').setAttribute('viewBox', `0 0 ${width} 16`);
	byId('shares').replaceChildren(...paths);
}

/* ---- the time that passes ---- */

function fillAge() {
	const age = byId('age');
	setText(age, spanWords(Date.now() - madeAt) + ' ago');
	age.title = timeWords(madeAt, 0);
	age.dateTime = summary.generated_at;
}

let seconds = 0;
let wasStale = false;

function onSecond() {
	if (isStale() !== wasStale)
		showOverall();
	if (document.hidden)
		return;
	fillAge();
	if (++seconds % 10 === 0)
		fillAllTimes();
}

function fillAllTimes() {
	const now = nowThere();
	for (const row of rows.values())
		fillTimes(row, now);
}

function showOverall() {
	wasStale = isStale();
	fillOverall();
}

function showAll() {
	showOverall();
	fillFacts();
	fillCounts();
	fillAge();
	fillGroupHeads();
	applyFilters();
}

/* ---- newer generations ---- */

function follow() {
	setText(byId('pause'), paused ? 'Resume updates' : 'Pause updates');
	(data.live ? followLive : followFile)();
}

/* Whoever reads is not to be disturbed: WCAG 2.2, success criterion 2.2.2. */
function setPaused(wanted) {
	paused = wanted;
	pausedAt = Date.now();
	follow();
	showOverall();
}

/* -- live: the daemon tells of each -- */

/* A short break is made good before anybody has to be told. */
const LOST_AFTER_MS = 3000;
const RETRY_MS = 5000;
const RETRY_WHILE_STALE_MS = 30000;

let source = null;
let lostTimer = 0;
let retryTimer = 0;
let sawFirst = false; /* of this connection: that one may be old */

function followLive() {
	source?.close();
	source = null;
	clearTimeout(retryTimer);
	clearTimeout(lostTimer);
	lostTimer = 0;
	if (paused) {
		setLost(false);
		return;
	}
	sawFirst = false;
	source = new EventSource('events');
	source.onopen = onOpen;
	source.onerror = onError;
	source.addEventListener('generation', onGeneration);
	/* A connection may be dead without a word: one that brings no news is begun anew. */
	retryTimer = setTimeout(renewIfStale, RETRY_WHILE_STALE_MS);
}

function renewIfStale() {
	if (isStale())
		followLive();
	else
		retryTimer = setTimeout(renewIfStale, RETRY_WHILE_STALE_MS);
}

function onOpen() {
	clearTimeout(lostTimer);
	lostTimer = 0;
	sawFirst = false;
	setLost(false);
}

/* The browser tries again by itself, unless the answer was an error. */
function onError() {
	if (lostTimer === 0 && !lost)
		lostTimer = setTimeout(() => setLost(true), LOST_AFTER_MS);
	if (source.readyState === EventSource.CLOSED) {
		clearTimeout(retryTimer);
		retryTimer = setTimeout(retryLive, RETRY_MS);
	}
}

function retryLive() {
	const waiting = lostTimer !== 0;
	followLive();
	if (waiting)
		onError();
}

function setLost(isLost) {
	lostTimer = 0;
	if (lost === isLost)
		return;
	lost = isLost;
	showOverall();
}

/* See serve/events.h. */
function onGeneration(event) {
	const news = JSON.parse(event.data);
	/* Another version of the program may tell what this script does not know. */
	if (news.summary.generator !== summary.generator) {
		keepPlace();
		location.reload();
		return;
	}
	const isNewer = news.generation !== summary.generation;
	summary = news.summary;
	/* What came while we listened is new, whatever the two clocks say. */
	if (isNewer)
		madeAt = sawFirst ? Date.now() : Math.min(timeOf(summary.generated_at), Date.now());
	sawFirst = true;
	if (news.complete && !isLaidOut(news.entries))
		layOut(news.entries);
	else
		updateRows(news.entries);
	showAll();
}

/* Are these the targets that are shown, in this order? */
function isLaidOut(cards) {
	const shown = [...rows.values()];
	return cards.length === shown.length && cards.every((card, i) =>
		card.name === shown[i].card.name && card.group === shown[i].card.group);
}

/* -- a file: it looks for a newer one of itself -- */

const RELOAD_LEAST_MS = 5000;

let reloadTimer = 0;

/* What is stale after two intervals and a timeout comes about twice in that time. */
function reloadEvery() {
	const lasts = timeOf(summary.stale_after) - timeOf(summary.generated_at);
	return Math.min(Math.max(RELOAD_LEAST_MS, lasts / 2), 2 ** 31 - 1);
}

function followFile() {
	clearTimeout(reloadTimer);
	if (!paused)
		reloadTimer = setTimeout(reload, reloadEvery());
}

/* Not from under somebody who is marking a text. */
function reload() {
	if (String(getSelection()) !== '') {
		reloadTimer = setTimeout(reload, RELOAD_LEAST_MS);
		return;
	}
	keepPlace();
	location.reload();
}

/* What is open, what has the focus: over a reload. */
function keepPlace() {
	const open = [...rows.values()].filter((row) => !row.more.hidden).map((row) => row.card.name);
	const active = document.activeElement;
	const name = active?.closest('.target')?.row.card.name;
	history.replaceState({ open, name, id: name === undefined ? active?.id : '' }, '');
}

function restorePlace() {
	const kept = history.state;
	if (!kept)
		return;
	const now = nowThere();
	for (const name of kept.open ?? [])
		if (rows.has(name))
			toggleRow(rows.get(name), now);
	const focused = rows.get(kept.name)?.button ?? (kept.id ? byId(kept.id) : null);
	focused?.focus({ preventScroll: true });
	history.replaceState(null, '');
}

/* ---- the beginning ---- */

function onClick(event) {
	const row = event.target.closest('.row')?.parentNode.row;
	/* The whole row is a place to click at; a text in it may be marked all the same. */
	if (row && (event.target.closest('button') || String(getSelection()) === ''))
		toggleRow(row, nowThere());
}

function listen() {
	byId('filters').addEventListener('input', onFilter);
	byId('filters').addEventListener('submit', (event) => event.preventDefault());
	byId('targets').addEventListener('click', onClick);
	byId('pause').addEventListener('click', () => { setPaused(!paused); writeAddress(); });
	addEventListener('hashchange', () => { readAddress(); applyFilters(); });
	addEventListener('pageshow', (event) => { if (event.persisted) follow(); });
	addEventListener('pagehide', () => source?.close());
	document.addEventListener('visibilitychange', () => { if (!document.hidden) fillAllTimes(); });
	setInterval(onSecond, 1000);
}

byId('pause').hidden = false;
byId('links').hidden = !data.live;
layOut(data.entries);
readAddress();
showAll();
restorePlace();
listen();
follow();
