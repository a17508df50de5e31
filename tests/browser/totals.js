// The totals of a run as each form of its report tells them, each read in its own way.
'use strict';
const assert = require('node:assert/strict');

const OUTCOMES = ['archived', 'known', 'refused', 'failed', 'skipped'];

function count(outcomes) {
  const totals = { seen: outcomes.length };
  for (const outcome of OUTCOMES) totals[outcome] = outcomes.filter((found) => found === outcome).length;
  return totals;
}

// Counted from the keys, and held against the summary.
function totalsOfJsonl(text) {
  const events = text.trimEnd().split('\n').map((line) => JSON.parse(line));
  const totals = count(events.filter((event) => event.event === 'key').map((event) => event.outcome));
  const summary = events.at(-1);
  assert.equal(summary.event, 'summary');
  for (const name of Object.keys(totals)) assert.equal(summary[name], totals[name], `the summary's ${name}`);
  return totals;
}

// RFC 4180, as strict as it is.
function rowsOfCsv(text) {
  const rows = [];
  let row = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  while (field.lastIndex < text.length) {
    const found = field.exec(text);
    assert.ok(found, 'a field of CSV');
    row.push(found[1] === undefined ? found[2] : found[1].replaceAll('""', '"'));
    if (found[3] === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

function totalsOfCsv(text) {
  const [names, ...rows] = rowsOfCsv(text);
  for (const row of rows) assert.equal(row.length, names.length, 'fields of a row');
  return count(rows.map((row) => row[names.indexOf('outcome')]));
}

// No field begins as a formula of a spreadsheet does; the material has names that do.
function assertNoFormulas(text) {
  const fields = rowsOfCsv(text).flat();
  for (const field of fields) assert.doesNotMatch(field, /^[=+\-@\t\r]/u);
}

function totalsOfPage(text) {
  const names = { Seen: 'seen', Archived: 'archived', 'Known before': 'known', Refused: 'refused', Failed: 'failed', Skipped: 'skipped' };
  const cells = [...text.matchAll(/<td data-name="([^"]*)">([\d,]+)</g)];
  return Object.fromEntries(cells.map(([, name, number]) => [names[name], Number(number.replaceAll(',', ''))]));
}

module.exports = { totalsOfCsv, totalsOfJsonl, totalsOfPage, assertNoFormulas };
