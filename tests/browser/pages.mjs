// The pages that people see, in Debian's Chromium: the EMS's authorise page and the gateway's denial page.
// Usage: node pages.mjs, with the stack described as JSON in POSTERN_STACK. Prints one JSON object with what was seen.
import { chromium } from 'playwright-core';
import { readFileSync, mkdirSync } from 'node:fs';
import { strict as assert } from 'node:assert';

const stack = JSON.parse(process.env.POSTERN_STACK);
const shots = stack.screenshots;
mkdirSync(shots, { recursive: true });

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

/** A fresh visitor. Every message that the page puts into its console is a defect: our policy forbids inline code. */
async function visitor(options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1000, height: 720 }, ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (m) => { if (m.type() === 'error') page.complaints.push(m.text()); });
  page.on('pageerror', (e) => page.complaints.push(String(e)));
  return page;
}

async function fits(page, width) {
  await page.setViewportSize({ width, height: 720 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= width, `the page is ${wide} pixels wide in a window of ${width}`);
}

/** Somebody with this device's certificate. */
const known = () => visitor({
  clientCertificates: [{ origin: new URL(stack.proxy).origin, certPath: stack.certificate, keyPath: stack.key }],
});

/** What every page that refuses or fails has to hold: it fits, light and dark, goes by the keyboard, and runs nothing inline. */
async function look(page, name, response, focusable) {
  const policy = response.headers()['content-security-policy'];
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe/);
  assert.equal(await page.locator('h1').count(), 1);
  assert.equal(await page.title(), await page.locator('h1').innerText());
  for (const scheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const width of [1280, 390, 320]) {
      await fits(page, width);
      await page.screenshot({ path: `${shots}/${name}-${width}-${scheme}.png`, fullPage: true });
    }
    const contrast = await page.evaluate(() => {
      const light = (c) => { const [r, g, b] = c.match(/[\d.]+/g).map((v) => { const x = v / 255; return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!c.endsWith(', 0)')) return c; } return 'rgb(255,255,255)'; };
      let least = [99, ''];
      for (const e of document.querySelectorAll('h1,h2,p,li,small,code,time,a,button,footer div')) {
        if (!e.innerText?.trim() || !e.offsetParent) continue;
        const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < least[0]) least = [ratio, e.innerText];
      }
      return least;
    });
    assert.ok(contrast[0] >= 4.5, `${name}, ${scheme}: "${contrast[1]}" has a contrast of ${contrast[0]}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await fits(page, 1280);
  for (const wanted of focusable) {
    await page.keyboard.press('Tab');
    const focused = await page.evaluate(() => [document.activeElement.innerText.trim(), getComputedStyle(document.activeElement).outlineStyle]);
    assert.deepEqual(focused, [wanted, 'solid']);
  }
}

const steps = {
  /** One page as it is: `page`, its status, its title, and what else it says. */
  async look() {
    const page = await (stack.certificate ? known() : visitor());
    const response = await page.goto(stack.proxy);
    assert.equal(response.status(), stack.status);
    assert.equal(await page.locator('h1').innerText(), stack.title);
    const told = await page.locator('main').innerText();
    for (const text of stack.says) assert.ok(told.includes(text), `${stack.page}: "${text}" is not in ${told}`);
    await look(page, stack.page, response, stack.focusable);
    if (stack.opens) {
      console.error('MEND');
      await page.getByText('protected application').waitFor({ timeout: 60000 });
    }
    assert.deepEqual(page.complaints.filter((c) => !c.startsWith('Failed to load resource: the server responded with')), []);
  },

  /** The page that a gateway's administrator is sent to: sign in, compare the fingerprint, authorise; with the keyboard alone. */
  async authorise() {
    const page = await visitor();
    await page.goto(`${stack.ems}/fabric-authorization?serial=${stack.gateway_serial}`);
    await page.getByLabel('Name').fill('admin');
    await page.getByLabel('Password').fill('wrong password here');
    await page.keyboard.press('Enter');
    await page.getByText(/wrong|not right|incorrect/i).first().waitFor();
    await page.screenshot({ path: `${shots}/sign-in-refused.png` });
    await page.getByLabel('Name').fill('admin');
    await page.getByLabel('Password').fill(stack.password);
    await page.keyboard.press('Enter');
    await page.getByText(stack.gateway_serial).first().waitFor();
    const text = await page.locator('main').innerText();
    assert.ok(text.replace(/[\s:]/g, '').includes(stack.gateway_key.toUpperCase()), 'the fingerprint of the gateway is shown');
    await page.screenshot({ path: `${shots}/authorise.png`, fullPage: true });
    await fits(page, 390);
    await page.screenshot({ path: `${shots}/authorise-narrow.png`, fullPage: true });
    await fits(page, 1000);
    const button = page.getByRole('button', { name: 'Authorise', exact: true });
    await button.focus();
    await page.keyboard.press('Enter');
    await page.getByText(/authorised/i).first().waitFor();
    await page.screenshot({ path: `${shots}/authorised.png`, fullPage: true });
    assert.deepEqual(page.complaints.filter((c) => !c.includes('status of 401')), []);
  },

  /** Refused, told what to do; the page opens by itself once it is mended. */
  async denial() {
    const stranger = await visitor();
    const refused = await stranger.goto(stack.proxy);
    assert.equal(refused.status(), 403);
    await stranger.getByText('Denial id', { exact: true }).waitFor();
    const told = await stranger.locator('main').innerText();
    assert.ok(!told.includes('Telemetry-Connected'), 'no tag is named to a stranger');
    await stranger.screenshot({ path: `${shots}/denial-stranger.png`, fullPage: true });

    const page = await known();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const denied = await page.goto(stack.proxy + '?keep=1');
    assert.equal(denied.status(), 403);
    await page.getByText('Start the mark.').waitFor();
    await page.getByRole('link', { name: 'Check again' }).waitFor();
    assert.deepEqual(await page.locator('li').allInnerTexts(), ['Start the mark.', 'Come back here. Postern checks by itself.']);
    await look(page, 'denial', denied, ['Check again', 'Copy for the help desk']);
    await page.keyboard.press('Enter');
    await page.getByText('Copied').waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    const id = await page.locator('code').innerText();
    assert.match(copied, new RegExp(`^Denial id ${id}, reason 065, ${new URL(stack.proxy).hostname}, 20\\d\\d-`));
    // It has looked again by itself meanwhile, and says when.
    await page.getByText('Postern checks by itself every few seconds.').waitFor();
    const before = Number((await page.locator('#when').innerText()).match(/(\d+) s ago/)[1]);
    await page.waitForFunction((s) => Number(document.getElementById('when').textContent.match(/(\d+) s ago/)[1]) !== s, before);
    assert.ok(!(await page.locator('time').innerText()).includes('T'), 'the time is as people write it');
    console.error('MEND');                       // the test gives the tag back now
    await page.getByText('protected application').waitFor({ timeout: 60000 });
    assert.ok(page.url().endsWith('?keep=1'), 'the address is kept, query included');
    assert.deepEqual(page.complaints.filter((c) => !c.includes('403')), []);
  },
};

try {
  await steps[process.argv[2]]();
  console.log(JSON.stringify({ ok: true }));
} finally {
  await browser.close();
}
