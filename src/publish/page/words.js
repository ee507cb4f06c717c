'use strict';

/* Words, numbers and times for people. Nothing here touches the document. */

/* What a target can be: the letter of it in a history, the word for it, the family that its
 * colour and the shape of its bars are of, and the lines of its icon, in a square of 16. */
const CIRCLE = 'M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13z';
const STATUSES = new Map(Object.entries({
	ok: { letter: 'o', word: 'ok', family: 'good', icon: CIRCLE + 'M5 8.2l2.1 2.1L11.2 6' },
	degraded: { letter: 'd', word: 'degraded', family: 'warn',
		icon: 'M8 1.8L15 14H1zM8 6v4M8 11.6v.6' },
	timeout: { letter: 't', word: 'timeout', family: 'bad', icon: CIRCLE + 'M8 4.2V8l2.6 1.8' },
	http_error: { letter: 'h', word: 'http error', family: 'bad',
		icon: 'M8 1L15 8L8 15L1 8zM8 4.8v4M8 10.6v.6' },
	error: { letter: 'e', word: 'error', family: 'bad',
		icon: 'M5.2 1.5h5.6L14.5 5.2v5.6L10.8 14.5H5.2L1.5 10.8V5.2zM5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8' },
	cancelled: { letter: 'c', word: 'cancelled', family: 'idle', icon: CIRCLE + 'M3.6 12.4l8.8-8.8' },
	skipped: { letter: 's', word: 'skipped', family: 'idle', icon: CIRCLE + 'M5 5l3 3-3 3M8.6 5l3 3-3 3' },
	pending: { letter: 'p', word: 'pending', family: 'idle', icon: CIRCLE + 'M4.6 8h.1M8 8h.1M11.4 8h.1' },
}));
const BY_LETTER = new Map([...STATUSES.values()].map((status) => [status.letter, status]));

/* A document that a former run wrote may have words of another version. */
function statusOf(card) {
	return STATUSES.get(card.status) ??
		{ word: String(card.status), family: 'idle', icon: STATUSES.get('pending').icon };
}

/* As the document has it: what is listed as failed. */
function hasFailed(card) {
	return !['ok', 'degraded', 'pending'].includes(card.status);
}

/* The same for the whole, by its family. */
const SIGNS = {
	good: STATUSES.get('ok').icon, warn: STATUSES.get('degraded').icon,
	bad: STATUSES.get('error').icon, idle: STATUSES.get('pending').icon,
	stale: CIRCLE + 'M5.9 6.3a2.1 2.1 0 1 1 3.3 1.7c-.8.6-1.2.9-1.2 1.7M8 11.4v.4',
	paused: CIRCLE + 'M6.3 5.4v5.2M9.7 5.4v5.2',
};
const SIGN_COLOURS = {
	good: '#1a7f37', warn: '#9a6700', bad: '#cf222e', idle: '#6e7781', stale: '#6e7781',
	paused: '#6e7781',
};

/* For the tab: as the address of an image. */
function signImage(family) {
	return 'data:image/svg+xml,' + encodeURIComponent(
		'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 18 18">' +
		`<path d="${SIGNS[family]}" fill="none" stroke="${SIGN_COLOURS[family]}" stroke-width="2"/></svg>`);
}

/* Between a number and its unit: they stay on one line. */
const NBSP = '\u00a0';

/* TEXT from outside, on one line or more, without what no screen shows. */
function visible(text) {
	return String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}

function oneLine(text, most) {
	const line = visible(text).replace(/\s+/g, ' ').trim();
	/* Not within a character of two units. */
	return line.length > most ? line.slice(0, most).replace(/[\ud800-\udbff]$/, '') + '…' : line;
}

/* 0.4 ms, 183 ms, 5.0 s, 2 min. */
function latencyWords(ms) {
	if (typeof ms !== 'number')
		return '';
	if (ms < 10)
		return ms.toFixed(1) + NBSP + 'ms';
	if (ms < 999.5)
		return Math.round(ms) + NBSP + 'ms';
	if (ms < 60000)
		return (ms / 1000).toFixed(1) + NBSP + 's';
	return spanWords(ms);
}

/* 12 s, 3 min, 2 h 5 min, 3 d 4 h. */
function spanWords(ms) {
	const seconds = Math.max(0, Math.floor(ms / 1000));
	const minutes = Math.floor(seconds / 60);
	const hours = Math.floor(minutes / 60);
	const days = Math.floor(hours / 24);
	if (minutes < 1)
		return seconds + NBSP + 's';
	if (hours < 1)
		return minutes + NBSP + 'min';
	if (days < 1)
		return two(hours, 'h', minutes % 60, 'min');
	return two(days, 'd', hours % 24, 'h');
}

function two(large, largeUnit, small, smallUnit) {
	const first = large + NBSP + largeUnit;
	return small > 0 ? first + NBSP + small + NBSP + smallUnit : first;
}

/* A wall time of the document in milliseconds; NaN: none. */
function timeOf(text) {
	return typeof text === 'string' ? Date.parse(text) : NaN;
}

/* 2026-11-21 04:40:00, where the reader is; today's without the date. */
function timeWords(ms, now) {
	const time = new Date(ms);
	const day = dayWords(time);
	const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits).join(':');
	return day === dayWords(new Date(now)) ? clock : day + ' ' + clock;
}

function dayWords(time) {
	return time.getFullYear() + '-' + twoDigits(time.getMonth() + 1) + '-' + twoDigits(time.getDate());
}

function twoDigits(number) {
	return String(number).padStart(2, '0');
}

/* "a, b, c and 9 more". */
function listWords(names, most) {
	const first = names.slice(0, most).map((name) => oneLine(name, 40)).join(', ');
	return names.length > most ? first + ` and ${names.length - most} more` : first;
}

function countWords(count, one, many) {
	return count === 1 ? '1 ' + one : count + ' ' + many;
}

/* "2 of 12 targets", "All 12 targets". */
function shareWords(count, total) {
	if (count < total)
		return `${count} of ${total} targets`;
	return total === 1 ? 'The only target' : `All ${total} targets`;
}

/* The overall state in one sentence. CARDS: of all targets. */
function overallWords(summary, cards) {
	const { total, ok, pending } = summary.counts;
	const failed = summary.failed;
	if (total === 0)
		return 'There are no targets';
	if (failed.length > 0)
		return failedWords(summary, cards);
	if (degradedOf(cards).length > 0)
		return degradedWords(cards);
	if (pending === total)
		return 'No target was asked yet';
	return shareWords(ok, total) + areWords(ok) + ' ok' +
		(pending > 0 ? `, ${pending} not asked yet` : '');
}

function degradedOf(cards) {
	return cards.filter((card) => card.status === 'degraded').map((card) => card.name);
}

function areWords(count) {
	return count === 1 ? ' is' : ' are';
}

function degradedWords(cards) {
	const degraded = degradedOf(cards);
	return shareWords(degraded.length, cards.length) + areWords(degraded.length) +
		' degraded: ' + listWords(degraded, 5);
}

/* The document is ok as long as all that failed is not required. */
function failedWords(summary, cards) {
	const failed = summary.failed;
	const required = cards.filter((card) => card.required);
	const some = shareWords(failed.length, summary.counts.total) + ' failed';
	if (summary.status !== 'ok')
		return `${some}: ${listWords(failed, 5)}`;
	if (required.length === 0)
		return `${some}, not required: ${listWords(failed, 5)}`;
	return `${requiredWords(cards, required)}; ${listWords(failed, 5)} failed, which` +
		areWords(failed.length) + ' not required';
}

/* REQUIRED: some of CARDS, none of which failed. */
function requiredWords(cards, required) {
	const pending = required.filter((card) => card.status === 'pending').length;
	if (degradedOf(cards).length > 0)
		return degradedWords(cards);
	if (pending > 0)
		return `No required target failed, ${pending} not asked yet`;
	return required.length === 1 ? 'The only required target is ok' : 'All required targets are ok';
}

/* The family of the whole: as the document has it. What is degraded deserves a look, required or
 * not. */
function overallFamily(summary) {
	const { ok, degraded } = summary.counts;
	if (summary.status !== 'ok' && summary.failed.length > 0)
		return 'bad';
	if (degraded > 0)
		return 'warn';
	return ok > 0 ? 'good' : 'idle';
}

/* "2 of 6 failed - web1 - gatherd". */
function tabWords(summary, family) {
	const failed = `${summary.failed.length} of ${summary.counts.total} failed`;
	const word = family === 'bad' ? failed
		: family === 'stale' || family === 'paused' ? family : summary.status;
	return `${word} - ${visible(summary.host)} - gatherd`;
}

/* How far the page is to be trusted; '': it is. PAUSED, MADE, DUE: when it was paused, when what
 * it shows was made, when something newer should have come; '': that is not so. No time that
 * passes stands here: a screen reader would tell of each second. */
function noticeWords({ live, lost, paused, made, due }) {
	if (paused !== '' && due === '')
		return `Paused at ${paused}; what stands here is of then.`;
	const words = [];
	if (lost)
		words.push('The connection to gatherd is lost. Trying again.');
	if (due !== '')
		words.push(live ? `No news from gatherd since ${made}: what stands here may have changed.`
			: `Old since ${due}: this file was made at ${made}, and no newer one has taken its place.`);
	return words.join(' ');
}

/* What the page does by itself. EVERY: how often, in milliseconds, a file is read again. */
function followingWords({ live, lost, paused, due }, every) {
	if (paused !== '')
		return 'Updates are paused';
	if (!live)
		return 'Reloads every ' + spanWords(every);
	if (lost)
		return 'Connecting again';
	return due !== '' ? 'Waiting for news' : 'Updates by itself';
}

/* The last outcomes, for those who do not see the bars. */
function historyWords(history) {
	const outcomes = [...history.outcomes];
	const durations = successDurations(history);
	const counts = [...BY_LETTER.values()]
		.map((status) => [outcomes.filter((letter) => letter === status.letter).length, status.word])
		.filter(([count]) => count > 0)
		.map(([count, word]) => `${count} ${word}`);
	if (outcomes.length === 0)
		return 'No outcomes yet';
	return `Last ${countWords(outcomes.length, 'outcome', 'outcomes')}: ${counts.join(', ')}` +
		(durations.length > 0 ? '; a good one took ' + rangeWords(durations) : '');
}

/* How long those took whose bars have a height of their own. */
function successDurations(history) {
	return history.durations_ms
		.filter((ms, i) => ms !== null && 'od'.includes(history.outcomes[i]));
}

function rangeWords(durations) {
	const least = latencyWords(Math.min(...durations));
	const most = latencyWords(Math.max(...durations));
	return least === most ? most : `${least} to ${most}`;
}

/* How long the certificate of a target lasts; '': nobody knows. */
function certificateWords(card, now) {
	const left = timeOf(card.certificate_expires_at) - now;
	if (Number.isNaN(left))
		return '';
	return left < 0 ? `expired ${spanWords(-left)} ago` : `expires in ${spanWords(left)}`;
}

const CERTIFICATE_SOON_MS = 14 * 86400e3;

function certificateIsDue(card, now) {
	return timeOf(card.certificate_expires_at) - now < CERTIFICATE_SOON_MS;
}

/* A value as one reads it: texts without their quotes, all else as JSON. */
function valueWords(value) {
	return typeof value === 'string' ? value : JSON.stringify(value);
}

/* What a row says beside the name: what is wrong, else what was answered, else what it is. FROM:
 * the part of the card that is, isWhole: nothing of it was cut. */
function lineOf(card, now) {
	const line = (from, whole, words) =>
		({ from, words, isWhole: words === visible(whole).trim() });
	const cut = (from, text) => line(from, text, oneLine(text, 400));
	if (card.error)
		return cut('error', card.error.message ?? card.error.kind);
	if (card.warnings?.length > 0)
		return line('warnings', card.warnings.join('\n'), warningWords(card.warnings));
	if (certificateIsDue(card, now)) {
		const words = 'its certificate ' + certificateWords(card, now);
		return line('certificate', words, words);
	}
	if (card.response)
		return cut('response', card.response);
	if (card.values)
		return line('values', pairWords(card.values, (text) => text),
			pairWords(card.values, (text) => oneLine(text, 60)));
	return cut('description', card.description ?? '');
}

function warningWords(warnings) {
	return oneLine(warnings[0], 300) +
		(warnings.length > 1 ? ` (and ${warnings.length - 1} more)` : '');
}

function pairWords(values, shown) {
	return Object.entries(values)
		.map(([name, value]) => `${name} ${shown(valueWords(value))}`).join(' · ');
}
