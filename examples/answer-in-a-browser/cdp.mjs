// A browser without a window, driven through a pipe (Chrome DevTools Protocol); nothing is installed for it.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PLACES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  .flatMap((name) => (process.env.PATH ?? '').split(':').map((folder) => join(folder, name)));

/** Where a browser is; nothing where there is none. */
export const program = process.env.CHROMIUM || PLACES.find((place) => existsSync(place));

export const sleep = (ms) => new Promise((done) => { setTimeout(done, ms); });

export class Browser {
  static async start() {
    const browser = new Browser();
    browser.folder = mkdtempSync(join(tmpdir(), 'tollgate-browser-'));
    const words = ['--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe', '--disable-dev-shm-usage',
      `--user-data-dir=${browser.folder}`, '--no-first-run', 'about:blank'];
    browser.process = spawn(program, words, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    browser.number = 0;
    browser.waiting = new Map();
    browser.faults = [];
    let text = '';
    browser.process.stdio[4].on('data', (chunk) => {
      text += chunk.toString();
      for (let end = text.indexOf('\0'); end >= 0; end = text.indexOf('\0')) {
        browser.heard(JSON.parse(text.slice(0, end)));
        text = text.slice(end + 1);
      }
    });
    return browser;
  }

  heard(message) {
    const { id, method, params, result, error } = message;
    if (id !== undefined) {
      const { done, failed } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) { failed(new Error(error.message)); } else { done(result); }
    } else if (method === 'Runtime.exceptionThrown' || (method === 'Log.entryAdded' && params.entry.source !== 'network')) {
      this.faults.push(params.entry?.text ?? params.exceptionDetails?.text);
    }
  }

  send(method, params = {}, sessionId = undefined) {
    this.number += 1;
    const id = this.number;
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((done, failed) => {
      const late = setTimeout(() => failed(new Error(`the browser does not answer ${method}`)), 30_000);
      const settled = (how) => (what) => { clearTimeout(late); how(what); };
      this.waiting.set(id, { done: settled(done), failed: settled(failed) });
    });
  }

  /** A window's tab, of this size and scheme. */
  async tab({ width = 1200, height = 850, scheme = 'light', script = true } = {}) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const tab = new Tab(this, sessionId);
    for (const domain of ['Page', 'Runtime', 'Log']) { await tab.send(`${domain}.enable`); }
    await tab.look({ width, height, scheme });
    await tab.send('Emulation.setScriptExecutionDisabled', { value: !script });
    return tab;
  }

  async end() {
    this.process.kill('SIGKILL');
    await sleep(200);
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

class Tab {
  constructor(browser, session) { this.browser = browser; this.session = session; }

  send(method, params) { return this.browser.send(method, params, this.session); }

  async look({ width, height, scheme }) {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 });
    await this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
  }

  async go(url) {
    await this.send('Page.navigate', { url });
    await this.until('document.readyState === "complete"');
  }

  async value(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) { throw new Error(`${expression}: ${exceptionDetails.exception?.description}`); }
    return result.value;
  }

  text() { return this.value('document.body?.innerText ?? ""'); }

  async until(expression, seconds = 20) {
    for (const end = Date.now() + seconds * 1000; ;) {
      try { if (await this.value(expression)) { return; } } catch { /* between two pages there is none */ }
      if (Date.now() > end) { throw new Error(`not so after ${seconds} s: ${expression}\n${await this.text()}`); }
      await sleep(50);
    }
  }

  shows(text, seconds) { return this.until(`document.body?.innerText.toLowerCase().includes(${JSON.stringify(text.toLowerCase())})`, seconds); }

  /** Waits until the page's script takes keys: what is typed before is lost. */
  listens() { return this.until('document.querySelector(".keys")?.hidden === false'); }

  async key(key) {
    const keys = { Enter: { key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13, text: '\r' }, Tab: { key: 'Tab', code: 'Tab', windowsVirtualKeyCode: 9 } };
    const what = keys[key] ?? { key, text: key };
    await this.send('Input.dispatchKeyEvent', { type: 'keyDown', ...what });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...what });
  }

  type(text) { return this.send('Input.insertText', { text }); }

  /** Where the element is, if that is where it would be clicked. */
  at(selector) {
    return this.value(`(() => {
      const it = document.querySelector(${JSON.stringify(selector)});
      if (!it || document.readyState !== 'complete') { return null; }
      it.scrollIntoView({ block: 'center', behavior: 'instant' });
      const box = it.getBoundingClientRect(), x = box.x + box.width / 2, y = box.y + box.height / 2;
      return it.contains(document.elementFromPoint(x, y)) ? { x, y } : null;
    })()`);
  }

  /** Clicks where the element is, as a person does: not one that is hidden, nor one that still moves while the page is laid out. */
  async click(selector) {
    let before = null;
    for (const end = Date.now() + 20_000; ;) {
      const now = await this.at(selector).catch(() => null);
      if (now && before?.x === now.x && before.y === now.y) { break; }
      if (Date.now() > end) { throw new Error(`${selector} can't be clicked\n${await this.text()}`); }
      before = now;
      await sleep(60);
    }
    for (const type of ['mousePressed', 'mouseReleased']) {
      await this.send('Input.dispatchMouseEvent', { type, ...before, button: 'left', clickCount: 1 });
    }
  }

  async picture(path) {
    const { data } = await this.send('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true });
    writeFileSync(path, Buffer.from(data, 'base64'));
  }
}
