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

const steps = {
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

    const page = await visitor({
      clientCertificates: [{ origin: new URL(stack.proxy).origin, certPath: stack.certificate, keyPath: stack.key }],
    });
    const denied = await page.goto(stack.proxy + '?keep=1');
    assert.equal(denied.status(), 403);
    await page.getByText('Start the mark.').waitFor();
    await page.getByRole('link', { name: 'Check again' }).waitFor();
    await page.screenshot({ path: `${shots}/denial.png`, fullPage: true });
    await fits(page, 390);
    await page.screenshot({ path: `${shots}/denial-narrow.png`, fullPage: true });
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.screenshot({ path: `${shots}/denial-dark.png`, fullPage: true });
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
