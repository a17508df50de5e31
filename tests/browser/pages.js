// Report pages in a real browser: see run, which starts this. Every check is a function below; the first that
// fails ends the program with what was expected and seen.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { contrasts, clippedLabels } = require('./inside.js');
const { totalsOfCsv, totalsOfJsonl, totalsOfPage, assertNoFormulas } = require('./totals.js');

const [material, pictures] = process.argv.slice(2);
const DESKTOP = { width: 1200, height: 1500 };
const PHONE = { width: 390, height: 844 };
const page3 = path.join(material, 'run-3.html'); // all outcomes but foreign keys that were archived
const page2 = path.join(material, 'run-2.html'); // those

// Opens a page that may fetch nothing and say nothing: whatever it does beyond being there fails at the end.
async function open(browser, file, options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, ...options });
  const page = await context.newPage();
  const url = `file://${file}`;
  const said = [];
  page.on('request', (request) => request.url() !== url && said.push(`fetches ${request.url()}`));
  page.on('console', (message) => said.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => said.push(`error: ${error}`));
  page.on('dialog', (dialog) => { said.push(`dialog: ${dialog.message()}`); return dialog.dismiss(); });
  await page.goto(url);
  page.done = async () => {
    assert.deepEqual(said, [], `${file} has to be silent`);
    await context.close();
  };
  return page;
}

async function column(table, index) {
  return (await table.locator(`tbody tr > :nth-child(${index + 1})`).allInnerTexts()).map((text) => text.trim());
}

async function sorts(browser) {
  const page = await open(browser, page3);
  const table = page.locator('table.causes');
  const heading = table.getByRole('columnheader', { name: 'Keys' });
  const button = heading.getByRole('button');
  const before = (await column(table, 3)).map(Number);
  const up = [...before].sort((a, b) => a - b);
  assert.ok(before.length > 8, 'causes in the table');
  await button.click();
  assert.deepEqual((await column(table, 3)).map(Number), up);
  assert.equal(await heading.getAttribute('aria-sort'), 'ascending');
  await button.focus();
  await page.keyboard.press('Enter'); // by the keyboard alone
  assert.deepEqual((await column(table, 3)).map(Number), up.reverse());
  assert.equal(await heading.getAttribute('aria-sort'), 'descending');
  await page.done();
}

async function filters(browser) {
  const page = await open(browser, page3);
  const group = page.locator('.group').first();
  const rows = group.locator('tbody tr');
  const all = await rows.count();
  const field = group.getByRole('searchbox', { name: 'Show rows with' });
  await field.fill('<SCRIPT>');
  const some = await rows.locator('visible=true').count();
  assert.ok(some > 0 && some < all, `${some} of ${all} rows`);
  for (const text of await rows.locator('visible=true').allInnerTexts()) assert.match(text, /<script>alert\(1\)<\/script>/);
  assert.equal(await group.locator('output').innerText(), `${some} of ${all}`);
  await field.fill('');
  assert.equal(await rows.locator('visible=true').count(), all);
  await page.done();
}

// A4, of several pages, with every row: what scrolls on a screen does not on paper.
async function prints(browser) {
  const page = await open(browser, page3);
  const pdf = (await page.pdf({ path: path.join(pictures, 'a4.pdf'), preferCSSPageSize: true })).toString('latin1');
  const boxes = [...pdf.matchAll(/\/MediaBox ?\[ ?0 0 ([\d.]+) ([\d.]+) ?\]/g)];
  assert.ok(boxes.length > 3, `${boxes.length} pages`);
  for (const [, width, height] of boxes) {
    assert.ok(Math.abs(width - 595.28) < 1 && Math.abs(height - 841.89) < 1, `A4, not ${width} x ${height}`);
  }
  await page.emulateMedia({ media: 'print' });
  for (const region of await page.locator('.scroll').all()) {
    assert.ok(await region.evaluate((node) => node.scrollHeight <= node.clientHeight), 'printed whole');
  }
  assert.equal(await page.getByRole('searchbox').count(), 0, 'no fields on paper');
  await page.done();
}

// The same words without scripts, but for what only they can do.
async function worksWithoutScripts(browser) {
  const words = [];
  for (const javaScriptEnabled of [true, false]) {
    const page = await open(browser, page3, { javaScriptEnabled });
    const buttons = await page.getByRole('button').count();
    assert.equal(buttons > 0, javaScriptEnabled, 'buttons');
    words.push((await page.locator('main').innerText()).replaceAll('Show rows with', '').replace(/\s+/g, ' '));
    assert.ok(await page.getByRole('heading', { name: 'Every key is accounted for' }).isVisible());
    await page.done();
  }
  assert.equal(words[0], words[1]);
}

// What an auditor asks for first is there by name.
async function tellsWhatMatters(browser) {
  const page = await open(browser, page3);
  for (const name of ['Anybody can compute the key: ROCA, CVE-2017-15361', 'Issued by another CA', 'Wrong password or key, or none given',
    'Certificates without keys', 'Passwords', 'Weak keys', 'In the archive now', 'Who can open them', 'Inputs']) {
    assert.ok(await page.getByRole('heading', { name, exact: true }).isVisible(), `the page tells ${name}`);
  }
  for (const kind of ['RSA 1024 weak', 'RSA with SHA-1 weak', 'RSA with MD5 weak', 'RSASSA-PSS with SHA-1 weak']) {
    assert.ok(await page.getByRole('rowheader', { name: kind, exact: true }).isVisible(), `${kind} is marked`);
  }
  assert.equal(await page.locator('.weak').count(), 4, 'marks of weak kinds');
  await page.done();
}

// Names are text: they make no elements, run nothing, and turn no direction.
async function namesAreText(browser) {
  const page = await open(browser, page3);
  for (const name of ['<script>alert(1)</script>', '"><img src=x onerror=alert(2)>', '&amp; &lt;b&gt;',
    '\\u{202e}gnp.exe\\u{202c} invoice', "=cmd|'/C calc'!A0", 'محمد العربي', '山田 太郎']) {
    assert.ok(await page.getByRole('cell', { name, exact: true }).count() > 0, `the page tells ${name}`);
  }
  assert.equal(await page.locator('script').count(), 1, 'scripts');
  assert.equal(await page.locator('img, iframe, object, embed, link, [onerror], [onload], [style]').count(), 0);
  assert.doesNotMatch(await page.content(), /[\u202a-\u202e\u2066-\u2069\u200e\u200f]/u);
  await page.done();
}

async function isAccessible(browser, file, colorScheme) {
  // only here the page's own policy is off, since it keeps axe out as well
  const page = await open(browser, file, { colorScheme, bypassCSP: true });
  await page.addScriptTag({ path: require.resolve('axe-core/axe.min.js') });
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document));
  const told = violations.map((found) => `${found.id}: ${found.help}: ${found.nodes[0].html.slice(0, 200)}`);
  assert.deepEqual(told, [], `axe-core, ${colorScheme}`);
  assert.ok(passes.length > 30, `${passes.length} of axe-core's rules had something to look at`);
  // axe leaves open what scrolls and what is drawn
  assert.deepEqual(await page.evaluate(contrasts, 4.5), [], `contrasts, ${colorScheme}`);
  await page.done();
}

async function fits(browser, viewport) {
  const page = await open(browser, page3, { viewport });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= viewport.width, `${width} wide on a screen of ${viewport.width}`);
  assert.deepEqual(await page.evaluate(clippedLabels), [], 'labels of charts are whole');
  await page.done();
}

async function takePicture(browser, name, options) {
  const page = await open(browser, page3, options);
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  if (!options.top) await page.setViewportSize({ ...options.viewport, height });
  await page.screenshot({ path: path.join(pictures, name) });
  await page.done();
}

function sameTotals() {
  for (const run of ['run-2', 'run-3']) {
    const read = (ending) => fs.readFileSync(path.join(material, `${run}.${ending}`), 'utf8');
    const wanted = totalsOfJsonl(read('jsonl'));
    assert.ok(wanted.seen > 5 && wanted.archived > 0, `${run}: ${JSON.stringify(wanted)}`);
    assert.deepEqual(totalsOfCsv(read('csv')), wanted, `${run}.csv`);
    assert.deepEqual(totalsOfPage(read('html')), wanted, `${run}.html`);
    assertNoFormulas(read('csv'));
  }
}

async function main() {
  // chromium's sandbox does not start for root, who needs none here: the page is ours
  const args = process.getuid() === 0 ? ['--no-sandbox'] : [];
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
  const step = async (name, check) => {
    const begun = Date.now();
    await check();
    console.log(`${name}: ok, ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  };
  try {
    await step('the same totals in html, csv and jsonl', sameTotals);
    await step('sorts', () => sorts(browser));
    await step('filters', () => filters(browser));
    await step('prints on A4', () => prints(browser));
    await step('works without scripts', () => worksWithoutScripts(browser));
    await step('tells what matters', () => tellsWhatMatters(browser));
    await step('names are text', () => namesAreText(browser));
    for (const scheme of ['light', 'dark']) {
      await step(`accessible, ${scheme}`, () => isAccessible(browser, page3, scheme));
      await step(`picture, ${scheme}`, () => takePicture(browser, `${scheme}.png`, { viewport: DESKTOP, colorScheme: scheme }));
    }
    await step('accessible, foreign keys', () => isAccessible(browser, page2, 'light'));
    for (const viewport of [DESKTOP, PHONE, { width: 320, height: 640 }]) {
      await step(`fits ${viewport.width}`, () => fits(browser, viewport));
    }
    await step('picture, phone', () => takePicture(browser, 'phone.png', { viewport: PHONE }));
    await step('picture, the top', () => takePicture(browser, 'report.png', { viewport: { width: 1200, height: 1380 }, top: true }));
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(`FAILED: ${error.stack}`);
  process.exitCode = 1;
});
